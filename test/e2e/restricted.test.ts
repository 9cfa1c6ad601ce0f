// A folder that nobody trusts yet: model files are read as data, and nothing of the folder is run.

import assert from 'node:assert/strict';
import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

describe('a folder in Restricted Mode', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({ restricted: true });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('has its model files opened, switched and run', async () => {
    await workbench.openFile('mixed_modes.pt');
    await workbench.row(/^Model mixed_modes\.pt, .*mixed, 1 of 6 layers in train/).waitFor();
    await workbench.command('Mode Inspector: Set Eval');
    await workbench.row(/^Model mixed_modes\.pt, .*eval/).waitFor();
    await workbench.command('Mode Inspector: Run Forward');
    await workbench.row(/^Last forward/).waitFor();
  });

  it('has no Python of it started, until it is trusted', async () => {
    const { page } = workbench;
    await workbench.activity('Explorer').click();
    await workbench.explorerRow('models.py').dblclick();
    await page.locator('.editor-actions .action-item.disabled [aria-label^="Run Python File"]').waitFor();
    await workbench.screenshot('restricted');
    await workbench.command('Workspaces: Manage Workspace Trust');
    const lens = page.locator('.codelens-decoration a').filter({ hasText: 'Inspect modes' });
    assert.equal(await lens.count(), 0);
    await page.getByRole('button', { name: 'Trust', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.locator('.editor-actions .action-item:not(.disabled) [aria-label^="Run Python File"]').waitFor();
    await lens.first().waitFor();
  });
});
