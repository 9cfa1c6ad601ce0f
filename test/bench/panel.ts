// The statistics panel's page in Chromium: what an update of all layers takes of its thread, up to the picture.

import { build } from '../../scripts/lib/package';
import { openPanelPage, panelFigures, panelLayer } from '../e2e/panelPage';
import { timing } from './measure';
import type { Comparison, Timing } from './measure';

const updates = 40;
/** As often as a live model reports. */
const perSecond = 4;

export async function panel(): Promise<Comparison[]> {
  await build();
  const [many, few] = [await updatesOf(1000), await updatesOf(10)];
  return [
    {
      title: 'The statistics panel: an update of all layers, time of the page’s thread',
      ours: many,
      others: [{ timing: few }],
      notes: [
        `Scripts, layout and drawing, of which ${1000 / perSecond} ms are there for each at ${perSecond} updates a second.`,
      ],
    },
  ];
}

async function updatesOf(count: number): Promise<Timing> {
  const layers = Array.from({ length: count }, (_, index) => panelLayer(index, count));
  const updateAt = (step: number) => ({
    kind: 'figures' as const,
    changed: layers.map((_, index) => {
      const { values: _values, ...figures } = panelFigures(index, step, 16);
      return { index, figures };
    }),
    marks: [],
    read: count,
  });
  const shown = await openPanelPage();
  try {
    const model = { title: 'deep.pt', subtitle: `${count} layers`, live: true, layers, modeWords: 'train' };
    await shown.send({ kind: 'model', model: { ...model, selected: layers[0]?.path ?? null } }, updateAt(0));
    await shown.page.locator('.overview .canvas[data-drawings]').waitFor();
    const list = Array.from({ length: updates }, (_, step) => updateAt(step + 1));
    await shown.page.evaluate((messages) => Object.assign(window, { messages }), list);
    const chromium = await shown.page.context().newCDPSession(shown.page);
    await chromium.send('Performance.enable');
    const busy = async (): Promise<number> => {
      const { metrics } = await chromium.send('Performance.getMetrics');
      return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN);
    };
    const samples: number[] = [];
    for (let i = 0; i < updates; i++) {
      const before = await busy();
      await shown.page.evaluate(
        (index) =>
          new Promise((resolve) => {
            const data = (window as unknown as { messages: unknown[] }).messages[index];
            window.dispatchEvent(new MessageEvent('message', { data }));
            requestAnimationFrame(() => requestAnimationFrame(resolve));
          }),
        i,
      );
      samples.push((await busy()) - before);
    }
    return timing(`${count} layers`, samples);
  } finally {
    await shown.close();
  }
}
