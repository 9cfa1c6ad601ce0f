// Which layers of one rank wait for the others.

import assert from 'node:assert/strict';
import { synchronizedLayers } from '../../../src/commands/ranksModel';
import { batchNorm, moduleSpec } from '../support/models';

describe('a switch in one of several ranks', () => {
  const sync = (path: string, training = true): ReturnType<typeof batchNorm> =>
    batchNorm(path, training, { type: 'SyncBatchNorm' });
  const modules = [
    moduleSpec('', 'Net'),
    sync('bn'),
    moduleSpec('block', 'Block'),
    sync('block.bn', false),
    batchNorm('last'),
  ];

  it('touches the layers that wait for all ranks and would change', () => {
    assert.equal(synchronizedLayers(modules, '', false, true), 1);
    assert.equal(synchronizedLayers(modules, '', true, true), 1);
    assert.equal(synchronizedLayers(modules, 'block', true, true), 1);
    assert.equal(synchronizedLayers(modules, 'block', false, true), 0);
  });

  it('touches none where only another flag is set, or a layer counts its own batches', () => {
    assert.equal(synchronizedLayers(modules, '', false, false), 0);
    assert.equal(synchronizedLayers(modules, 'bn', false, false), 1);
    assert.equal(synchronizedLayers(modules, 'last', false, true), 0);
  });
});
