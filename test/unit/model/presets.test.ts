// What presets want of which modules.

import assert from 'node:assert/strict';

import { presetFlags, presetLayers } from '../../../src/model/presets';
import { batchNorm, dropout, moduleSpec } from '../support/models';

const modules = [
  moduleSpec('', 'Net'),
  moduleSpec('block', 'Block'),
  batchNorm('block.bn'),
  dropout('block.drop', false),
  batchNorm('bn'),
  { ...batchNorm('again'), sharedWith: 'bn' },
  moduleSpec('fc', 'Linear'),
];

describe('presets', () => {
  it('freeze BatchNorm and nothing else', () => {
    assert.deepEqual(
      [...presetFlags('freezeBatchNorm', modules, '')],
      [
        ['block.bn', false],
        ['bn', false],
        ['again', false],
      ],
    );
    assert.deepEqual([...presetFlags('freezeBatchNorm', modules, 'block')], [['block.bn', false]]);
  });

  it('leave only dropout in train, and modules elsewhere alone', () => {
    assert.deepEqual(
      [...presetFlags('monteCarloDropout', modules, 'block')],
      [
        ['block', false],
        ['block.bn', false],
        ['block.drop', true],
      ],
    );
    assert.equal(presetFlags('monteCarloDropout', modules, '').get(''), false);
  });

  it('count a shared layer once', () => {
    assert.deepEqual(
      presetLayers('freezeBatchNorm', modules, '').map(({ path }) => path),
      ['block.bn', 'bn'],
    );
    assert.deepEqual(presetLayers('monteCarloDropout', modules, 'fc'), []);
  });
});
