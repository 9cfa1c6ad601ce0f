// What differs between ranks, as a person reads it.

import assert from 'node:assert/strict';
import { compareModules } from '../../../src/model/compareModels';
import { compareStatistics } from '../../../src/model/compareStatistics';
import type { DifferenceCounts, LayerDifference } from '../../../src/model/differences';
import type { ModuleSpec } from '../../../src/model/module';
import type { NormStatistics } from '../../../src/model/statistics';
import { comparisonWords, differenceRows, differencesRow } from '../../../src/views/differencesModel';
import type { LayerDifferences, ModelDifferences } from '../../../src/views/differencesModel';
import { differenceWords } from '../../../src/views/differenceWordsModel';
import { batchNorm, dropout, moduleSpec } from '../support/models';

const none: DifferenceCounts = {
  flags: 0,
  behaviours: 0,
  structure: 0,
  options: 0,
  statistics: 0,
  comparedStatistics: 0,
};

const statistics = (count: number, mean: number): NormStatistics => ({
  numBatchesTracked: count,
  runningMean: { min: -1, mean, max: 1, nonFinite: 0 },
  runningVar: { min: 1, mean: 1, max: 1, nonFinite: 0 },
});

const moved = (first: NormStatistics, second: NormStatistics): LayerDifference => ({
  statistics: { reports: [first, second], difference: compareStatistics(first, second) },
});

/** Rank 0 beside one or more others. */
function modelOf(first: readonly ModuleSpec[], ...others: readonly (readonly ModuleSpec[])[]): ModelDifferences {
  const found = others.map((other) => new Map(compareModules(first, other).map((each) => [each.path, each])));
  const paths = [...new Set(found.flatMap((differences) => [...differences.keys()]))];
  const layers = paths.map((path): LayerDifferences => ({
    path,
    module: first.find((module) => module.path === path) ?? others.flat().find((module) => module.path === path),
    differences: found.map((differences) => {
      const module = differences.get(path);
      return module === undefined ? undefined : { module };
    }),
  }));
  return { title: 'net', names: ['rank 0', ...others.map((_, i) => `rank ${String(i + 1)}`)], counts: none, layers };
}

const texts = (...models: readonly ModelDifferences[]): string[] =>
  differenceRows(models, []).map(({ label, description }) => `${label}: ${description ?? ''}`);

