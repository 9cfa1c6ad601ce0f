// One chart on the page: Apache ECharts with the parts that are used, sized with its place, drawn at most once a frame.

import { CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import { DataZoomComponent, GridComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import type { EChartsCoreOption, EChartsType } from 'echarts/core';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';
import type { ImageFormat } from '../../src/protocol/statisticsPanel';
import type { Theme } from './theme';

echarts.use([CustomChart, LineChart, ScatterChart, GridComponent, DataZoomComponent, CanvasRenderer, SVGRenderer]);

/** Many rectangles as one element: a thousand layers would be thousands of elements, each with its own bookkeeping. */
echarts.graphic.registerShape(
  'bars',
  echarts.graphic.extendShape({
    shape: { bars: [] as readonly number[] },
    buildPath(path, { bars }: { readonly bars: readonly number[] }) {
      for (let at = 0; at + 3 < bars.length; at += 4)
        path.rect(bars[at] ?? 0, bars[at + 1] ?? 0, bars[at + 2] ?? 0, bars[at + 3] ?? 0);
    },
  }),
);

export class Chart {
  readonly view: EChartsType;
  private frame: number | undefined;
  /** It was to be drawn while it was hidden. */
  private isDue = false;
  private drawings = 0;
  private options: (() => EChartsCoreOption) | undefined;

  constructor(readonly place: HTMLElement) {
    this.view = echarts.init(place, undefined, { renderer: 'canvas' });
    new ResizeObserver(() => {
      if (place.clientWidth === 0 || place.clientHeight === 0) return;
      this.view.resize();
      if (this.isDue && this.options !== undefined) this.draw(this.options);
    }).observe(place);
  }

  /** Draws in the next frame; what was to be drawn before that is skipped. A chart that is hidden waits until it is shown. */
  draw(options: () => EChartsCoreOption): void {
    this.options = options;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.options === undefined) return;
      this.isDue = this.place.clientWidth === 0;
      if (this.isDue) return;
      this.view.setOption(this.options(), { replaceMerge: ['series'] });
      // For tests: how often it was drawn, and that it was.
      this.place.dataset['drawings'] = String(++this.drawings);
    });
  }

  /** The picture as it is now: base64 of a PNG, or the text of an SVG. */
  picture(format: ImageFormat, theme: Theme): string {
    if (format === 'png') {
      const url = this.view.getDataURL({ type: 'png', pixelRatio: 2, backgroundColor: theme.background });
      return url.slice(url.indexOf(',') + 1);
    }
    const width = this.place.clientWidth;
    const height = this.place.clientHeight;
    const drawing = echarts.init(null, undefined, { renderer: 'svg', ssr: true, width, height });
    drawing.setOption({ ...this.options?.(), backgroundColor: theme.background });
    const text = drawing.renderToSVGString();
    drawing.dispose();
    return text;
  }
}

/** What every chart has alike. Nothing is animated: live figures would never come to rest. */
export function baseOptions(theme: Theme): EChartsCoreOption {
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: theme.font, fontSize: theme.fontSize, color: theme.foreground },
  };
}

/** An axis of values in the theme's colours. */
export function axis(theme: Theme, rest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { axisLabel, ...others } = rest;
  return {
    type: 'value',
    axisLine: { show: false, onZero: false, lineStyle: { color: theme.line } },
    axisTick: { show: false },
    splitLine: { show: true, lineStyle: { color: theme.line, opacity: theme.isHighContrast ? 0.4 : 0.6 } },
    nameTextStyle: { color: theme.faint, align: 'left' },
    ...others,
    axisLabel: { color: theme.faint, fontSize: theme.fontSize, ...(axisLabel as object | undefined) },
  };
}
