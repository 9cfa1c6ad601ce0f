// Findings as a person meets them: the view below the modules, words and badges on rows, what mends them, the page about a rule.

import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

describe('findings in the side bar', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench();
    await workbench.activity('Mode Inspector').waitFor();
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('stand below the modules, and on their rows', async () => {
    await workbench.untilOurs(() => workbench.explorerRow('traced.pt').click());
    await workbench.row(/^Findings of traced\.pt: \d+ warnings$/).waitFor();
    await workbench.expand(/^warning: Mode fixed in the code/);
    await workbench.row(/^warning at stem\.1: BatchNorm2d runs as train/).waitFor();
    await workbench.expand(/^stem, Sequential/);
    await workbench.row(/^1, BatchNorm2d, eval flag, runs as train .*, 1 warning$/).waitFor();
    await workbench.screenshots('findings-baked');
  });

  it('show their module by a click', async () => {
    await workbench.row(/^warning at stem\.1/).click();
    await workbench
      .row(/^1, BatchNorm2d/)
      .and(workbench.page.locator('[aria-selected="true"]'))
      .waitFor();
  });

  it('stand in the Problems panel', async () => {
    await workbench.command('View: Focus Problems');
    await workbench.page.locator('.markers-panel').getByText('mode/baked').first().waitFor();
    await workbench.screenshots('findings-problems');
  });

  it('are mended by an icon', async () => {
    await workbench.activity('Explorer').click();
    await workbench.untilOurs(() => workbench.explorerRow('mixed_modes.pt').click());
    await workbench.showModeInspector();
    // Folded, the first model leaves room for the second.
    await workbench
      .row(/^warning: Mode fixed in the code/)
      .locator('.monaco-tl-twistie')
      .click();
    const mixed = /^note at \(root\): \d+ of \d+ mode-sensitive layers (?:is|are) in/;
    await workbench.row(mixed).waitFor();
    await workbench.screenshots('findings-mixed');
    await workbench.inlineAction(mixed, 'Set Eval');
    await workbench.row(mixed).waitFor({ state: 'detached' });
  });

  it('lead to the page about their rule', async () => {
    await workbench.inlineAction(/^warning: Mode fixed in the code/, 'About This Rule');
    await workbench.webview.getByRole('heading', { name: 'Mode fixed in the code' }).waitFor();
    await workbench.screenshots('findings-page');
  });
});
