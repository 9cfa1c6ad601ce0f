// The overview: every layer as one column, in the order of the model, with the spread of its statistics over channels.

import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import type { TensorSummary } from '../../src/model/statistics';
import type { LayerMark } from '../../src/protocol/statisticsPanel';
import { axis, baseOptions, Chart } from './chart';
import { element } from './dom';
import { groupLayers } from './groups';
import type { LayerGroup } from './groups';
import { markColour, markShape } from './marks';
import { positiveScale, signedScale } from './scale';
import type { Scale } from './scale';
import type { PanelState } from './state';
import type { Theme } from './theme';
import { formatNumber } from '../../src/util/numbers';

const left = 66;
const right = 18;
const meanTop = 30;
const plotHeight = 132;
const varianceTop = meanTop + plotHeight + 40;
const stripTop = varianceTop + plotHeight + 12;
const stripHeight = 12;
const groupTop = stripTop + stripHeight + 6;
const overviewHeight = groupTop + 22;
const sliderHeight = 18;
/** More layers than this get a slider to zoom with. */
const layersWithoutZoom = 60;

/** The data of a series that draws all layers as one item. */
const whole = [[0]];

/** Shapes of a custom series are plain data to ECharts. */
type Shape = Readonly<Record<string, unknown>>;
type Render = (params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) => Shape | undefined;

export interface OverviewEvents {
  /** The layer under the mouse, and where that is; -1 for none. */
  onHover(index: number, x: number, y: number): void;
  onSelect(index: number): void;
  onZoom(): void;
}

export class Overview {
  readonly chart: Chart;
  private readonly cursor = element('div', 'cursor');
  private readonly selection = element('div', 'selection');
  private groups: readonly LayerGroup[] = [];

  constructor(
    readonly place: HTMLElement,
    private readonly state: PanelState,
    private theme: Theme,
    events: OverviewEvents,
  ) {
    const canvas = element('div', 'canvas');
    place.append(canvas, this.selection, this.cursor);
    this.chart = new Chart(canvas);
    const zr = this.chart.view.getZr();
    zr.on('mousemove', (event) => {
      const index = this.indexAt(event.offsetX, event.offsetY);
      this.move(this.cursor, index);
      events.onHover(index, event.offsetX, event.offsetY);
    });
    zr.on('globalout', () => {
      this.move(this.cursor, -1);
      events.onHover(-1, 0, 0);
    });
    zr.on('click', (event) => {
      const index = this.indexAt(event.offsetX, event.offsetY);
      if (index >= 0) events.onSelect(index);
    });
    this.chart.view.on('datazoom', () => {
      this.showSelection();
      events.onZoom();
    });
    // A drawing may move the columns.
    this.chart.view.on('finished', () => {
      this.showSelection();
    });
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.draw();
  }

  /** Another model: zoomed out, with its own stages. */
  reset(): void {
    this.groups = groupLayers(this.state.model.layers.map(({ path }) => path));
    const hasZoom = this.state.model.layers.length > layersWithoutZoom;
    this.place.style.height = `${String(overviewHeight + (hasZoom ? sliderHeight + 16 : 0))}px`;
    this.chart.view.clear();
    this.chart.view.resize();
    this.draw();
  }

  draw(): void {
    this.chart.draw(() => this.options());
  }

  /** Marks the selected layer, and brings it into the part that is zoomed into. */
  showSelection(): void {
    this.move(this.selection, this.state.selected);
  }

  /** @param factor below 1 to see fewer layers, larger. */
  zoom(factor: number): void {
    const [from, to] = this.window();
    const count = this.state.model.layers.length;
    const middle = Math.min(Math.max(this.state.selected, from), to);
    const width = Math.min(count, Math.max(8, (to - from) * factor));
    const start = Math.min(Math.max(-0.5, middle - width / 2), count - 0.5 - width);
    this.setWindow(start, start + width);
  }

  showAll(): void {
    this.setWindow(-0.5, this.state.model.layers.length - 0.5);
  }

  /** Moves the window if the selected layer is outside of it. */
  follow(): void {
    const [from, to] = this.window();
    const { selected } = this.state;
    if (selected >= 0 && (selected < from || selected > to)) {
      const start = Math.min(
        Math.max(-0.5, selected - (to - from) / 2),
        this.state.model.layers.length - 0.5 - (to - from),
      );
      this.setWindow(start, start + (to - from));
    }
    this.showSelection();
  }

