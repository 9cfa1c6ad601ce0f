// The statistics panel's page under load, and by keyboard alone: a thousand layers, updates faster than anybody draws.

import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { ToStatisticsPanel } from '../../src/protocol/statisticsPanel';
import { openPanelPage, panelFigures, panelLayer, panelUpdate } from './panelPage';
import type { PanelPage, PanelUpdate } from './panelPage';

const count = 1000;
const layers = Array.from({ length: count }, (_, index) => panelLayer(index, count));

const figuresAt = (step: number): PanelUpdate => ({
  ...panelUpdate(layers, step),
  marks: [
    [
      500,
      [
        {
          kind: 'non-finite',
          tensors: ['mean'],
          word: 'NaN or Inf',
          sentence: 'NaN or Inf in 2 channels of the running mean.',
        },
      ],
    ],
    [
      700,
      [
        {
          kind: 'far-off',
          tensors: ['variance'],
          word: 'variance far off',
          sentence: 'The running variance is about 1e4 times larger.',
        },
      ],
    ],
  ],
});

describe('the statistics panel with a thousand layers', () => {
  let panel: PanelPage;

  before(async () => {
    panel = await openPanelPage();
    const model = { title: 'deep.pt', subtitle: '1,000 BatchNorm layers', live: true, layers, modeWords: 'train' };
    await panel.send({ kind: 'model', model: { ...model, selected: layers[0]?.path ?? null } }, figuresAt(0));
    await panel.page.getByRole('heading', { name: 'layer1.0.bn' }).waitFor();
    await panel.page.locator('.overview .canvas[data-drawings]').waitFor();
  });

  after(async () => {
    await (panel as PanelPage | undefined)?.close();
  });

  const drawings = (): Promise<number> =>
    panel.page.locator('.overview .canvas').evaluate((node) => Number((node as HTMLElement).dataset['drawings']));
  const nodes = (): Promise<number> => panel.page.evaluate(() => document.querySelectorAll('*').length);

  it('draws at most once a frame, however many updates come, and shows the last', async () => {
    const before = await drawings();
    const updates = Array.from({ length: 6 }, (_, step) => figuresAt(step + 1));
    // All in one turn of the page: there is no frame between them.
    await panel.send(...updates);
    await panel.page.getByText(/^6$/).first().waitFor();
    await panel.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    assert.equal((await drawings()) - before, 1);
  });

  it('keeps its size over many updates', async () => {
    const before = await nodes();
    for (let step = 7; step < 13; step++) await panel.send(figuresAt(step));
    assert.equal(await nodes(), before);
    assert.deepEqual(panel.errors, []);
  });

  it('is walked through by keyboard, and says where one is', async () => {
    const slider = panel.page.getByRole('slider', { name: 'Layer' });
    await slider.focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'PageUp']) await panel.page.keyboard.press(key);
    assert.equal(await slider.getAttribute('aria-valuenow'), '102');
    assert.match(
      (await slider.getAttribute('aria-valuetext')) ?? '',
      /^layer1\.101\.bn, BatchNorm2d.*running mean from/,
    );
    await panel.page.keyboard.press('End');
    await panel.page.getByRole('heading', { name: 'layer4.999.bn' }).waitFor();
    await panel.page.keyboard.press('+');
    await panel.page.keyboard.press('Home');
    await panel.page.getByRole('heading', { name: 'layer1.0.bn' }).waitFor();
    await panel.page.keyboard.press('0');
    const selected = (await panel.posted()).filter(({ kind }) => kind === 'select');
    assert.deepEqual(selected.at(-1), { kind: 'select', path: 'layer1.0.bn' });
  });

  it('leads to the one sick layer among them', async () => {
    await panel.page.getByRole('button', { name: 'NaN or Inf: 1 layer' }).click();
    await panel.page.getByRole('heading', { name: 'layer3.500.bn' }).waitFor();
    await panel.page.getByText('NaN or Inf in 2 channels of the running mean.').waitFor();
    await panel.screenshot('panel-thousand-layers');
  });

  it('selects by mouse what is under it, and says its numbers before', async () => {
    const box = await panel.page.locator('.overview .canvas').boundingBox();
    assert.ok(box);
    await panel.page.mouse.move(box.x + box.width / 2, box.y + 90);
    const tooltip = panel.page.locator('.tooltip');
    await tooltip.getByText('running_mean').waitFor();
    const title = await tooltip.locator('.tooltip-title').innerText();
    await panel.page.mouse.click(box.x + box.width / 2, box.y + 90);
    await panel.page.getByRole('heading', { name: title }).waitFor();
    await panel.page.keyboard.press('Escape');
    await tooltip.waitFor({ state: 'hidden' });
  });

  it('says the same as a table', async () => {
    await panel.page.getByRole('button', { name: 'Show as Table' }).first().click();
    const table = panel.page.getByRole('table', { name: 'All layers' });
    assert.equal(await table.getByRole('row').count(), count + 1);
    await table.getByRole('row', { name: /^layer3\.500\.bn BatchNorm2d .* NaN or Inf$/ }).waitFor();
    await panel.page.getByRole('button', { name: 'Show as Picture' }).click();
  });

  it('makes pictures of itself', async () => {
    await panel.page.getByRole('button', { name: 'Save PNG' }).first().click();
    await panel.page.getByRole('button', { name: 'Save SVG' }).first().click();
    const [png, svg] = (await panel.posted()).filter((message) => message.kind === 'save');
    assert.equal(
      Buffer.from(png?.data ?? '', 'base64')
        .subarray(1, 4)
        .toString(),
      'PNG',
    );
    assert.match(svg?.data ?? '', /^<svg [^]*running_mean[^]*<\/svg>$/);
    assert.doesNotMatch(svg?.data ?? '', /NaN"|undefined/);
    assert.deepEqual(panel.errors, []);
  });
});

