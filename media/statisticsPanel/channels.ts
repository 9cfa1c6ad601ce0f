// One tensor of the selected layer: how its values are distributed, and each channel's own.

import type { CustomSeriesRenderItemAPI } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import { axis, baseOptions, Chart } from './chart';
import { histogram } from './histogram';
import type { Bin } from './histogram';
import { positiveScale, signedScale } from './scale';
import type { Scale } from './scale';
import type { Theme } from './theme';
import { showOnHover } from './tooltip';
import type { Tooltip, TooltipContent } from './tooltip';
import { formatNumber } from '../../src/util/numbers';
import { plural } from './words';

const left = 58;
const right = 12;
const histogramTop = 26;
const histogramHeight = 96;
const channelsTop = histogramTop + histogramHeight + 56;
const channelsHeight = 96;
export const channelsChartHeight = channelsTop + channelsHeight + 38;

export class ChannelsChart {
  readonly chart: Chart;
  private values: readonly (number | null)[] = [];
  /** Channels in the order in which they are drawn. */
  private order: readonly number[] = [];
  private bins: readonly Bin[] = [];
  private scale: Scale = positiveScale([]);
  sorted = false;

  constructor(
    readonly place: HTMLElement,
    private readonly tensor: 'running_mean' | 'running_var',
    private theme: Theme,
    tooltip: Tooltip,
  ) {
    place.style.height = `${String(channelsChartHeight)}px`;
    this.chart = new Chart(place);
    showOnHover(place, tooltip, (x, y) => this.contentAt(x, y));
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.draw();
  }

  show(values: readonly (number | null)[]): void {
    this.values = values;
    this.draw();
  }

  draw(): void {
    this.chart.draw(() => this.options());
  }

  private options(): EChartsCoreOption {
    const finite = this.values.filter((value) => value !== null);
    const isVariance = this.tensor === 'running_var';
    this.scale = isVariance ? positiveScale(finite) : signedScale(finite);
    this.bins = histogram(this.values, this.scale);
    const channels = this.values.map((_, channel) => channel);
    this.order = this.sorted
      ? channels.sort((a, b) => (this.values[a] ?? Infinity) - (this.values[b] ?? Infinity))
      : channels;
    const { theme, scale } = this;
    const colour = isVariance ? theme.variance : theme.mean;
    const ticks = {
      axisTick: { show: false, customValues: scale.ticks },
      axisLabel: {
        customValues: scale.ticks,
        hideOverlap: true,
        formatter: (place: number) => formatNumber(Number(scale.value(place).toPrecision(6))),
      },
    };
    const title = { fontWeight: 'bold', align: 'left', padding: [0, 0, 0, 14 - left] };
    const size = this.values.length > 600 ? 2.5 : this.values.length > 200 ? 3.5 : 5;
    return {
      ...baseOptions(theme),
      grid: [
        { left, right, top: histogramTop, height: histogramHeight },
        { left, right, top: channelsTop, height: channelsHeight },
      ],
      xAxis: [
        axis(theme, { gridIndex: 0, min: scale.low, max: scale.high, ...ticks, splitLine: { show: false } }),
        axis(theme, {
          gridIndex: 1,
          min: -0.5,
          max: Math.max(0.5, this.values.length - 0.5),
          minInterval: 1,
          name: this.sorted ? 'channels, smallest first' : 'channel',
          nameLocation: 'middle',
          nameGap: 22,
          nameTextStyle: { color: theme.faint, align: 'center' },
          splitLine: { show: false },
          axisLabel: { show: !this.sorted, showMinLabel: false, showMaxLabel: false },
        }),
      ],
      yAxis: [
        axis(theme, {
          gridIndex: 0,
          name: scale.kind === 'logarithmic' ? `${this.tensor}, log scale` : this.tensor,
          nameGap: 10,
          nameTextStyle: { ...title, color: theme.foreground },
          minInterval: 1,
          splitNumber: 3,
        }),
        axis(theme, {
          gridIndex: 1,
          name: 'value of each channel',
          nameGap: 10,
          nameTextStyle: { ...title, color: theme.foreground },
          min: scale.low,
          max: scale.high,
          ...ticks,
        }),
      ],
      series: [
        {
          id: 'bins',
          type: 'custom',
          silent: true,
          data: this.bins.map(({ from, to, count }) => [from, to, count]),
          encode: { x: [0, 1], y: 2 },
          renderItem: (_: unknown, api: CustomSeriesRenderItemAPI) => renderBin(api, colour),
        },
        {
          id: 'channels',
          type: 'scatter',
          xAxisIndex: 1,
          yAxisIndex: 1,
          silent: true,
          symbolSize: size,
          itemStyle: { color: colour, opacity: this.values.length > 600 ? 0.75 : 0.95 },
          data: this.order.flatMap((channel, position) => {
            const value = this.values[channel] ?? null;
            return value === null ? [] : [[position, scale.place(value)]];
          }),
        },
        {
          id: 'broken',
          type: 'scatter',
          xAxisIndex: 1,
          yAxisIndex: 1,
          silent: true,
          symbol: 'path://M-1,-1L1,1M-1,1L1,-1',
          symbolSize: 9,
          itemStyle: { color: 'transparent', borderColor: theme.error, borderWidth: 2 },
          data: this.order.flatMap((channel, position) =>
            this.values[channel] === null ? [[position, scale.high]] : [],
          ),
        },
      ],
    };
  }

  private contentAt(x: number, y: number): TooltipContent | undefined {
    if (this.values.length === 0) return undefined;
    const grid = y < histogramTop + histogramHeight + 10 ? 0 : 1;
    const at = this.chart.view.convertFromPixel({ xAxisIndex: grid, yAxisIndex: grid }, [x, y]) as
      [number, number] | undefined;
    if (at === undefined) return undefined;
    if (grid === 0) {
      const bin = this.bins.find(({ from, to }) => at[0] >= from && at[0] < to);
      if (bin === undefined) return undefined;
      const { scale } = this;
      return {
        title: plural(bin.count, 'channel'),
        lines: [`${this.tensor} from ${formatNumber(scale.value(bin.from))} to ${formatNumber(scale.value(bin.to))}`],
      };
    }
    const channel = this.order[Math.round(at[0])];
    if (channel === undefined) return undefined;
    const value = this.values[channel] ?? null;
    return {
      title: `Channel ${String(channel)}`,
      lines: [`${this.tensor} ${value === null ? 'is NaN or Inf' : formatNumber(value)}`],
    };
  }
}

function renderBin(api: CustomSeriesRenderItemAPI, colour: string): Readonly<Record<string, unknown>> | undefined {
  const count = api.value(2) as number;
  if (count === 0) return undefined;
  const [x1 = 0, y = 0] = api.coord([api.value(0), count]);
  const [x2 = 0, base = 0] = api.coord([api.value(1), 0]);
  return {
    type: 'rect',
    shape: { x: x1 + 0.5, y, width: Math.max(1, x2 - x1 - 1), height: Math.max(1, base - y) },
    style: { fill: colour },
  };
}