  private window(): readonly [from: number, to: number] {
    const option = this.chart.view.getOption() as
      { dataZoom?: { startValue?: number; endValue?: number }[] } | undefined;
    const { startValue = -0.5, endValue = this.state.model.layers.length - 0.5 } = option?.dataZoom?.[0] ?? {};
    return [startValue, endValue];
  }

  private setWindow(startValue: number, endValue: number): void {
    this.chart.view.dispatchAction({ type: 'dataZoom', dataZoomIndex: 0, startValue, endValue });
  }

  private indexAt(x: number, y: number): number {
    const { width } = this.place.getBoundingClientRect();
    if (x < left - 4 || x > width - right + 4 || y < meanTop || y > groupTop + 20) return -1;
    const [at] = this.chart.view.convertFromPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x, meanTop]) as [number, number];
    const index = Math.round(at);
    return index >= 0 && index < this.state.model.layers.length ? index : -1;
  }

  private move(line: HTMLElement, index: number): void {
    const count = this.state.model.layers.length;
    if (index < 0 || index >= count) {
      line.hidden = true;
      return;
    }
    const at = this.chart.view.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [index, 0]) as
      [number, number] | undefined;
    const next = this.chart.view.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [index + 1, 0]) as
      [number, number] | undefined;
    if (at === undefined || next === undefined || Number.isNaN(at[0])) {
      line.hidden = true;
      return;
    }
    const width = Math.max(3, next[0] - at[0]);
    line.hidden = at[0] < left - 1 || at[0] > this.place.clientWidth - right + 1;
    line.style.left = `${String(at[0] - width / 2)}px`;
    line.style.width = `${String(width)}px`;
    line.style.top = `${String(meanTop)}px`;
    line.style.height = `${String(stripTop + stripHeight - meanTop)}px`;
  }

  private options(): EChartsCoreOption {
    const { figures } = this.state;
    const means = figures.map((each) => each?.runningMean ?? null);
    const variances = figures.map((each) => each?.runningVar ?? null);
    const meanScale = signedScale(extremes(means));
    const varianceScale = positiveScale(extremes(variances));
    const count = this.state.model.layers.length;
    const hasZoom = count > layersWithoutZoom;
    const grids = [
      { left, right, top: meanTop, height: plotHeight },
      { left, right, top: varianceTop, height: plotHeight },
      { left, right, top: stripTop, height: stripHeight },
    ];
    const xAxes = grids.map((_, gridIndex) => ({
      type: 'value',
      gridIndex,
      min: -0.5,
      max: count - 0.5,
      show: false,
    }));
    return {
      ...baseOptions(this.theme),
      grid: grids,
      xAxis: xAxes,
      yAxis: [
        this.valueAxis(0, 'running_mean', meanScale),
        this.valueAxis(1, 'running_var', varianceScale),
        { type: 'value', gridIndex: 2, min: 0, max: 1, show: false },
      ],
      dataZoom: [
        {
          type: 'inside',
          xAxisIndex: [0, 1, 2],
          filterMode: 'none',
          zoomOnMouseWheel: 'ctrl',
          moveOnMouseWheel: 'shift',
          minValueSpan: 8,
        },
        ...(hasZoom ? [this.slider()] : []),
      ],
      series: [
        this.series('groups', 0, this.groupData(), this.renderGroup(), 0),
        this.series('mean', 0, whole, renderSpreads(means, meanScale, this.theme.mean, this.theme), 2),
        this.series('variance', 1, whole, renderSpreads(variances, varianceScale, this.theme.variance, this.theme), 2),
        this.series('modes', 2, whole, this.renderModes(), 2),
        this.series('marks', 0, this.markData('mean'), this.renderMark(), 5),
        this.series('varianceMarks', 1, this.markData('variance'), this.renderMark(), 5),
      ],
    };
  }

  private series(id: string, grid: number, data: readonly (readonly number[])[], renderItem: Render, z: number): Shape {
    return {
      id,
      type: 'custom',
      xAxisIndex: grid,
      yAxisIndex: grid,
      data,
      renderItem,
      z,
      silent: true,
      clip: id !== 'groups',
      // The whole row is one value to us: ECharts need not look for extents.
      encode: { x: 0, y: [] },
    };
  }

  private valueAxis(gridIndex: number, name: string, scale: Scale): Record<string, unknown> {
    const formatter = (place: number): string => formatNumber(Number(scale.value(place).toPrecision(6)));
    return axis(this.theme, {
      gridIndex,
      name: scale.kind === 'logarithmic' ? `${name}, log scale` : name,
      nameGap: 12,
      nameTextStyle: {
        color: this.theme.foreground,
        align: 'left',
        fontWeight: 'bold',
        padding: [0, 0, 0, -left + 14],
      },
      min: scale.low,
      max: scale.high,
      axisTick: { show: false, customValues: scale.ticks },
      axisLabel: { customValues: scale.ticks, formatter },
    });
  }

  private slider(): Shape {
    const { theme } = this;
    return {
      type: 'slider',
      xAxisIndex: [0, 1, 2],
      filterMode: 'none',
      top: overviewHeight + 4,
      height: sliderHeight,
      left,
      right,
      showDetail: false,
      showDataShadow: false,
      brushSelect: false,
      borderColor: theme.line,
      fillerColor: theme.isHighContrast ? 'transparent' : `${theme.focus}33`,
      handleStyle: { color: theme.background, borderColor: theme.foreground },
      moveHandleStyle: { color: theme.faint },
      emphasis: { handleStyle: { borderColor: theme.focus }, moveHandleStyle: { color: theme.focus } },
      minValueSpan: 8,
    };
  }

  private groupData(): readonly (readonly number[])[] {
    return this.groups.map(({ from, to }, index) => [(from + to - 1) / 2, index]);
  }

  /** A band behind every second stage, and the stage's name below. */
  private renderGroup(): Render {
    const { theme } = this;
    return (_, api) => {
      const position = api.value(1) as number;
      const group = this.groups[position];
      if (group === undefined) return undefined;
      const edge = this.place.clientWidth - right;
      const from = Math.max(left, api.coord([group.from - 0.5, 0])[0] ?? 0);
      const to = Math.min(edge, api.coord([group.to - 0.5, 0])[0] ?? 0);
      if (to <= from) return undefined;
      const isBand = position % 2 === 1 && this.groups.length < 60 && !theme.isHighContrast;
      const children: Shape[] = [];
      if (isBand) {
        const shape = { x: from, y: meanTop, width: to - from, height: stripTop + stripHeight - meanTop };
        children.push({ type: 'rect', shape, style: { fill: theme.foreground, opacity: 0.045 } });
      }
      if (theme.isHighContrast && position > 0) {
        const shape = { x1: from, x2: from, y1: meanTop, y2: groupTop + 12 };
        children.push({ type: 'line', shape, style: { stroke: theme.line, opacity: 0.5, lineDash: [2, 4] } });
      }
      const width = to - from - 4;
      if (width >= group.name.length * theme.fontSize * 0.55)
        children.push({
          type: 'text',
          style: {
            text: group.name,
            x: (from + to) / 2,
            y: groupTop,
            textAlign: 'center',
            textVerticalAlign: 'top',
            fill: theme.faint,
            font: `${String(theme.fontSize)}px ${theme.font}`,
          },
        });
      return { type: 'group', children };
    };
  }

  /** Filled where a layer runs as train, hollow where it runs as eval, a line where that is not known. */
  private renderModes(): Render {
    const { theme, state } = this;
    return (_, api) => {
      const [y = 0] = [api.coord([0, 0.5])[1]];
      const width = Math.min(stripHeight, Math.max(1, columnWidth(api) - 1));
      const isNarrow = width < 5;
      const half = isNarrow ? stripHeight / 2 : width / 2;
      const train: number[] = [];
      const evaluation: number[] = [];
      const unknown: number[] = [];
      const xOf = columnPlaces(api);
      state.modes.forEach(({ behaviour }, index) => {
        const x = xOf(index) - width / 2;
        if (behaviour === 'train') train.push(x, y - half, width, 2 * half);
        else if (behaviour !== 'eval') unknown.push(x, y - 0.5, width, 1);
        else if (isNarrow) evaluation.push(x, y + half - 3, width, 3);
        else evaluation.push(x + 0.75, y - half + 0.75, width - 1.5, 2 * half - 1.5);
      });
      const hollow = { fill: 'transparent', stroke: theme.eval, lineWidth: 1.5 };
      return {
        type: 'group',
        children: [
          ...bars(train, { fill: theme.train }),
          ...bars(evaluation, isNarrow ? { fill: theme.eval } : hollow),
          ...bars(unknown, { fill: theme.faint }),
        ],
      };
    };
  }

  private markData(tensor: 'mean' | 'variance'): readonly (readonly number[])[] {
    return [...this.state.marks.keys()]
      .filter((index) => this.markOf(index, tensor) !== undefined)
      .map((index) => [index]);
  }

  /** The gravest mark's shape above the plot, a line down to its layer, and its word where there is room. */
  private renderMark(): Render {
    const { theme, state } = this;
    return (params, api) => {
      const index = api.value(0) as number;
      const tensor = params.seriesId === 'marks' ? 'mean' : 'variance';
      const mark = this.markOf(index, tensor);
      if (mark === undefined) return undefined;
      const [x = 0] = api.coord([index, 0]);
      const { y } = params.coordSys as unknown as { y: number };
      const children = [...markShape(mark.kind, x, y + 8, theme)];
      if (mark.kind !== 'untouched' && mark.kind !== 'flat')
        children.unshift({
          type: 'line',
          shape: { x1: x, x2: x, y1: y + 16, y2: y + plotHeight },
          style: { stroke: markColour(mark.kind, theme), lineWidth: 1, opacity: 0.7, lineDash: [2, 3] },
        });
      const width = mark.word.length * theme.fontSize * 0.58 + 12;
      const reach = Math.ceil(width / columnWidth(api));
      const isFree = [...state.marks.keys()].every((other) => other <= index || other > index + reach);
      if (isFree && x + width < this.place.clientWidth - right && x >= left)
        children.push({
          type: 'text',
          style: {
            text: mark.word,
            x: x + 10,
            y: y + 8,
            textVerticalAlign: 'middle',
            fill: theme.foreground,
            font: `${String(theme.fontSize)}px ${theme.font}`,
            // Readable on top of the columns.
            stroke: theme.background,
            lineWidth: 3,
          },
        });
      return { type: 'group', children };
    };
  }

  private markOf(index: number, tensor: 'mean' | 'variance'): LayerMark | undefined {
    return this.state.marks.get(index)?.find(({ tensors }) => tensors.includes(tensor));
  }
}

