// A person's first quarter of an hour: click a model, read its modes and statistics, switch, run, go back.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

describe('a model in the side bar', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench();
    await ready(workbench);
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  /** Waits until a row says `text` somewhere. */
  const says = async (row: Locator, text: string | RegExp): Promise<void> => {
    await row.filter({ hasText: text }).first().waitFor();
  };
  const root = (): Locator => workbench.row(/^Model resnet_trained\.pt/);

  it('is there after one click in the explorer', async () => {
    await workbench.untilOurs(() => workbench.explorerRow('resnet_trained.pt').click());
    await says(root(), 'eval');
    await modeInStatusBar(workbench, 'eval');
    await workbench.webview.getByRole('heading', { name: 'resnet_trained.pt' }).waitFor();
    await workbench.webview.getByRole('row', { name: /BatchNorm2d 13 0 13/ }).waitFor();
    await workbench.screenshots('model-open');
    const texts = await workbench.rowTexts();
    assert.ok(
      texts.includes('layer1Sequential · eval') || texts.includes('layer1 Sequential · eval'),
      texts.join('\n'),
    );
  });

  it('shows statistics below a BatchNorm', async () => {
    await workbench.expand(/^layer1,/);
    await workbench.expand(/^0, ResidualBlock/);
    await workbench.expand(/^bn1, BatchNorm2d/);
    await workbench.row(/^num_batches_tracked: 150$/).waitFor();
    await workbench.row(/^running_mean: mean \S+, min \S+, max \S+, non-finite 0$/).waitFor();
    await workbench.row(/^running_var: /).waitFor();
    await workbench.row(/^momentum: 0\.1$/).waitFor();
    await workbench.row(/^eps: 1e-5$/).waitFor();
    await workbench.expand(/^running_mean/);
    await workbench.row(/^min: -/).waitFor();
    await workbench.screenshots('model-statistics');
  });

  it('switches a layer by its icon, and the parents say mixed', async () => {
    await workbench.inlineAction(/^bn1, BatchNorm2d/, 'Set Train');
    await workbench
      .row(/^bn1, BatchNorm2d, train$/)
      .first()
      .waitFor();
    await says(root(), 'mixed 1/14');
    await modeInStatusBar(workbench, 'mixed 1/14');
    await workbench.screenshots('model-mixed');
  });

  it('runs in eval: the output repeats and nothing moves', async () => {
    // Opening the model selected its root, and the icon left the selection there.
    await workbench.command('Mode Inspector: Set Eval');
    await modeInStatusBar(workbench, 'eval');
    await workbench.command('Mode Inspector: Run Forward');
    await workbench.row(/^Last forward, eval, statistics stood still/).waitFor();
    await workbench.command('Mode Inspector: Run Forward Again');
    await workbench.row(/^Last forward, eval, statistics stood still, output repeated exactly/).waitFor();
    await workbench.row(/^num_batches_tracked: 150$/).waitFor();
  });

  it('runs in train: the statistics move before one’s eyes, and dropout makes outputs differ', async () => {
    await workbench.command('Mode Inspector: Set Train');
    await modeInStatusBar(workbench, 'train, 14 active');
    await workbench.command('Mode Inspector: Run Forward');
    await workbench.row(/^num_batches_tracked: 151$/).waitFor();
    await workbench
      .notification(/resnet_trained\.pt ran in train .*output float32 \[2, \d+\].*Statistics moved in 13 layers/)
      .first()
      .waitFor();
    await workbench.command('Mode Inspector: Run Forward Again');
    await workbench.row(/^num_batches_tracked: 152$/).waitFor();
    await workbench.row(/^Last forward, train, .*output differs from the run before/).waitFor();
    await workbench.expand(/^Last forward/);
    await workbench.row(/^output: float32 \[2, /).waitFor();
    await workbench.screenshots('model-run');
  });

  it('goes back to the modes of the file', async () => {
    await workbench.command('Mode Inspector: Restore Modes');
    await modeInStatusBar(workbench, 'eval');
    await says(root(), 'eval');
  });
});