describe('differences between ranks', () => {
  const net = [moduleSpec('', 'Net'), batchNorm('bn'), dropout('drop')];

  it('are summed up in a few words', () => {
    assert.deepEqual(comparisonWords([], []), []);
    assert.deepEqual(comparisonWords([{ counts: none }], []), ['flags agree']);
    assert.deepEqual(comparisonWords([{ counts: { ...none, comparedStatistics: 3 } }], []), [
      'flags and statistics agree',
    ]);
    const counts = { flags: 1, behaviours: 4, statistics: 2, structure: 3, options: 1, comparedStatistics: 3 };
    assert.deepEqual(comparisonWords([{ counts }, { counts: none }], [{ title: 'ema', ranks: ['rank 0'] }]), [
      '1 flag differs',
      '4 layers run in another mode',
      'statistics of 2 layers differ',
      'structure of 3 modules differs',
      'options of 1 layer differ',
      '1 model not in every rank',
    ]);
  });

  it('say on a module’s row how the first rank has it', () => {
    const words = (first: ModuleSpec, second: ModuleSpec): string =>
      differenceWords({ module: compareModules([first], [second])[0]! }, 'rank 0');
    assert.equal(words(batchNorm('bn', false), batchNorm('bn')), 'rank 0: eval');
    const baked = batchNorm('bn', true, { behaviour: 'eval' });
    assert.equal(words(baked, batchNorm('bn')), 'rank 0: runs as eval');
    assert.equal(words(moduleSpec('a', 'ReLU'), moduleSpec('a', 'GELU')), 'rank 0: ReLU');
    assert.equal(words(dropout('d'), dropout('d', true, { dropout: { p: 0.1 } })), 'other p than rank 0');
    const [extra] = compareModules([], [moduleSpec('a', 'ReLU')]);
    assert.equal(differenceWords({ module: extra! }, 'rank 0'), 'not in rank 0');
    assert.equal(
      differenceWords(moved(statistics(1, 0), statistics(1, 0.5)), 'rank 0'),
      'statistics differ from rank 0',
    );
  });

  it('list a subtree that was switched as a whole once', () => {
    const evaluated = net.map((module) => ({ ...module, training: false }));
    assert.deepEqual(texts(modelOf(net, evaluated)), ['net: rank 0: train, rank 1: eval · with 2 modules below · Net']);
    const one = [net[0]!, batchNorm('bn', false), net[2]!];
    assert.deepEqual(texts(modelOf(net, one)), ['bn: rank 0: train, rank 1: eval · BatchNorm2d']);
    assert.deepEqual(texts(modelOf(net, net, one)), ['bn: rank 0: train, rank 2: eval · BatchNorm2d']);
    // Below it another rank differs too.
    assert.deepEqual(texts(modelOf(net, evaluated, one)), [
      'net: rank 0: train, rank 1: eval · with 1 module below · Net',
      'bn: rank 0: train, rank 1: eval, rank 2: eval · BatchNorm2d',
    ]);
  });

  it('name what is missing or built in another way, and the model where there are several', () => {
    const other = [net[0]!, dropout('drop', true, { dropout: { p: 0.1 } }), moduleSpec('new', 'Linear')];
    assert.deepEqual(texts(modelOf(net, other)), [
      'bn: not in rank 1 · BatchNorm2d',
      'drop: p 0.5 in rank 0, 0.1 in rank 1 · Dropout',
      'new: not in rank 0 · Linear',
    ]);
    const model = modelOf(net, [net[0]!, net[1]!]);
    assert.deepEqual(texts(model, { ...model, title: 'ema' }), [
      'net: drop: not in rank 1 · Dropout',
      'ema: drop: not in rank 1 · Dropout',
    ]);
    const [row] = differenceRows([], [{ title: 'ema', ranks: ['rank 0'] }]);
    assert.equal(row?.spoken, 'ema: only in rank 0');
  });

  it('show figures side by side, with the batch where ranks were compared at different ones', () => {
    const layer = (...differences: (LayerDifference | undefined)[]): ModelDifferences => ({
      ...modelOf(net, ...differences.map(() => net)),
      layers: [{ path: 'bn', module: net[1], differences }],
    });
    const two = layer(moved(statistics(8, 0.25), statistics(8, 0.75)));
    const [row] = differenceRows([two], []);
    assert.equal(row?.description, 'differs by 50 % · BatchNorm2d');
    assert.deepEqual(
      row.rows?.map(({ label, description }) => [label, description]),
      [
        ['running_mean', 'differs by 50 %'],
        ['num_batches_tracked', 'compared after 8'],
      ],
    );
    assert.deepEqual(
      row.rows[0]?.rows?.map(({ label, description }) => [label, description]),
      [
        ['rank 0', 'mean 0.25, min -1, max 1, non-finite 0'],
        ['rank 1', 'mean 0.75, min -1, max 1, non-finite 0'],
      ],
    );
    assert.equal(differencesRow([two], [])?.description, 'statistics by up to 50 %, in bn');
    const three = layer(
      moved(statistics(8, 0), statistics(8, 0.5)),
      undefined,
      moved(statistics(9, 0.1), statistics(9, 0.2)),
    );
    assert.deepEqual(
      differenceRows([three], [])[0]?.rows?.[0]?.rows?.map(({ label }) => label),
      ['rank 0 after 8 batches', 'rank 0 after 9 batches', 'rank 1 after 8 batches', 'rank 3 after 9 batches'],
    );
    const counters = layer(moved(statistics(9, 0), statistics(4, 0)));
    assert.equal(differenceRows([counters], [])[0]?.description, 'counts of batches differ · BatchNorm2d');
    const broken = { ...statistics(8, 0), runningMean: { min: null, mean: null, max: null, nonFinite: 4 } };
    const nan = differenceRows([layer(moved(statistics(8, 0), broken))], [])[0];
    assert.equal(nan?.description, 'differs by NaN or infinity · BatchNorm2d');
    assert.equal(nan.rows?.[0]?.description, 'no finite element in one of them');
  });

  it('have no row where nothing differs, and end a long list with how many more there are', () => {
    assert.equal(differencesRow([modelOf(net, net)], []), undefined);
    const many = Array.from({ length: 250 }, (_, i) => dropout(`drop${String(i)}`));
    const rows = differenceRows(
      [
        modelOf(
          many,
          many.map(({ path }) => dropout(path, false)),
        ),
      ],
      [],
    );
    assert.equal(rows.length, 201);
    assert.equal(rows.at(-1)?.label, '… 50 more modules');
  });
});
