// A person clicks “Inspect modes” above a class: it is built in their Python, switched, and run.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { launchWorkbench, torchPython } from './workbench';
import type { Workbench } from './workbench';

const code = `from torch import nn


class Head(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.bn = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        return self.out(self.dropout(self.bn(self.linear(x))))


class Broken(nn.Module):
    def __init__(self):
        raise ValueError("no such backbone")
`;

describe('the lens above a class', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      prepare: (folder) => {
        fs.writeFileSync(path.join(folder, 'head.py'), code);
        // A window on a server takes a machine's settings from there, or from the workspace, and not from the user's.
        fs.mkdirSync(path.join(folder, '.vscode'), { recursive: true });
        const settings = JSON.stringify({ 'modeInspector.python': torchPython() });
        fs.writeFileSync(path.join(folder, '.vscode', 'settings.json'), settings);
      },
    });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  const lens = (position: number) =>
    workbench.page.locator('.codelens-decoration a').filter({ hasText: 'Inspect modes' }).nth(position);

  it('asks for the arguments and shows the model', async () => {
    await workbench.explorerRow('head.py').dblclick();
    await lens(0).waitFor({ timeout: 60_000 });
    await workbench.screenshots('lens');
    await lens(0).click();
    await workbench.page.getByText('Arguments for the constructor').waitFor({ timeout: 60_000 });
    assert.equal(await workbench.quickInput.inputValue(), 'width=, classes=');
    await workbench.answer('width=8, classes=3');
    await workbench.showModeInspector();
    await workbench.row(/^Process Head \(head\.py\), live, 1 model/).waitFor({ timeout: 60_000 });
    await workbench.row(/^bn, BatchNorm1d, train/).waitFor();
  });

  it('lets it be switched and run', async () => {
    await workbench.inlineAction(/^dropout, Dropout/, 'Set Eval');
    await workbench.row(/^dropout, Dropout p=0.2, eval/).waitFor();
    await workbench.contextAction(workbench.row(/^Model model, Head, /), 'Run Forward');
    await workbench.row(/^Last forward/).waitFor();
    await workbench.expand(/^bn, BatchNorm1d/);
    await workbench.row(/^num_batches_tracked: 1/).waitFor();
    await workbench.screenshots('lens-model');
  });

  it('says in a sentence what is wrong with a class', async () => {
    await lens(1).click();
    await workbench.notification(/Broken\(\) failed: ValueError: no such backbone \(head\.py:18\)\./).waitFor({
      timeout: 60_000,
    });
    await workbench.screenshots('lens-broken');
  });
});
