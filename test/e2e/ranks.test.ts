// A person starts two ranks with torchrun in a terminal: one job, the layer that differs, its figures side by side, a switch in all ranks.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { launchWorkbench, torchPython } from './workbench';
import type { Workbench } from './workbench';

/** Each rank trains on images of its own brightness, and rank 1 has forgotten one layer in eval. */
const program = `
import time
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


dist.init_process_group("gloo")
torch.manual_seed(0)
net = nn.Sequential(Block(1, 8), Block(8, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(16, 4))
model = DistributedDataParallel(net, broadcast_buffers=False)
torch.manual_seed(dist.get_rank())
if dist.get_rank() == 1:
    net[1].bn.eval()
for step in range(100_000):
    images = torch.randn(16, 1, 12, 12) + dist.get_rank()
    model(images).square().mean().backward()
    time.sleep(0.05)
`;

describe('two ranks in the side bar', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await launchWorkbench({
      settings: { 'modeInspector.python': torchPython() },
      prepare: (folder) => {
        fs.writeFileSync(path.join(folder, 'ranks.py'), program);
      },
    });
  });

  after(async () => {
    await (workbench as Workbench | undefined)?.close();
  });

  it('are one job, which says how they stand to each other', async () => {
    await workbench.showModeInspector();
    await workbench.command('Mode Inspector: Open Terminal with Mode Inspector');
    const terminal = workbench.page.locator('.terminal-wrapper.active textarea').first();
    await terminal.waitFor({ state: 'attached' });
    await terminal.focus();
    await workbench.page.keyboard.type(
      `OMP_NUM_THREADS=1 "${torchPython()}" -m torch.distributed.run --nproc-per-node 2 ranks.py\n`,
    );
    await workbench
      .row(/^Job ranks\.py, 2 ranks, 1 flag differs, statistics of 2 layers differ/)
      .waitFor({ timeout: 90_000 });
    await workbench.row(/^rank 0, live, /).waitFor();
    await workbench.row(/^rank 1, live, /).waitFor();
    assert.equal(await workbench.row(/torchrun|Python \d+/).count(), 0);
    await workbench.screenshots('ranks');
  });

  it('show the figures of a layer side by side', async () => {
    await workbench.expand(/^Differences/);
    await workbench.row(/^module\.1\.bn, rank 0: train, rank 1: eval/).waitFor();
    await workbench.expand(/^module\.0\.bn, differs by/);
    await workbench
      .row(/^rank 0: mean /)
      .first()
      .waitFor();
    await workbench
      .row(/^rank 1: mean /)
      .first()
      .waitFor();
    await workbench.screenshots('ranks-differences');
  });

  it('say on the row of the layer how the first rank has it', async () => {
    await workbench.page.keyboard.press('Home');
    await workbench.insist(
      () =>
        workbench
          .row(/^Differences/)
          .locator('.monaco-tl-twistie')
          .click(),
      workbench.row(/^Differences/).and(workbench.page.locator('[aria-expanded="false"]')),
    );
    await workbench.expand(/^module, Sequential, mixed/);
    await workbench.expand(/^1, Block, train flag, layers in eval/);
    await workbench.row(/^bn, BatchNorm2d, eval, rank 0: train/).waitFor();
    await workbench.screenshots('ranks-layer');
  });

  it('are offered together when one of them was switched alone', async () => {
    await workbench.insist(
      () => workbench.inlineAction(/^bn, BatchNorm2d, eval, rank 0: train/, 'Set Train'),
      workbench.row(/^Job ranks\.py, 2 ranks, statistics of 2 layers differ, flags agree/),
    );
    await workbench.insist(
      () => workbench.inlineAction(/^4, Dropout/, 'Set Eval'),
      workbench.row(/^4, Dropout p=0\.3, eval, rank 0: train/),
    );
    const offer = workbench.notification('Only rank 1 was switched');
    await offer.waitFor();
    await workbench.screenshots('ranks-alone');
    await offer.getByRole('button', { name: 'All Ranks' }).click();
    await workbench.row(/^Job ranks\.py, 2 ranks, .*flags.* agree/).waitFor();
  });

  it('are switched together by the row of the job', async () => {
    await workbench.insist(
      () => workbench.inlineAction(/^Job ranks\.py/, 'Set Eval'),
      workbench.row(/^Model model, DistributedDataParallel, eval/).nth(1),
    );
    await workbench.row(/^Job ranks\.py, 2 ranks, .*flags.* agree/).waitFor();
    await workbench.screenshots('ranks-together');
  });

  it('are detached together by the row of the job, and torchrun with them', async () => {
    await workbench.contextAction(workbench.row(/^Job ranks\.py/).first(), 'Detach from Process');
    await workbench.sideBar.getByText('See which mode every layer').waitFor();
  });
});
