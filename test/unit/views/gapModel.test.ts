// A comparison of train and eval as steps of the panel.

import assert from 'node:assert/strict';
import type { LayerGap, ModeComparison } from '../../../src/model/comparison';
import { gapOf } from '../../../src/views/gapModel';
import { batchNorm, moduleSpec } from '../support/models';

const gap = (path: string, relativeL2: number): LayerGap => ({
  path,
  relativeL2,
  cosine: 1,
  maxAbs: relativeL2,
  nonFinite: 0,
  outputs: 1,
});

describe('train against eval in the panel', () => {
  it('has the innermost modules as steps, in the order in which they returned', () => {
    const modules = [
      moduleSpec('', 'Net'),
      moduleSpec('block', 'Block'),
      batchNorm('block.bn'),
      moduleSpec('fc', 'Linear'),
    ];
    const comparison: ModeComparison = {
      layers: [gap('block.conv', 0), gap('block.bn', 0.5), gap('block', 0.4), gap('fc', 0.3), gap('', 0.3)],
      start: 'block.bn',
      inputs: [],
      milliseconds: 1,
      problems: [],
    };
    const session = { title: 'net.pt', module: (path: string) => modules.find((module) => module.path === path) };
    const { steps, sentence } = gapOf(session, comparison);
    assert.deepEqual(
      steps.map(({ path, isNorm, isApart }) => [path, isNorm, isApart]),
      [
        ['block.conv', false, false],
        ['block.bn', true, true],
        ['fc', false, true],
      ],
    );
    assert.match(sentence, /^Train and eval of net\.pt differ in 4 of 5 modules, from block\.bn on\./);
  });
});
