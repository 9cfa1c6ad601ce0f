// Distances between outputs, and between a batch and running statistics, on numbers that can be told by hand.

import assert from 'node:assert/strict';

import { batchShift, DistanceSum, isApart, startOfGap, type LayerGap } from '../../../src/model/comparison';

function distance(inEval: readonly number[], inTrain: readonly number[]): Omit<LayerGap, 'path' | 'outputs'> {
  const sum = new DistanceSum();
  sum.add(inEval, inTrain);
  return sum.distance;
}

describe('distance of two outputs', () => {
  it('is relative to the one in eval', () => {
    assert.deepEqual(distance([3, 4], [3, -4]), { relativeL2: 8 / 5, cosine: -7 / 25, maxAbs: 8, nonFinite: 0 });
  });

  it('adds up over several tensors', () => {
    const sum = new DistanceSum();
    sum.add([3], [3]);
    sum.add([4], [-4]);
    assert.deepEqual(sum.distance, distance([3, 4], [3, -4]));
  });

  it('can’t be told relative to nothing, unless both are nothing', () => {
    assert.deepEqual(distance([0], [1]), { relativeL2: null, cosine: null, maxAbs: 1, nonFinite: 0 });
    assert.deepEqual(distance([0], [0]), { relativeL2: 0, cosine: null, maxAbs: 0, nonFinite: 0 });
    assert.deepEqual(distance([], []), { relativeL2: 0, cosine: null, maxAbs: 0, nonFinite: 0 });
  });

  it('counts what is not finite in one of them, and leaves it out', () => {
    const found = distance([1, NaN, Infinity, Infinity, NaN], [1, 2, 3, Infinity, NaN]);
    assert.deepEqual(found, { relativeL2: 0, cosine: 1, maxAbs: 0, nonFinite: 2 });
  });
});

describe('where the gap starts', () => {
  const layer = (path: string, relativeL2: number | null, nonFinite = 0): LayerGap => ({
    path,
    outputs: 1,
    relativeL2,
    cosine: 1,
    maxAbs: 0,
    nonFinite,
  });

  it('is the first layer that differs by more than rounding', () => {
    assert.equal(startOfGap([layer('a', 1e-7), layer('b', 0.1), layer('', 0.2)]), 'b');
    assert.equal(startOfGap([layer('a', 0), layer('', 1e-6)]), null);
    assert.equal(startOfGap([]), null);
  });

  it('takes NaN in one mode alone, and something against nothing, for a difference', () => {
    assert.ok(isApart(layer('a', 0, 1)));
    assert.ok(isApart(layer('a', null)));
  });
});

describe('a batch against running statistics', () => {
  it('is told in standard deviations and as a ratio', () => {
    const batch = { mean: [2, 0], variance: [8, 2], runningMean: [0, 0], runningVar: [4, 1], eps: 0 };
    assert.deepEqual(batchShift(batch), { meanShift: Math.sqrt(0.5), varianceRatio: Math.exp(Math.log(2)) });
  });

  it('leaves out channels that can’t be told', () => {
    const batch = { mean: [NaN, 1], variance: [1, 1], runningMean: [0, 0], runningVar: [-1, 1], eps: 0 };
    assert.deepEqual(batchShift(batch), { meanShift: 1, varianceRatio: 1 });
    assert.deepEqual(batchShift({ ...batch, runningVar: [NaN, NaN] }), { meanShift: null, varianceRatio: null });
  });
});
