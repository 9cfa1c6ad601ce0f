// The mode timeline of a live model: the mode of the whole over time, and below it a lane for each line of code that switched it.

import type { CustomSeriesRenderItemAPI } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import type { Timeline } from '../../src/protocol/statisticsPanel';
import { axis, baseOptions, Chart } from './chart';
import { button, element, group } from './dom';
import type { Theme } from './theme';
import { showOnHover } from './tooltip';
import type { Tooltip, TooltipContent } from './tooltip';
import { clock, plural } from './words';

export const laneHeight = 30;
const axisHeight = 26;

export class TimelineChart {
  readonly chart: Chart;
  private readonly labels = element('div', 'lanes');
  private readonly canvas = element('div', 'canvas');
  private timeline: Timeline | undefined;

  constructor(
    readonly place: HTMLElement,
    private theme: Theme,
    tooltip: Tooltip,
    private readonly onOpen: (key: string) => void,
  ) {
    place.append(this.labels, this.canvas);
    this.chart = new Chart(this.canvas);
    showOnHover(this.canvas, tooltip, (x, y) => this.contentAt(x, y));
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.draw();
  }

  show(timeline: Timeline): void {
    this.timeline = timeline;
    this.showLabels(timeline);
    const height = (timeline.lanes.length + 1) * laneHeight + axisHeight;
    this.canvas.style.height = `${String(height)}px`;
    this.chart.view.resize();
    this.draw();
  }

  draw(): void {
    this.chart.draw(() => this.options());
  }

  /** A button for each lane, beside it: its words, and a way to its line for mouse and keyboard. */
  private showLabels({ lanes }: Timeline): void {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['key'] : undefined;
    const rows = lanes.map(({ key, subject, training, place, hasLine, calls }) => {
      const what = `${subject} → ${training ? 'train' : 'eval'}`;
      const words = group('span', 'lane-words', element('b', '', what), ' ', element('span', 'lane-place', place));
      const count = element('span', 'lane-count', `${calls.toLocaleString('en')}×`);
      if (!hasLine) return group('div', 'lane', words, count);
      const open = button('', () => {
        this.onOpen(key);
      });
      open.className = 'lane';
      open.dataset['key'] = key;
      open.title = `Open ${place}`;
      open.append(words, ' ', count);
      return open;
    });
    this.labels.replaceChildren(group('div', 'lane head', element('b', '', 'model')), ...rows);
    if (focused !== undefined)
      [...this.labels.querySelectorAll('button')].find((each) => each.dataset['key'] === focused)?.focus();
  }

  private options(): EChartsCoreOption {
    const { theme, timeline } = this;
    if (timeline === undefined) return {};
    const { from, to, lanes, stretches } = timeline;
    const rows = lanes.length + 1;
    return {
      ...baseOptions(theme),
      grid: { left: 8, right: 16, top: 0, height: rows * laneHeight },
      xAxis: axis(theme, {
        min: 0,
        max: to - from,
        axisLabel: {
          formatter: (seconds: number) => clock(from + seconds),
          hideOverlap: true,
          showMinLabel: false,
          showMaxLabel: false,
        },
        splitNumber: 6,
        // Its labels have no parts of a second.
        minInterval: 1,
      }),
      yAxis: { type: 'value', min: 0, max: rows, inverse: true, show: false },
      series: [
        {
          id: 'model',
          type: 'custom',
          silent: true,
          encode: { x: [0, 1], y: [] },
          data: stretches.map((each) => [each.from - from, each.to - from, modeNumber[each.mode]]),
          renderItem: (_: unknown, api: CustomSeriesRenderItemAPI) => renderStretch(api, theme),
        },
        {
          id: 'calls',
          type: 'custom',
          silent: true,
          encode: { x: 0, y: [] },
          data: lanes.flatMap(({ moments, training }, lane) =>
            moments.map(([time, calls]) => [time - from, lane + 1.5, training ? 1 : 0, calls]),
          ),
          renderItem: (_: unknown, api: CustomSeriesRenderItemAPI) => renderCall(api, theme),
        },
      ],
    };
  }

  private contentAt(x: number, y: number): TooltipContent | undefined {
    const { timeline } = this;
    if (timeline === undefined) return undefined;
    const at = this.chart.view.convertFromPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x, y]) as
      [number, number] | undefined;
    if (at === undefined) return undefined;
    const time = timeline.from + at[0];
    const lane = timeline.lanes[Math.floor(at[1]) - 1];
    if (at[1] < 1) {
      const stretch = timeline.stretches.find(({ from, to }) => time >= from && time < to);
      if (stretch === undefined) return undefined;
      const words = stretch.mode === 'mixed' ? 'train and eval by turns' : stretch.mode;
      return { title: `model: ${words}`, lines: [`${clock(stretch.from)} to ${clock(stretch.to)}`] };
    }
    if (lane === undefined) return undefined;
    const near = lane.moments.filter(([moment]) => Math.abs(moment - time) < (timeline.to - timeline.from) / 60);
    const calls = near.reduce((sum, [, count]) => sum + count, 0);
    const title = `${lane.subject} → ${lane.training ? 'train' : 'eval'}`;
    if (calls === 0) return { title, lines: [lane.place, `${plural(lane.calls, 'call')} in all`] };
    return { title, lines: [lane.place, `${plural(calls, 'call')} about ${clock(near[0]?.[0] ?? time)}`] };
  }
}

const modeNumber = { eval: 0, train: 1, mixed: 2 } as const;

function renderStretch(api: CustomSeriesRenderItemAPI, theme: Theme): Readonly<Record<string, unknown>> {
  const [x1 = 0, y1 = 0] = api.coord([api.value(0), 0.22]);
  const [x2 = 0, y2 = 0] = api.coord([api.value(1), 0.78]);
  const mode = api.value(2) as number;
  const shape = { x: x1, y: y1, width: Math.max(1, x2 - x1), height: y2 - y1 };
  if (mode === 1) return { type: 'rect', shape, style: { fill: theme.train } };
  if (mode === 2)
    return {
      type: 'group',
      children: [
        { type: 'rect', shape: { ...shape, height: shape.height / 2 }, style: { fill: theme.train } },
        { type: 'rect', shape: { ...shape, y: shape.y + shape.height - 3, height: 3 }, style: { fill: theme.eval } },
      ],
    };
  const inner = { x: x1 + 0.75, y: y1 + 0.75, width: Math.max(0.5, x2 - x1 - 1.5), height: y2 - y1 - 1.5 };
  return { type: 'rect', shape: inner, style: { fill: 'transparent', stroke: theme.eval, lineWidth: 1.5 } };
}

/** Filled for train and hollow for eval, as in the tree; larger where many calls fell together. */
function renderCall(api: CustomSeriesRenderItemAPI, theme: Theme): Readonly<Record<string, unknown>> {
  const [x = 0, y = 0] = api.coord([api.value(0), api.value(1)]);
  const training = api.value(2) === 1;
  const r = Math.min(9, 4 + Math.log2(api.value(3) as number));
  const style = training
    ? { fill: theme.train, stroke: theme.background, lineWidth: 1 }
    : { fill: theme.background, stroke: theme.eval, lineWidth: 2 };
  return { type: 'circle', shape: { cx: x, cy: y, r: training ? r : r - 0.5 }, style };
}
