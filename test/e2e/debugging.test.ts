// A person debugs the sample script and stops inside a forward: the tree beside it is live, and a switch waits.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/lib/paths';
import { launchWorkbench, torchPython } from './workbench';
import type { Workbench } from './workbench';

const configuration = {
  type: 'debugpy',
  name: 'Debug train.py',
  request: 'launch',
  program: '${workspaceFolder}/train.py',
  console: 'internalConsole',
};

describe('a model that is debugged', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      settings: { 'debug.openDebug': 'neverOpen', 'debug.internalConsoleOptions': 'neverOpen' },
      beside: [path.join(root, 'test', 'integration', 'debugger')],
      prepare: (folder) => {
        fs.mkdirSync(path.join(folder, '.vscode'));
        const text = JSON.stringify({
          version: '0.2.0',
          configurations: [{ ...configuration, python: torchPython() }],
        });
        fs.writeFileSync(path.join(folder, '.vscode', 'launch.json'), text);
      },
    });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('shows its modules while the program stands at a breakpoint in a forward', async () => {
    const { page } = workbench;
    await workbench.explorerRow('train.py').dblclick();
    await goToForward(workbench);
    // Just after its start VS Code may not know yet which languages have breakpoints.
    await workbench.insist(() => page.keyboard.press('F9'), page.locator('.codicon-debug-breakpoint').first());
    await page.keyboard.press('F5');
    await page.locator('.debug-top-stack-frame-line').first().waitFor({ timeout: 60_000 });
    await workbench.showModeInspector();
    await workbench.row(/^Process train\.py, live, 1 model/).waitFor();
    await workbench.expand(/^features,/);
    await workbench.expand(/^0, Block/);
    await workbench.expand(/^bn, BatchNorm2d/);
    await workbench.row(/^num_batches_tracked: 0/).waitFor();
  });

  it('says that a switch waits for the next forward, and does it then', async () => {
    const { page } = workbench;
    await workbench.inlineAction(/^dropout, Dropout/, 'Set Eval');
    await workbench.row(/^Waiting/).waitFor();
    await workbench.screenshot('debug-stopped');
    await goToForward(workbench);
    await page.keyboard.press('F9');
    await page.locator('.debug-toolbar a[aria-label^="Continue"]').click();
    await workbench.row(/^Waiting/).waitFor({ state: 'hidden' });
    // The script's own model.train() takes it back an epoch later; that it was done stays in the list.
    await workbench.expand(/^Mode switches/);
    await workbench.row(/^dropout to eval by Mode Inspector/).waitFor();
    await workbench.screenshot('debug-running');
  });
});

/** Puts the cursor into the forward of a block, where F9 sets a breakpoint or takes it away. */
async function goToForward(workbench: Workbench): Promise<void> {
  const { page, folder } = workbench;
  const script = fs.readFileSync(path.join(folder, 'train.py'), 'utf8').split('\n');
  const line = script.findIndex((text) => text.includes('return torch.relu(self.bn')) + 1;
  assert.ok(line > 0);
  await page.locator('.editor-instance .view-lines').first().click();
  await page.keyboard.press('Control+g');
  await workbench.answer(`:${String(line)}`);
  await page.locator('.editor-instance .monaco-editor.focused').first().waitFor();
}
