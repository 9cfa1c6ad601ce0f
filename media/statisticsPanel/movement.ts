// How one statistic of the selected layer moved: its mean over channels, between the smallest and the largest.

import type { EChartsCoreOption } from 'echarts/core';
import type { MovementPoint } from '../../src/protocol/statisticsPanel';
import { axis, baseOptions, Chart } from './chart';
import { positiveScale, signedScale } from './scale';
import type { Scale } from './scale';
import type { Theme } from './theme';
import { showOnHover } from './tooltip';
import type { Tooltip, TooltipContent } from './tooltip';
import { formatNumber } from '../../src/util/numbers';
import { clock } from './words';

const left = 58;
const right = 18;
const top = 26;
export const movementHeight = 190;

export class MovementChart {
  readonly chart: Chart;
  private points: readonly MovementPoint[] = [];
  private byBatch = false;

  constructor(
    readonly place: HTMLElement,
    private readonly tensor: 'running_mean' | 'running_var',
    private theme: Theme,
    tooltip: Tooltip,
  ) {
    place.style.height = `${String(movementHeight)}px`;
    this.chart = new Chart(place);
    showOnHover(place, tooltip, (x, y) => this.contentAt(x, y));
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.draw();
  }

  show(points: readonly MovementPoint[]): void {
    this.points = points.filter((point) => this.figures(point) !== null);
    this.draw();
  }

  draw(): void {
    this.chart.draw(() => this.options());
  }

  private figures(point: MovementPoint): MovementPoint['mean'] {
    return this.tensor === 'running_mean' ? point.mean : point.variance;
  }

  private options(): EChartsCoreOption {
    const { theme, points } = this;
    const isVariance = this.tensor === 'running_var';
    const all = points.flatMap((point) => this.figures(point) ?? []);
    const scale: Scale = isVariance ? positiveScale(all) : signedScale(all);
    const first = points[0];
    const firstBatch = first?.batches ?? null;
    const lastBatch = points.at(-1)?.batches ?? null;
    this.byBatch = firstBatch !== null && lastBatch !== null && lastBatch > firstBatch;
    const colour = isVariance ? theme.variance : theme.mean;
    const at = (point: MovementPoint): number =>
      this.byBatch ? (point.batches ?? 0) : point.time - (first?.time ?? 0);
    const series = (part: 0 | 1 | 2): [number, number][] =>
      points.map((point) => [at(point), scale.place((this.figures(point) ?? [0, 0, 0])[part])]);
    const low = series(0);
    const high = series(2);
    const line = { type: 'line', silent: true, symbol: 'none' };
    const edge = { ...line, lineStyle: { color: colour, width: 1, opacity: theme.isHighContrast ? 1 : 0.5 } };
    const one = points.length < 2 ? { symbol: 'circle', symbolSize: 6 } : {};
    return {
      ...baseOptions(theme),
      grid: { left, right, top, bottom: 42 },
      xAxis: axis(theme, {
        name: this.byBatch ? 'batches tracked' : 'seconds',
        nameLocation: 'middle',
        nameGap: 24,
        nameTextStyle: { color: theme.faint, align: 'center' },
        scale: true,
        ...(points.length === 0 ? { min: 0, max: 1 } : { min: 'dataMin', max: 'dataMax' }),
        minInterval: this.byBatch ? 1 : 0,
        splitLine: { show: false },
        axisLabel: { hideOverlap: true },
      }),
      yAxis: axis(theme, {
        name: scale.kind === 'logarithmic' ? `${this.tensor}, log scale` : this.tensor,
        nameGap: 10,
        nameTextStyle: { fontWeight: 'bold', align: 'left', padding: [0, 0, 0, 14 - left], color: theme.foreground },
        min: scale.low,
        max: scale.high,
        axisTick: { show: false, customValues: scale.ticks },
        axisLabel: {
          customValues: scale.ticks,
          formatter: (place: number) => formatNumber(Number(scale.value(place).toPrecision(6))),
        },
      }),
      series: [
        { ...edge, id: 'low', data: low, stack: 'band', stackStrategy: 'all' },
        {
          ...edge,
          id: 'band',
          data: high.map(([x, y], index) => [x, y - (low[index]?.[1] ?? 0)]),
          stack: 'band',
          stackStrategy: 'all',
          areaStyle: { color: colour, opacity: theme.isHighContrast ? 0.35 : 0.22, origin: 'start' },
        },
        {
          ...line,
          ...one,
          id: 'mean',
          data: series(1),
          lineStyle: { color: colour, width: 2.25 },
          itemStyle: { color: colour },
          z: 3,
        },
      ],
    };
  }

  private contentAt(x: number, y: number): TooltipContent | undefined {
    const [first] = this.points;
    if (first === undefined) return undefined;
    const at = this.chart.view.convertFromPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x, y]) as
      [number, number] | undefined;
    if (at === undefined) return undefined;
    const placeOf = (point: MovementPoint): number => (this.byBatch ? (point.batches ?? 0) : point.time - first.time);
    let nearest = first;
    for (const point of this.points)
      if (Math.abs(placeOf(point) - at[0]) < Math.abs(placeOf(nearest) - at[0])) nearest = point;
    const figures = this.figures(nearest);
    if (figures === null) return undefined;
    const [min, mean, max] = figures;
    return {
      title: nearest.batches === null ? clock(nearest.time) : `After ${String(nearest.batches)} batches`,
      lines: [
        ...(nearest.batches === null ? [] : [clock(nearest.time)]),
        `max ${formatNumber(max)}`,
        `mean ${formatNumber(mean)}`,
        `min ${formatNumber(min)}`,
      ],
    };
  }
}
