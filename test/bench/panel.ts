// The statistics panel's page in Chromium: what an update of all layers takes of its thread, up to the picture.

import { build } from '../../scripts/lib/package';
import { openPanelPage, panelLayer, panelUpdate } from '../e2e/panelPage';
import { timing } from './measure';
import type { Comparison, Timing } from './measure';

const updates = 40;
/** As often as a live model reports. */
const perSecond = 4;

/** `tell` hears of the comparison as soon as it is measured. */
export async function panel(tell: (comparison: Comparison) => void = () => undefined): Promise<Comparison[]> {
  await build();
  const [many, few] = [await updatesOf(1000), await updatesOf(10)];
  const comparison = {
    title: 'The statistics panel: an update of all layers, time of the page’s thread',
    ours: many,
    others: [{ timing: few }],
    notes: [
      `Scripts, layout and drawing, of which ${1000 / perSecond} ms are there for each at ${perSecond} updates a second.`,
    ],
  };
  tell(comparison);
  return [comparison];
}

async function updatesOf(count: number): Promise<Timing> {
  const layers = Array.from({ length: count }, (_, index) => panelLayer(index, count));
  const shown = await openPanelPage();
  try {
    const model = { title: 'deep.pt', subtitle: `${count} layers`, live: true, layers, modeWords: 'train' };
    await shown.send({ kind: 'model', model: { ...model, selected: layers[0]?.path ?? null } }, panelUpdate(layers, 0));
    await shown.page.locator('.overview .canvas[data-drawings]').waitFor();
    const list = Array.from({ length: updates }, (_, step) => panelUpdate(layers, step + 1));
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
