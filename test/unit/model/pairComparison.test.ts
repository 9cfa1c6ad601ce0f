// Two models as a whole: what counts as a difference between formats, and what is told first.

import assert from 'node:assert/strict';
import { alignModels } from '../../../src/model/alignModels';
import { compareStatistics } from '../../../src/model/compareStatistics';
import type { ComparedStatistics } from '../../../src/model/compareStatistics';
import type { ModelFormat } from '../../../src/model/description';
import { foldSubtrees } from '../../../src/model/differences';
import type { ModuleSpec, TensorSpec } from '../../../src/model/module';
import { comparableLayers, comparePair } from '../../../src/model/pairComparison';
import type { PairComparison } from '../../../src/model/pairComparison';
import { pairNotes } from '../../../src/model/pairNotes';
import { summarise } from '../../../src/model/statistics';
import type { NormStatistics } from '../../../src/model/statistics';
import { batchNorm, dropout, moduleSpec, normSpec } from '../support/models';

const tensor = (name: string, ...shape: number[]): TensorSpec => ({ name, dtype: 'float32', shape });
const buffers = [tensor('running_mean', 4), tensor('running_var', 4), tensor('num_batches_tracked')];
const parameters = [tensor('weight', 4), tensor('bias', 4)];
const net: readonly ModuleSpec[] = [
  moduleSpec('', 'Net'),
  moduleSpec('conv', 'Conv2d', { parameters: [tensor('weight', 4, 3, 3, 3)] }),
  batchNorm('bn', true, { parameters, buffers }),
  moduleSpec('act', 'ReLU'),
  dropout('drop'),
];

/** As a state dict tells them: tensors, and what these show. */
const stateDict: readonly ModuleSpec[] = net
  .filter((module) => module.path === '' || module.parameters.length > 0)
  .map((module) => ({
    ...module,
    type: module.batchNorm === undefined ? 'Module' : 'BatchNorm',
    qualifiedType: '',
    training: null,
    behaviour: 'unknown',
    ...(module.batchNorm === undefined ? {} : { batchNorm: { ...normSpec, eps: null, momentum: null } }),
  }));

const figures = (mean: readonly number[], count: number | null = 5): NormStatistics => ({
  numBatchesTracked: count,
  runningMean: summarise(mean, true),
  runningVar: summarise([1, 1, 1, 1], true),
});

const compared = (one: NormStatistics, other: NormStatistics): ComparedStatistics => ({
  reports: [one, other],
  difference: compareStatistics(one, other),
});

function pairOf(
  first: readonly ModuleSpec[],
  second: readonly ModuleSpec[],
  formats: readonly [ModelFormat, ModelFormat] = ['module', 'module'],
  statistics: ReadonlyMap<string, ComparedStatistics> = new Map(),
): PairComparison {
  return comparePair(formats, alignModels(first, second), statistics);
}

const change = (path: string, rest: Partial<ModuleSpec>): readonly ModuleSpec[] =>
  net.map((module) => (module.path === path ? { ...module, ...rest } : module));

