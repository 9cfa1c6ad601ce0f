// The statistics panel in a real VS Code: opened from the tree, in three themes, selecting both ways, live.

import assert from 'node:assert/strict';
import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

for (const theme of ['dark', 'light', 'contrast'] as const) {
  describe(`the statistics of a model (${theme})`, () => {
    let workbench: Workbench;

    before(async () => {
      workbench = await launchWorkbench({ theme });
    });

    after(async () => {
      await (workbench as Workbench | undefined)?.close();
    });

    it('open from the palette and show every BatchNorm layer', async () => {
      await workbench.untilOurs(() => workbench.explorerRow('resnet_trained.pt').click());
      await workbench.webview.getByRole('heading', { name: 'resnet_trained.pt' }).waitFor();
      await workbench.command('Mode Inspector: Show BatchNorm Statistics');
      await workbench.webview.getByText(/13 BatchNorm layers/).waitFor();
      await workbench.webview.getByText('No layer stands out').waitFor();
      await workbench.page.waitForTimeout(1500);
      await workbench.screenshot(`statistics-${theme}`);
    });

    it('follow the keyboard, and the tree follows them', async () => {
      await workbench.webview.getByRole('slider', { name: 'Layer' }).focus();
      await workbench.page.keyboard.press('ArrowRight');
      await workbench.webview.getByRole('heading', { name: 'layer1.0.bn1' }).waitFor();
      await workbench
        .row(/^bn1, BatchNorm2d/)
        .and(workbench.page.locator('[aria-selected="true"]'))
        .waitFor();
    });
  });
}

describe('the statistics of a live model', () => {
  const python = process.env['MODE_INSPECTOR_PYTHON'];
  let workbench: Workbench;

  before(async () => {
    assert.ok(python, 'Run this with `npm test -- e2e`, or name a Python with torch in MODE_INSPECTOR_PYTHON.');
    workbench = await launchWorkbench({ settings: { 'modeInspector.python': python } });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('move while it trains, and the timeline tells who switches its mode', async () => {
    await workbench.explorerRow('train.py').dblclick();
    await workbench.page.locator('.editor-actions a[aria-label^="Run Python File with Mode Inspector"]').click();
    await workbench.showModeInspector();
    await workbench.row(/^Model model, Net, /).waitFor({ timeout: 60_000 });
    await workbench.command('Mode Inspector: Show BatchNorm Statistics');
    await workbench.webview.getByText(/2 BatchNorm layers/).waitFor();
    await workbench.page.keyboard.press('Control+J');
    await workbench.page.waitForTimeout(9000);
    await workbench.webview.getByRole('button', { name: /^model → eval, train\.py:\d+ in accuracy/ }).waitFor();
    await workbench.screenshot('statistics-live');
    await workbench.webview.getByRole('heading', { name: 'Mode Timeline' }).scrollIntoViewIfNeeded();
    await workbench.page.waitForTimeout(500);
    await workbench.screenshot('statistics-live-timeline');
    await workbench.webview.getByRole('button', { name: /^model → eval, train\.py/ }).click();
    await workbench.page.locator('.tab.active').filter({ hasText: 'train.py' }).waitFor();
    await workbench.page.getByText(/^Ln 42, /).waitFor();
  });
});