describe('the statistics panel for everybody', () => {
  let panel: PanelPage;

  before(async () => {
    panel = await openPanelPage();
    const few = layers.slice(0, 20);
    const model = { title: 'net.pt', subtitle: '20 BatchNorm layers', live: true, layers: few, modeWords: 'train' };
    const { values: both, ...figures } = panelFigures(0, 1, 16);
    const [mean, variance] = both;
    await panel.send(
      { kind: 'model', model: { ...model, selected: few[0]?.path ?? null, notice: 'The process has ended.' } },
      {
        kind: 'figures',
        changed: few.map((_, index) => ({ index, figures })),
        marks: [[3, [{ kind: 'flat', tensors: ['variance'], word: 'variance ≈ 0', sentence: 'It is nearly 0.' }]]],
        read: 20,
      },
      {
        kind: 'layer',
        layer: {
          path: few[0]?.path ?? '',
          mean,
          variance,
          movement: [1, 2].map((step) => ({
            time: step,
            batches: step,
            mean: [0, step, 3],
            variance: [1, 2, step + 2],
          })),
        },
      },
      { kind: 'timeline', timeline },
      { kind: 'gap', gap },
    );
    await panel.page.getByRole('heading', { name: 'Mode Timeline' }).waitFor();
  });

  after(async () => {
    await (panel as PanelPage | undefined)?.close();
  });

  const lane = { subject: 'model', place: 'train.py:10 in main', hasLine: true, calls: 1 };
  const timeline: Extract<ToStatisticsPanel, { kind: 'timeline' }>['timeline'] = {
    from: 0,
    to: 10,
    calls: 1,
    omitted: 0,
    stretches: [{ from: 0, to: 10, mode: 'train' }],
    lanes: [{ ...lane, key: 'a', training: true, moments: [[0, 1]] }],
  };
  const gap: Extract<ToStatisticsPanel, { kind: 'gap' }>['gap'] = {
    sentence: 'Train and eval of net.pt differ in 1 of 1 module.',
    steps: [
      {
        path: 'layer1.0.bn',
        type: 'BatchNorm2d',
        isNorm: true,
        isApart: true,
        relativeL2: 0.5,
        cosine: 0.9,
        maxAbs: 2,
        nonFinite: 0,
        outputs: 1,
      },
    ],
  };

  /** A button that was pressed has another name afterwards. */
  const pressAll = async (name: string): Promise<void> => {
    const buttons = panel.page.getByRole('button', { name });
    while ((await buttons.count()) > 0) await buttons.first().click();
  };

  it('has no accessibility fault that axe knows, as pictures and as tables', async () => {
    await panel.page.addScriptTag({ content: axe.source });
    for (const form of ['pictures', 'tables']) {
      const faults = await panel.page.evaluate(async () => {
        const { violations } = await (window as unknown as { axe: typeof axe }).axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`);
      });
      assert.deepEqual(faults, [], form);
      if (form === 'pictures') await pressAll('Show as Table');
    }
  });

  it('opens the line of a lane by keyboard', async () => {
    await pressAll('Show as Picture');
    await panel.page.getByRole('button', { name: 'model → train train.py:10 in main 1×' }).focus();
    await panel.page.keyboard.press('Enter');
    assert.deepEqual((await panel.posted()).at(-1), { kind: 'openLine', key: 'a' });
  });
});
