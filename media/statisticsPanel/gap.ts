// Where train and eval part: the difference of outputs along the depth, and below it how far each batch lay from the running statistics.

import type { CustomSeriesRenderItemAPI } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import type { GapStep, PanelGap } from '../../src/protocol/statisticsPanel';
import { axis, baseOptions, Chart } from './chart';
import { positiveScale } from './scale';
import type { Theme } from './theme';
import { showOnHover } from './tooltip';
import type { Tooltip, TooltipContent } from './tooltip';
import { formatNumber } from '../../src/util/numbers';
import { percent } from './words';

const left = 66;
const right = 18;
const gapTop = 28;
const gapHeight = 120;
const shiftTop = gapTop + gapHeight + 40;
const shiftHeight = 70;
const wholeHeight = shiftTop + shiftHeight + 30;

export class GapChart {
  readonly chart: Chart;
  private steps: readonly GapStep[] = [];

  constructor(
    readonly place: HTMLElement,
    private theme: Theme,
    tooltip: Tooltip,
    onSelect: (path: string) => void,
  ) {
    place.style.height = `${String(wholeHeight)}px`;
    this.chart = new Chart(place);
    showOnHover(place, tooltip, (x) => this.contentAt(x));
    place.addEventListener('click', (event) => {
      const step = this.stepAt(event.clientX - place.getBoundingClientRect().left);
      if (step?.isNorm === true) onSelect(step.path);
    });
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.draw();
  }

  show({ steps }: PanelGap): void {
    this.steps = steps;
    this.draw();
  }

  draw(): void {
    this.chart.draw(() => this.options());
  }

  private options(): EChartsCoreOption {
    const { theme, steps } = this;
    const scale = positiveScale(steps.flatMap(({ relativeL2 }) => (relativeL2 === null ? [] : [relativeL2])));
    const shifts = steps.flatMap(({ batchShift }, index) =>
      batchShift === undefined || batchShift.meanShift === null ? [] : [[index, batchShift.meanShift] as const],
    );
    const start = steps.findIndex((step) => step.isApart);
    const title = { fontWeight: 'bold', align: 'left', padding: [0, 0, 0, 14 - left], color: theme.foreground };
    const x = { type: 'value', min: -0.5, max: Math.max(0.5, steps.length - 0.5), show: false };
    const points = steps.map(({ relativeL2 }, index) => [index, scale.place(relativeL2 ?? 0)]);
    return {
      ...baseOptions(theme),
      grid: [
        { left, right, top: gapTop, height: gapHeight },
        { left, right, top: shiftTop, height: shiftHeight },
      ],
      xAxis: [
        { ...x, gridIndex: 0 },
        { ...x, gridIndex: 1 },
      ],
      yAxis: [
        axis(theme, {
          gridIndex: 0,
          name: `difference of outputs (relative L2)${scale.kind === 'logarithmic' ? ', log scale' : ''}`,
          nameGap: 10,
          nameTextStyle: title,
          min: scale.low,
          max: scale.high,
          axisTick: { show: false, customValues: scale.ticks },
          axisLabel: { customValues: scale.ticks, formatter: (place: number) => percent(scale.value(place)) },
        }),
        axis(theme, {
          gridIndex: 1,
          name: 'batch mean from running mean, in standard deviations',
          nameGap: 10,
          nameTextStyle: title,
          min: 0,
          splitNumber: 2,
        }),
      ],
      series: [
        {
          id: 'gap',
          type: 'line',
          silent: true,
          step: 'middle',
          symbol: 'none',
          data: points,
          lineStyle: { color: theme.variance, width: 2 },
          areaStyle: { color: theme.variance, opacity: 0.15, origin: 'start' },
        },
        {
          id: 'norms',
          type: 'scatter',
          silent: true,
          symbolSize: 7,
          data: points.filter((_, index) => steps[index]?.isNorm === true),
          itemStyle: { color: theme.variance, borderColor: theme.background, borderWidth: 1 },
        },
        {
          id: 'start',
          type: 'custom',
          silent: true,
          encode: { x: 0, y: [] },
          data: start < 0 ? [] : [[start]],
          renderItem: (_: unknown, api: CustomSeriesRenderItemAPI) =>
            renderStart(api, theme, steps[start]?.path ?? '', this.place.clientWidth),
        },
        {
          id: 'shift',
          type: 'custom',
          silent: true,
          xAxisIndex: 1,
          yAxisIndex: 1,
          encode: { x: 0, y: 1 },
          data: shifts,
          renderItem: (_: unknown, api: CustomSeriesRenderItemAPI) => renderShift(api, theme.mean),
        },
      ],
    };
  }

  private stepAt(x: number): GapStep | undefined {
    const at = this.chart.view.convertFromPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x, gapTop]) as
      [number, number] | undefined;
    return at === undefined ? undefined : this.steps[Math.round(at[0])];
  }

  private contentAt(x: number): TooltipContent | undefined {
    const step = this.stepAt(x);
    if (step === undefined) return undefined;
    const { path, type, relativeL2, cosine, maxAbs, nonFinite, batchShift } = step;
    return {
      title: path === '' ? '(root)' : path,
      lines: [
        type,
        `outputs differ by ${relativeL2 === null ? 'more than can be told' : percent(relativeL2)} (relative L2)`,
        `cosine ${formatNumber(cosine)}, largest difference ${formatNumber(maxAbs)}`,
        ...(nonFinite === 0 ? [] : [`${String(nonFinite)} elements NaN or Inf in one of them`]),
        ...(batchShift === undefined
          ? []
          : [
              `batch mean ${formatNumber(batchShift.meanShift)} standard deviations from the running mean`,
              `batch variance ${formatNumber(batchShift.varianceRatio)} times the running variance`,
            ]),
      ],
    };
  }
}

function renderStart(
  api: CustomSeriesRenderItemAPI,
  theme: Theme,
  path: string,
  width: number,
): Readonly<Record<string, unknown>> {
  const [x = 0] = api.coord([api.value(0), 0]);
  const isRight = x > width / 2;
  return {
    type: 'group',
    children: [
      {
        type: 'line',
        shape: { x1: x, x2: x, y1: gapTop, y2: shiftTop + shiftHeight },
        style: { stroke: theme.warning, lineWidth: 1.5, lineDash: [4, 3] },
      },
      {
        type: 'text',
        style: {
          text: `parts at ${path === '' ? 'the root' : path}`,
          x: x + (isRight ? -6 : 6),
          y: gapTop + 4,
          textAlign: isRight ? 'right' : 'left',
          textVerticalAlign: 'top',
          fill: theme.foreground,
          font: `${String(theme.fontSize)}px ${theme.font}`,
          stroke: theme.background,
          lineWidth: 3,
        },
      },
    ],
  };
}

function renderShift(api: CustomSeriesRenderItemAPI, colour: string): Readonly<Record<string, unknown>> {
  const [x = 0, y = 0] = api.coord([api.value(0), api.value(1)]);
  const base = api.coord([0, 0])[1] ?? 0;
  const [column = 1] = (api.size?.([1, 0]) ?? [1]) as number[];
  const width = Math.min(14, Math.max(1, column * 0.7));
  return {
    type: 'rect',
    shape: { x: x - width / 2, y, width, height: Math.max(1, base - y) },
    style: { fill: colour },
  };
}
