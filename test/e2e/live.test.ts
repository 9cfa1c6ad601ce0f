// A person trains with the sample script: the model appears, moves, is switched and pinned, and stays when the program ends.

import fs from 'node:fs';
import path from 'node:path';
import { launchWorkbench, torchPython } from './workbench';
import type { Workbench } from './workbench';

describe('a live model in the side bar', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({ settings: { 'modeInspector.python': torchPython() } });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('appears when a Python file is run', async () => {
    await workbench.explorerRow('train.py').dblclick();
    await workbench.page.locator('.editor-actions a[aria-label^="Run Python File with Mode Inspector"]').click();
    await workbench.showModeInspector();
    await workbench.row(/^Process train\.py, live, 1 model/).waitFor({ timeout: 60_000 });
    await workbench.row(/^Model model, Net, /).waitFor();
  });

  it('shows statistics that move while the program runs', async () => {
    await workbench.expand(/^features,/);
    await workbench.expand(/^0, Block/);
    await workbench.expand(/^bn, BatchNorm2d/);
    const counter = workbench.row(/^num_batches_tracked: /);
    const first = await counter.getAttribute('aria-label');
    await workbench.page.waitForFunction(
      (before) =>
        [...document.querySelectorAll('[role="treeitem"]')].some((row) => {
          const label = row.getAttribute('aria-label') ?? '';
          return label.startsWith('num_batches_tracked: ') && label !== before;
        }),
      first,
    );
  });

  it('holds a pinned layer, whatever model.train() says', async () => {
    await workbench.insist(
      () => workbench.inlineAction(/^bn, BatchNorm2d/, 'Set Eval'),
      workbench.row(/^Mode switches/).filter({ hasText: 'Mode Inspector' }),
    );
    await workbench.insist(
      () => workbench.contextAction(workbench.row(/^bn, BatchNorm2d/).first(), 'Pin to Eval'),
      workbench.row(/^bn, BatchNorm2d/).filter({ hasText: 'pinned to eval' }),
    );
    await workbench
      .row(/^bn, BatchNorm2d/)
      .filter({ hasText: 'pinned to eval' })
      .waitFor();
    await workbench.screenshots('live');
  });

  it('tells which line switched the model', async () => {
    await workbench.expand(/^Mode switches/);
    await workbench.row(/^model to eval by train\.py:\d+ in accuracy/).waitFor();
    await workbench
      .row(/^bn to eval by Mode Inspector/)
      .or(workbench.row(/bn to eval by Mode Inspector/))
      .waitFor();
    await workbench.screenshots('live-switches');
  });

  it('tells so at the line, above it and in a hover, which leads back to the model', async () => {
    // By its number: the rows of switches change places whenever one of them is made.
    const lines = fs.readFileSync(path.join(workbench.folder, 'train.py'), 'utf8').split('\n');
    const line = lines.findIndex((text) => text.includes('model.eval()')) + 1;
    await workbench.insist(
      async () => {
        await workbench.command('Go to Line/Column');
        await workbench.answer(`:${String(line)}`);
      },
      workbench.page
        .locator('.codelens-decoration a')
        .filter({ hasText: /model → eval · (once,|\d+ calls, last) \d\d:\d\d:\d\d/ }),
    );
    await workbench.screenshots('live-lenses');
    await workbench.page.locator('.view-line').getByText('model.eval()').hover();
    const hover = workbench.page.locator('.monaco-hover').filter({ hasText: 'model · ' });
    const link = hover.getByText('Show in Mode Inspector');
    await link.waitFor();
    await workbench.screenshots('live-hover');
    await link.click();
    await workbench
      .row(/^Model model, Net, /)
      .and(workbench.page.locator('[aria-selected="true"]'))
      .waitFor();
  });
});
