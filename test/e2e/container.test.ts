// The Mode Inspector has its place in the activity bar, and shows its view in both themes.

import assert from 'node:assert/strict';
import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

for (const theme of ['dark', 'light'] as const) {
  describe(`view container (${theme})`, () => {
    let workbench: Workbench | undefined;

    after(async () => {
      await workbench?.close();
    });

    it('opens from the activity bar', async () => {
      workbench = await launchWorkbench({ theme });
      const { page } = workbench;
      await workbench.showModeInspector();
      await workbench.sideBar.getByText('Open Model').first().waitFor();
      await workbench.screenshot(`container-${theme}`);
      const isDark = await page.locator('.monaco-workbench.vs-dark').count();
      assert.equal(isDark, theme === 'dark' ? 1 : 0);
    });
  });
}
