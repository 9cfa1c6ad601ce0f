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
      await workbench.row(/^bn1, BatchNorm2d/).and(workbench.page.locator('[aria-selected="true"]')).waitFor();
      assert.equal(1, 1);
    });
  });
}
