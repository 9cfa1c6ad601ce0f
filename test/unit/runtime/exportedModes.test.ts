// What is told of the modules of an export whose calls have no mode, by their classes.

import assert from 'node:assert/strict';

import type { GraphNode } from '../../../src/runtime/exported/graph';
import { ExportedModes } from '../../../src/runtime/exported/modes';
import type { ModuleNode } from '../../../src/runtime/exported/moduleTree';

const call = { calledFunction: '' } as GraphNode;
const node = (path: string, type: string, end: number, children: readonly number[] = []): ModuleNode => ({
  path,
  type,
  children,
  end,
  calls: [],
  firstCall: call,
  parameters: new Map(),
  buffers: new Map(),
});

describe('modes of exported modules without a call that has one', () => {
  it('are eval for a frozen BatchNorm, unknown for a layer that was decomposed, and none for a block named after it', () => {
    const modes = new ExportedModes([
      node('', 'net.Net', 5, [1, 2, 3]),
      node('frozen', 'torchvision.ops.misc.FrozenBatchNorm2d', 2),
      node('plain', 'torch.nn.modules.batchnorm.BatchNorm2d', 3),
      node('block', 'net.ConvBatchNormReLU', 5, [4]),
      node('block.conv', 'torch.nn.modules.conv.Conv2d', 5),
    ]);
    assert.deepEqual(modes.now().behaviour, ['unknown', 'eval', 'unknown', 'none', 'none']);
    modes.set('', true, true);
    assert.equal(modes.now().behaviour[1], 'eval');
  });
});