describe('models side by side, by keyboard, and in trouble', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      prepare: (folder) => {
        const model = fs.readFileSync(path.join(folder, 'resnet_trained.pt'));
        fs.writeFileSync(path.join(folder, 'truncated.pt'), model.subarray(0, 5000));
        fs.writeFileSync(path.join(folder, 'notes.pt'), 'this is no model');
      },
    });
    await ready(workbench);
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('switches by keyboard alone', async () => {
    const { page } = workbench;
    await workbench.openFile('mixed_modes.pt');
    await workbench.row(/^Model mixed_modes\.pt, .*mixed, 1 of 6 layers in train/).waitFor();
    await workbench.command('Mode Inspector: Focus on Modules View');
    // The root is selected; down to the first module.
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+Alt+T');
    await workbench.row(/^encoder, Sequential, train$/).waitFor();
    await page.keyboard.press('Shift+Alt+E');
    await workbench.row(/^encoder, Sequential, eval$/).waitFor();
    await page.keyboard.press('Shift+Alt+M');
    await workbench.row(/^encoder, Sequential, train$/).waitFor();
  });

  it('switches one flag only, from the context menu', async () => {
    await workbench.contextAction(workbench.row(/^encoder, Sequential/), 'Set Eval (This Flag Only)');
    await workbench.row(/^encoder, Sequential, eval flag, layers in train$/).waitFor();
  });

  it('shows what traced code really does', async () => {
    await workbench.openFile('traced.pt');
    await workbench.row(/^Model traced\.pt, .*eval flag, runs as train, 14 active/).waitFor();
    // It is the selected one now, and both models stay in the tree.
    await workbench.page
      .locator('.part.sidebar [role=treeitem][aria-selected=true][aria-label^="Model traced.pt"]')
      .waitFor();
    await workbench.row(/^Model mixed_modes\.pt/).waitFor();
    await workbench.webview.getByRole('heading', { name: 'traced.pt' }).waitFor();
    await workbench.screenshot('model-traced');
    await workbench.command('Mode Inspector: Close Model');
    await workbench.row(/^Model traced\.pt/).waitFor({ state: 'detached' });
    await workbench.webview.getByText('The model was closed').waitFor();
  });

  it('says in one sentence why a file can’t be shown', async () => {
    await workbench.openFile('truncated.pt');
    await workbench.webview
      .getByRole('alert')
      .filter({ hasText: /truncated\.pt is damaged or incomplete/ })
      .waitFor();
    await workbench.screenshot('model-truncated');
    await workbench.openFile('notes.pt');
    await workbench.webview
      .getByRole('alert')
      .filter({ hasText: /notes\.pt is a text file, not a model/ })
      .waitFor();
  });

  it('asks for other inputs and says what is wrong with them', async () => {
    await workbench.openFile('resnet_trained.pt');
    await workbench.row(/^Model resnet_trained\.pt/).waitFor();
    await workbench.command('Mode Inspector: Run Forward with Other Inputs…');
    await workbench.quickInput.fill('4,3,x,32');
    await workbench.page.locator('.quick-input-message').filter({ hasText: 'is not a size' }).waitFor();
    await workbench.answer('4,3,32,32');
    await workbench.row(/^Last forward, eval/).waitFor();
    await workbench.expand(/^Last forward/);
    await workbench.row(/^output: float32 \[4, /).waitFor();
    await workbench.command('Mode Inspector: Run Forward with Other Inputs…');
    await workbench.answer('1,5,32,32');
    await workbench
      .notification(/Other Inputs…/)
      .first()
      .waitFor();
    await workbench.screenshot('model-wrong-input');
  });

  it('offers a reload when the file changes on disk, and keeps the switched modes', async () => {
    await workbench.command('Mode Inspector: Set Train');
    await modeInStatusBar(workbench, 'train, 14 active');
    const file = path.join(workbench.folder, 'resnet_trained.pt');
    fs.writeFileSync(file, fs.readFileSync(file));
    const question = workbench.notification('resnet_trained.pt changed on disk');
    await question.waitFor();
    await workbench.row(/^Changed on disk/).waitFor();
    await workbench.screenshot('model-changed');
    await question.getByRole('button', { name: 'Reload', exact: true }).click();
    await workbench.row(/^Changed on disk/).waitFor({ state: 'detached' });
    await modeInStatusBar(workbench, 'train, 14 active');
  });
});

/** Waits until VS Code knows the extension: a click before that opens its “file is binary” page. */
async function ready(workbench: Workbench): Promise<void> {
  await workbench.activity('Mode Inspector').waitFor();
  await workbench.explorerRow('resnet_trained.pt').waitFor();
}

/** Waits for the mode in the status bar. (For a moment after a command another item there says what it did.) */
async function modeInStatusBar(workbench: Workbench, words: string): Promise<void> {
  await workbench.page.locator(`.statusbar-item[aria-label$=": ${words}"][aria-label^="Mode of"]`).waitFor();
}