/** A browser fills many small paths faster than few large ones, and ECharts keeps few elements faster than many. */
const barsOfElement = 8;

function bars(numbers: readonly number[], style: Shape): readonly Shape[] {
  const elements: Shape[] = [];
  for (let at = 0; at < numbers.length; at += 4 * barsOfElement)
    elements.push({ type: 'bars', shape: { bars: numbers.slice(at, at + 4 * barsOfElement) }, style });
  return elements;
}

/** Pixels of a layer's column: `coord` for each of thousands would take its time. */
function columnPlaces(api: CustomSeriesRenderItemAPI): (index: number) => number {
  const first = api.coord([0, 0])[0] ?? 0;
  const width = columnWidth(api);
  return (index) => first + index * width;
}

function columnWidth(api: CustomSeriesRenderItemAPI): number {
  const [width = 1] = (api.size?.([1, 0]) ?? [1]) as number[];
  return width;
}

function* extremes(summaries: readonly (TensorSummary | null)[]): Generator<number> {
  for (const summary of summaries) {
    const { min = null, max = null, quartiles } = summary ?? {};
    if (min !== null) yield min;
    if (max !== null) yield max;
    if (quartiles !== undefined) yield quartiles[1];
  }
}

/** From minimum to maximum faintly, the middle half strongly, the median as a gap in it. */
function renderSpreads(
  summaries: readonly (TensorSummary | null)[],
  scale: Scale,
  colour: string,
  theme: Theme,
): Render {
  return (_, api) => {
    const xOf = columnPlaces(api);
    const yOf = (value: number): number => api.coord([0, scale.place(value)])[1] ?? 0;
    const column = columnWidth(api);
    const width = Math.min(18, Math.max(1, column < 4 ? column : column * 0.68));
    const whiskers: number[] = [];
    const boxes: number[] = [];
    const medians: number[] = [];
    const middles: number[] = [];
    summaries.forEach((summary, index) => {
      const { min = null, max = null, mean = null, quartiles } = summary ?? {};
      if (min === null || max === null || mean === null) return;
      const x = xOf(index) - width / 2;
      const add = (bars: number[], top: number, bottom: number): void => {
        bars.push(x, top, width, Math.max(1, bottom - top));
      };
      add(whiskers, yOf(max), yOf(min));
      if (quartiles === undefined) {
        add(middles, yOf(mean) - 1, yOf(mean) + 1);
        return;
      }
      const [lower, median, upper] = quartiles;
      add(boxes, yOf(upper), yOf(lower));
      if (width >= 4) add(medians, yOf(median) - 0.75, yOf(median) + 0.75);
    });
    return {
      type: 'group',
      children: [
        ...bars(whiskers, { fill: colour, opacity: theme.isHighContrast ? 0.5 : 0.28 }),
        ...bars(boxes, { fill: colour, opacity: 0.95 }),
        ...bars(medians, { fill: theme.background }),
        ...bars(middles, { fill: colour }),
      ],
    };
  };
}
