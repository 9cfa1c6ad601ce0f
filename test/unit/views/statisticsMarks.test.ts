// Which layers stand out in the statistics panel: what findings say of them, and that a healthy model has none that does.

import assert from 'node:assert/strict';
import { defaultFindingSettings, findingsOf, type FindingSettings } from '../../../src/insight/findings';
import { nothingObserved } from '../../../src/insight/observations';
import { layerMarks } from '../../../src/views/statisticsMarkModel';
import type { NormStatistics, TensorSummary } from '../../../src/model/statistics';
import { batchNorm } from '../support/models';

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

/** The marks of an odd layer in eval among healthy ones, as the rules find it. */
const marksOf = (
  odd: NormStatistics | null,
  { others = 9, settings = defaultFindingSettings }: { others?: number; settings?: FindingSettings } = {},
): readonly string[] => {
  const layers = [odd, ...Array.from({ length: others }, (_, index) => healthy(index))];
  const modules = layers.map((_, index) => batchNorm(String(index), false));
  const findings = findingsOf(
    {
      kind: 'file',
      format: 'module',
      modules,
      statistics: (path) => layers[Number(path)] ?? undefined,
      observations: nothingObserved,
    },
    settings,
  );
  const marks = layerMarks(
    layers.map((figures, index) => ({ figures, findings: findings.filter(({ path }) => path === String(index)) })),
  );
  assert.deepEqual(marks.slice(1).flat(), [], 'a healthy layer is marked');
  return (marks[0] ?? []).map(({ kind, tensors, word }) => `${kind} ${tensors.join('+')}: ${word}`);
};

describe('marks of layers', () => {
  it('are none for a healthy layer, nor for one whose figures are not known', () => {
    assert.deepEqual(marksOf(healthy(3)), []);
    assert.deepEqual(marksOf(null), []);
  });

  it('name what is not finite, by tensor', () => {
    const one = summary(-1, 0, 1, 1);
    assert.deepEqual(marksOf({ ...healthy(), runningMean: one }), ['non-finite mean: NaN or Inf']);
    const none: TensorSummary = { min: null, mean: null, max: null, nonFinite: 4 };
    assert.deepEqual(marksOf({ ...healthy(), runningMean: one, runningVar: none }), [
      'non-finite mean+variance: NaN or Inf',
    ]);
  });

  it('name what other findings say of statistics', () => {
    assert.deepEqual(marksOf({ ...healthy(), runningVar: summary(-0.01, 1, 3) }), ['negative variance: variance < 0']);
    assert.deepEqual(marksOf({ ...healthy(), runningVar: summary(1e-12, 1, 3) }), ['flat variance: variance ≈ 0']);
    assert.deepEqual(marksOf({ ...healthy(), runningMean: summary(-1e5, 0, 1) }, { others: 2 }), [
      'half-overflow mean: beyond float16',
    ]);
    const initial = { numBatchesTracked: 0, runningMean: summary(0, 0, 0), runningVar: summary(1, 1, 1) };
    assert.deepEqual(marksOf(initial), ['untouched variance: never moved']);
    const young = { numBatchesTracked: 3, runningMean: summary(-0.1, 0, 0.1), runningVar: summary(0.8, 0.9, 1) };
    assert.deepEqual(marksOf(young), ['untouched variance: hardly moved']);
  });

  it('follow the settings of the rules', () => {
    const young = { numBatchesTracked: 3, runningMean: summary(-0.1, 0, 0.1), runningVar: summary(0.8, 0.9, 1) };
    const lenient = { ...defaultFindingSettings.thresholds, initialShare: 0.8 };
    assert.deepEqual(marksOf(young, { settings: { ...defaultFindingSettings, thresholds: lenient } }), []);
    const disabled = new Set(['batchnorm/negative-variance'] as const);
    const odd = { ...healthy(), runningVar: summary(-0.01, 1, 3) };
    assert.deepEqual(marksOf(odd, { settings: { ...defaultFindingSettings, disabled } }), []);
  });

  it('name a layer that is far from the others, larger or smaller, but not where there are few', () => {
    const large = { ...healthy(), runningVar: summary(0.5, 1e3, 5e4) };
    assert.deepEqual(marksOf(large), ['far-off variance: variance far off']);
    assert.deepEqual(marksOf(large, { others: 2 }), []);
    const small = { ...healthy(), runningMean: summary(-1e-6, 0, 1e-6) };
    assert.deepEqual(marksOf(small), ['far-off mean: mean far off']);
  });

  it('put the gravest first', () => {
    const kinds = marksOf({ ...healthy(), runningMean: summary(-1, 0, 1, 1), runningVar: summary(-1, 1, 3) });
    assert.deepEqual(
      kinds.map((mark) => mark.slice(0, mark.indexOf(' '))),
      ['non-finite', 'negative'],
    );
  });
});
