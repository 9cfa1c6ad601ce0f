// The Mode Inspector has its place in the activity bar, and shows its view.

import { launchWorkbench } from './workbench';
import type { Workbench } from './workbench';

describe('view container', () => {
  let workbench: Workbench | undefined;

  after(async () => {
    await workbench?.close();
  });

  it('opens from the activity bar', async () => {
    workbench = await launchWorkbench();
    await workbench.showModeInspector();
    await workbench.sideBar.getByText('Open Model').first().waitFor();
    await workbench.screenshots('container');
  });
});
