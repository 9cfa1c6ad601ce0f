// Two models compared: flags, structure, options, and running statistics beyond rounding.

import assert from 'node:assert/strict';
import { compareModules } from '../../../src/model/compareModels';
import { compareStatistics, largestDifference } from '../../../src/model/compareStatistics';
import { summarise } from '../../../src/model/statistics';
import type { NormStatistics } from '../../../src/model/statistics';
import { batchNorm, dropout, moduleSpec, normSpec } from '../support/models';

const statistics = (mean: readonly number[], rest: Partial<NormStatistics> = {}, keep = false): NormStatistics => ({
  numBatchesTracked: 7,
  runningMean: summarise(mean, keep),
  runningVar: summarise([1, 1], keep),
  ...rest,
});

describe('modules of two models', () => {
  const net = [moduleSpec('', 'Net'), batchNorm('bn'), dropout('drop')];

  it('are the same where nothing differs', () => {
    assert.deepEqual(compareModules(net, structuredClone(net)), []);
  });

  it('differ in flags, each for itself', () => {
    const [difference, ...more] = compareModules(net, [net[0]!, batchNorm('bn', false), net[2]!]);
    assert.deepEqual(more, []);
    assert.equal(difference?.path, 'bn');
    assert.deepEqual(difference.flags, [true, false]);
    assert.equal(difference.structure, undefined);
  });

  it('compare what a forward does where flags tell nothing of it: none is stored, or the code holds its own mode', () => {
    const stored = (behaviour: 'train' | 'eval'): ReturnType<typeof batchNorm> =>
      batchNorm('bn', true, { training: null, behaviour });
    assert.deepEqual(compareModules([stored('train')], [stored('eval')])[0]?.behaviours, ['train', 'eval']);
    assert.deepEqual(compareModules([batchNorm('bn')], [stored('eval')])[0]?.behaviours, ['train', 'eval']);
    assert.deepEqual(
      compareModules([batchNorm('bn')], [batchNorm('bn', true, { training: null, behaviour: 'unknown' })]),
      [],
    );
    const traced = batchNorm('bn', false, { behaviour: 'train' });
    const [difference] = compareModules([traced], [batchNorm('bn', false)]);
    assert.deepEqual([difference?.flags, difference?.behaviours], [undefined, ['train', 'eval']]);
    const [switched] = compareModules([traced], [batchNorm('bn', true)]);
    assert.deepEqual([switched?.flags, switched?.behaviours], [[false, true], undefined]);
  });

  it('are missing, of another class, or hold other tensors', () => {
    const conv = (shape: readonly number[]): ReturnType<typeof moduleSpec> =>
      moduleSpec('conv', 'Conv2d', { parameters: [{ name: 'weight', dtype: 'float32', shape }] });
    const differences = compareModules(
      [net[0]!, conv([4, 3]), moduleSpec('act', 'ReLU'), moduleSpec('old', 'Linear')],
      [moduleSpec('new', 'Linear'), net[0]!, conv([4, 5]), moduleSpec('act', 'GELU')],
    );
    assert.deepEqual(
      differences.map(({ path, structure }) => [path, structure]),
      [
        ['conv', 'tensors'],
        ['act', 'class'],
        ['old', 'missing'],
        ['new', 'missing'],
      ],
    );
    assert.equal(differences[2]?.modules[1], undefined);
    assert.equal(differences[3]?.modules[0], undefined);
    // Another order of the same tensors is another structure, since state dicts are matched by name but optimizers by order.
    const [weight, bias] = ['weight', 'bias'].map((name) => ({ name, dtype: 'float32' as const, shape: [2] }));
    const linear = [moduleSpec('fc', 'Linear', { parameters: [weight!, bias!] })];
    assert.equal(
      compareModules(linear, [moduleSpec('fc', 'Linear', { parameters: [bias!, weight!] })])[0]?.structure,
      'tensors',
    );
  });

  it('differ in the options of layers', () => {
    const other = batchNorm('bn', true, { batchNorm: { ...normSpec, momentum: null, cumulative: true, eps: 1e-3 } });
    assert.deepEqual(compareModules([batchNorm('bn')], [other])[0]?.options, [
      { name: 'eps', values: [1e-5, 1e-3] },
      { name: 'momentum', values: [0.1, null] },
    ]);
    assert.deepEqual(compareModules([dropout('d')], [dropout('d', true, { dropout: { p: 0.1 } })])[0]?.options, [
      { name: 'p', values: [0.5, 0.1] },
    ]);
  });
});

describe('running statistics of two layers', () => {
  it('are the same within rounding', () => {
    assert.equal(compareStatistics(statistics([1, 2]), statistics([1, 2])), undefined);
    assert.equal(compareStatistics(statistics([1, 2]), statistics([1, 2.00001])), undefined);
    assert.equal(compareStatistics(statistics([0, 0]), statistics([0, 0])), undefined);
  });

  it('differ by a share of the largest magnitude', () => {
    const difference = compareStatistics(statistics([1, 2]), statistics([1, 2.5]));
    assert.ok(difference);
    assert.deepEqual(Object.keys(difference), ['runningMean']);
    assert.ok(Math.abs((difference.runningMean?.relative ?? 0) - 0.2) < 1e-12);
    assert.ok(Math.abs((largestDifference(difference) ?? 0) - 0.2) < 1e-12);
    // A mean about zero is measured by the spread of its channels, not by itself.
    const small = compareStatistics(statistics([-1, 1]), statistics([-1, 1.1]));
    assert.ok((small?.runningMean?.relative ?? 1) < 0.1);
  });

  it('compare element by element where all are known', () => {
    const swapped = [statistics([3, 4], {}, true), statistics([4, 3], {}, true)] as const;
    assert.ok(Math.abs((compareStatistics(...swapped)?.runningMean?.relative ?? 0) - Math.SQRT2 / 5) < 1e-12);
    assert.equal(compareStatistics(statistics([3, 4]), statistics([4, 3])), undefined);
    for (const unit of [1e-200, 1e200]) {
      const scaled = [statistics([3 * unit, 4 * unit], {}, true), statistics([4 * unit, 3 * unit], {}, true)] as const;
      assert.ok(Math.abs((compareStatistics(...scaled)?.runningMean?.relative ?? 0) - Math.SQRT2 / 5) < 1e-12);
    }
  });

  it('tell what is not finite, and what is not there', () => {
    const broken = compareStatistics(statistics([1, 2]), statistics([1, NaN, 2]));
    assert.deepEqual(broken?.runningMean?.nonFinite, [0, 1]);
    const gone = compareStatistics(statistics([1]), statistics([NaN]));
    assert.equal(gone?.runningMean?.relative, null);
    assert.equal(largestDifference(gone), null);
    assert.equal(compareStatistics(statistics([1]), statistics([1], { runningVar: null }))?.runningVar?.relative, null);
  });

  it('tell counters apart', () => {
    const difference = compareStatistics(statistics([1]), statistics([1], { numBatchesTracked: 9 }));
    assert.deepEqual(difference, { numBatchesTracked: [7, 9] });
    assert.equal(largestDifference(difference), 0);
    assert.equal(compareStatistics(statistics([1]), statistics([1], { numBatchesTracked: null })), undefined);
  });
});
