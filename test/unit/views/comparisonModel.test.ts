// The sentence of a comparison.

import assert from 'node:assert/strict';

import type { LayerGap, ModeComparison } from '../../../src/model/comparison';
import { comparisonSentence } from '../../../src/views/comparisonModel';

const layer = (path: string, relativeL2: number | null): LayerGap => ({
  path,
  outputs: 1,
  relativeL2,
  cosine: null,
  maxAbs: 0,
  nonFinite: 0,
});

function comparison(start: string | null, ...layers: LayerGap[]): ModeComparison {
  return { layers, start, inputs: [], milliseconds: 1, problems: [] };
}

describe('the sentence of a comparison', () => {
  it('says how many modules differ, from where on, and by how much in the end', () => {
    const found = comparison('bn1', layer('conv1', 0), layer('bn1', 0.25), layer('', 0.5));
    assert.equal(
      comparisonSentence('net.pt', found),
      'Train and eval of net.pt differ in 2 of 3 modules, from bn1 on. Its output differs by 50 % (relative L2).',
    );
  });

  it('says that nothing differs, or that there was nothing to compare', () => {
    assert.equal(
      comparisonSentence('net.pt', comparison(null, layer('', 0))),
      'Train and eval give the same in 1 module of net.pt.',
    );
    assert.equal(
      comparisonSentence('net.pt', comparison(null)),
      'No module of net.pt returned a tensor in both modes.',
    );
  });

  it('names no place where the root itself is all there is', () => {
    assert.equal(
      comparisonSentence('bn.pt', comparison('', layer('', null))),
      'Train and eval of bn.pt differ in 1 of 1 module. Its output differs by more than can be told.',
    );
  });
});