describe('two models', () => {
  it('do not differ in what one of them does not store, and that is said once', () => {
    const { layers, untold, sharedModes } = pairOf(net, stateDict, ['torchscript', 'state-dict']);
    assert.deepEqual(layers, []);
    assert.equal(sharedModes, 0);
    assert.deepEqual(untold, [[], ['modes', 'classes', 'options of layers', 'modules without tensors']]);
    assert.deepEqual(pairNotes(['net.pt', 'net.pth'], pairOf(net, stateDict, ['torchscript', 'state-dict'])), [
      'net.pth stores no modes, classes, options of layers and no modules without tensors',
      'No layer has running statistics in both',
    ]);
    assert.equal(
      pairNotes(['a', 'b'], pairOf(stateDict, stateDict, ['state-dict', 'state-dict']))[0],
      'Neither stores modes, classes, options of layers or modules without tensors',
    );
  });

  it('differ in tensors that a state dict must have, and not in buffers that it may leave out', () => {
    const formats = ['module', 'state-dict'] as const;
    const masked = change('conv', { buffers: [tensor('mask', 9)] });
    assert.deepEqual(pairOf(masked, stateDict, formats).layers, []);
    const biased = change('conv', { parameters: [tensor('weight', 4, 3, 3, 3), tensor('bias', 4)] });
    const [layer] = pairOf(biased, stateDict, formats).layers;
    assert.deepEqual(layer?.module?.tensors, [{ name: 'bias', tensors: [tensor('bias', 4), undefined] }]);
    const [missing] = pairOf(
      [...net, moduleSpec('fc', 'Linear', { parameters: [tensor('weight', 2)] })],
      stateDict,
      formats,
    ).layers;
    assert.deepEqual([missing?.path, missing?.module?.structure], ['fc', 'missing']);
  });

  it('name the tensors that have another shape or dtype', () => {
    const half = { name: 'weight', dtype: 'float16', shape: [4, 3, 3, 3] } as const;
    const { layers } = pairOf(net, change('conv', { parameters: [half] }));
    assert.deepEqual(layers[0]?.module?.tensors, [{ name: 'weight', tensors: [net[1]?.parameters[0], half] }]);
  });

  it('compare classes of two formats by their names alone', () => {
    const exported = change('', { qualifiedType: '__main__.Net' });
    assert.deepEqual(pairOf(net, exported, ['torchscript', 'exported-program']).layers, []);
    assert.equal(pairOf(net, exported).layers[0]?.module?.structure, 'class');
    assert.equal(pairOf(net, change('act', { type: 'GELU' }), ['torchscript', 'module']).layers.length, 1);
  });

  it('tell modes first, then statistics by their distance, structure, options, and counters last', () => {
    const norms = ['a', 'b', 'c', 'd'].map((path) => batchNorm(path, true, { parameters, buffers }));
    const first = [...net, ...norms];
    const second = first
      .filter(({ path }) => path !== 'conv')
      .map((module): ModuleSpec => {
        if (module.path === 'drop') return { ...module, dropout: { p: 0.1 } };
        return module.path === 'bn' || module.path === 'act' ? { ...module, training: false } : module;
      });
    const statistics = new Map([
      ['a', compared(figures([1, 1, 1, 1]), figures([1, 1, 1, 1], 9))],
      ['b', compared(figures([1, 1, 1, 1]), figures([1, 1, 1, 1.5]))],
      ['c', compared(figures([1, 1, 1, 1]), figures([NaN, NaN, NaN, NaN]))],
      ['d', compared(figures([1, 1, 1, 1]), figures([2, 2, 2, 2]))],
    ]);
    const pair = pairOf(first, second, ['module', 'module'], statistics);
    assert.deepEqual(
      pair.layers.map(({ path }) => path),
      ['bn', 'act', 'c', 'd', 'b', 'conv', 'drop', 'a'],
    );
    assert.deepEqual(pair.counts, {
      flags: 2,
      behaviours: 0,
      structure: 1,
      options: 1,
      statistics: 4,
      comparedStatistics: 4,
    });
  });

  it('have layers to compare where the numbers of channels are the same', () => {
    const other = change('bn', { buffers: [tensor('running_mean', 8), tensor('running_var', 8)] });
    assert.deepEqual(comparableLayers(alignModels(net, net)), ['bn']);
    assert.deepEqual(comparableLayers(alignModels(net, other)), []);
    const untracked = change('bn', { buffers: [], batchNorm: { ...normSpec, trackRunningStats: false } });
    assert.deepEqual(comparableLayers(alignModels(net, untracked)), []);
  });

  it('may have nothing in common, or hold nothing', () => {
    const strange = [moduleSpec('', 'Net'), moduleSpec('x', 'Linear', { parameters }), moduleSpec('x.y', 'Linear')];
    const pair = pairOf(net, strange);
    assert.equal(pair.sharedModules, 0);
    assert.equal(pairNotes(['a', 'b'], pair)[0], 'No module of one has the path of a module of the other');
    assert.equal(pair.layers.length, 6);
    assert.deepEqual(pairOf([], []).layers, []);
    assert.equal(pairOf(net, []).layers.length, 5);
  });

  it('are told without what a fold above says already', () => {
    const block = ['block', 'block.a', 'block.a.b', 'block.c'].map((path) =>
      moduleSpec(path, 'Linear', { parameters }),
    );
    const { layers } = pairOf([...net, ...block], change('bn', { training: false }));
    const folds = foldSubtrees(layers.map((layer) => ({ path: layer.path, differences: [layer] })));
    assert.deepEqual(
      [...folds],
      [
        ['bn', 0],
        ['block', 3],
      ],
    );
    // A state dict does not list what has no tensors, so that a fold is missing only with what it holds.
    const plain = ['shape', 'shape.act'].map((path) => moduleSpec(path, 'ReLU'));
    const held = pairOf([...net, ...plain, ...block], stateDict, ['module', 'state-dict']).layers;
    assert.deepEqual(
      held.map(({ path }) => path),
      ['block', 'block.a', 'block.a.b', 'block.c'],
    );
  });
});
