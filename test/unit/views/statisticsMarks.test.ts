// Which layers stand out, and that a healthy model has none that does.

import assert from 'node:assert/strict';
import { layerMarks } from '../../../src/views/statisticsMarkModel';
import type { NormStatistics, TensorSummary } from '../../../src/model/statistics';

const summary = (min: number, mean: number, max: number, nonFinite = 0): TensorSummary => ({
  min,
  mean,
  max,
  nonFinite,
});

const healthy = (index = 0): NormStatistics => ({
  numBatchesTracked: 100,
  runningMean: summary(-0.5 - index / 10, 0.1, 0.8),
  runningVar: summary(0.2, 1 + index / 10, 3 + index),
});

const marksOf = (odd: NormStatistics | null, others = 9): readonly string[] => {
  const layers = [odd, ...Array.from({ length: others }, (_, index) => healthy(index))];
  const marks = layerMarks(layers.map((figures) => ({ figures, eps: 1e-5 })));
  assert.deepEqual(marks.slice(1).flat(), [], 'a healthy layer is marked');
  return (marks[0] ?? []).map(({ kind, sentence }) => `${kind}: ${sentence}`);
};

describe('marks of layers', () => {
  it('are none for a healthy layer, nor for one whose figures are not known', () => {
    assert.deepEqual(marksOf(healthy(3)), []);
    assert.deepEqual(marksOf(null), []);
  });

  it('name what is not finite, by tensor', () => {
    assert.deepEqual(marksOf({ ...healthy(), runningMean: summary(-1, 0, 1, 2), runningVar: summary(1, 1, 1, 1) }), [
      'non-finite: NaN or Inf in 2 channels of the running mean.',
      'non-finite: NaN or Inf in 1 channel of the running variance.',
    ]);
    const none: TensorSummary = { min: null, mean: null, max: null, nonFinite: 4 };
    assert.deepEqual(marksOf({ ...healthy(), runningVar: none }), [
      'non-finite: NaN or Inf in 4 channels of the running variance.',
    ]);
  });

  it('name a negative variance and one that is nothing beside eps', () => {
    assert.deepEqual(marksOf({ ...healthy(), runningVar: summary(-0.01, 1, 3) }), [
      'negative: A running variance is negative: -0.01.',
    ]);
    assert.deepEqual(marksOf({ ...healthy(), runningVar: summary(1e-12, 1, 3) }), [
      'flat: The smallest running variance is 1e-12, far below eps (1e-5): that channel never varied.',
    ]);
  });

  it('name a layer that is far from the others, larger or smaller, but not where there are few', () => {
    const large = { ...healthy(), runningVar: summary(0.5, 1e6, 1e7) };
    assert.match(
      marksOf(large)[0] ?? '',
      /^far-off: The running variance is about \S+ times larger than in most layers\.$/,
    );
    assert.deepEqual(marksOf(large, 2), []);
    const small = { ...healthy(), runningMean: summary(-1e-6, 0, 1e-6) };
    assert.match(marksOf(small)[0] ?? '', /^far-off: The running mean is about \S+ times smaller/);
  });

  it('name what was never moved', () => {
    const initial = { numBatchesTracked: null, runningMean: summary(0, 0, 0), runningVar: summary(1, 1, 1) };
    assert.deepEqual(marksOf(initial), ['untouched: Still as initialised: every mean is 0 and every variance 1.']);
    assert.deepEqual(marksOf({ ...healthy(), numBatchesTracked: 0 }), [
      'untouched: The counter of batches is 0: no forward in train has moved them.',
    ]);
  });

  it('put the gravest first', () => {
    const kinds = marksOf({ ...healthy(), runningMean: summary(-1, 0, 1, 1), runningVar: summary(-1, 1, 3) });
    assert.deepEqual(
      kinds.map((mark) => mark.slice(0, mark.indexOf(':'))),
      ['non-finite', 'negative'],
    );
  });
});
