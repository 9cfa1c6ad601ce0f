// The statistics panel in a real VS Code: opened from the tree, in every theme, selecting both ways, live.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { launchWorkbench, torchPython } from './workbench';
import type { Workbench } from './workbench';

/** High enough for the whole panel. */
const tall = { width: 1280, height: 1900 };

describe('the statistics of a model', () => {
  let workbench: Workbench;
  const refused: string[] = [];

  before(async () => {
    workbench = await launchWorkbench();
    workbench.page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) refused.push(message.text());
    });
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
    await workbench.webview.locator('.overview .canvas[data-drawings]').waitFor();
  });

  it('move when the model runs in train', async () => {
    await workbench.command('Mode Inspector: Set Train');
    for (let run = 0; run < 3; run++) {
      await workbench.command('Mode Inspector: Run Forward');
      await workbench.webview.getByText(String(151 + run), { exact: true }).waitFor();
    }
    await workbench.webview.getByText('The line is the mean over channels').waitFor();
  });

  it('tell where train and eval part', async () => {
    await workbench.command('Mode Inspector: Compare Train and Eval');
    await workbench.webview.getByRole('heading', { name: 'Train Against Eval' }).waitFor();
    await workbench.webview.getByText(/^Train and eval of resnet_trained\.pt differ in \d+ of \d+ modules/).waitFor();
    await workbench.page.setViewportSize(tall);
    await workbench.webview.getByRole('heading', { name: 'All Layers' }).hover();
    await workbench.command('Notifications: Clear All Notifications');
    // The charts are drawn anew for the other size, a frame later.
    await workbench.page.waitForTimeout(1000);
    await workbench.screenshots('statistics', ['light', 'contrast', 'contrastLight']);
    assert.deepEqual(refused, [], 'the page does what its content security policy refuses');
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

  it('follow the tree', async () => {
    await workbench
      .row(/^bn2, BatchNorm2d/)
      .first()
      .click();
    await workbench.webview.getByRole('heading', { name: 'layer1.0.bn2' }).waitFor();
  });

  it('go to the clipboard and into a file', async () => {
    await workbench.webview.getByRole('button', { name: 'Copy CSV' }).first().click();
    await workbench.page.getByText('Copied as CSV').waitFor();
    const text = await workbench.page.evaluate(() => navigator.clipboard.readText());
    assert.match(text, /^path,type,training,[^]*\nlayer1\.0\.bn1,BatchNorm2d,true,train,0\.1,/);
    await workbench.webview.getByRole('button', { name: 'Save SVG' }).first().click();
    await workbench.quickInput.waitFor();
    await workbench.page.keyboard.press('Enter');
    await workbench.page.getByText('Saved resnet_trained.pt-layers.svg').waitFor();
    const picture = fs.readFileSync(path.join(workbench.folder, 'resnet_trained.pt-layers.svg'), 'utf8');
    assert.match(picture, /^<svg [^]*running_var[^]*<\/svg>$/);
  });

  it('close with their model', async () => {
    await workbench.command('Mode Inspector: Close Model');
    await workbench.page.locator('.tab').filter({ hasText: 'BatchNorm Statistics' }).waitFor({ state: 'detached' });
  });
});

describe('the statistics of a live model', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({ settings: { 'modeInspector.python': torchPython() } });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('move while it trains, and the timeline tells who switches its mode', async () => {
    await workbench.explorerRow('train.py').dblclick();
    await workbench.page
      .locator('.editor-actions a[aria-label^="Run Python File with Mode Inspector"]')
      .click({ timeout: 60_000 });
    await workbench.showModeInspector();
    await workbench.row(/^Model model, Net, /).waitFor({ timeout: 60_000 });
    await workbench.command('Mode Inspector: Show BatchNorm Statistics');
    await workbench.webview.getByText(/2 BatchNorm layers/).waitFor();
    // The terminal takes half of the window.
    await workbench.page.keyboard.press('Control+J');
    await workbench.page.setViewportSize(tall);
    // Its quartiles come only while the panel is in sight.
    await workbench.webview.getByText('upper quartile').waitFor();
    const line = workbench.webview.getByRole('button', { name: /^model → eval train\.py:\d+ in accuracy/ });
    await line.waitFor({ timeout: 60_000 });
    await workbench.screenshot('statistics-live');
    await line.click();
    await workbench.page.locator('.tab.active').filter({ hasText: 'train.py' }).waitFor();
    await workbench.page.getByText(/^Ln 42, /).waitFor();
  });
});
