// A model beside another one, as a person reads it in the tree.

import assert from 'node:assert/strict';
import { alignModels } from '../../../src/model/alignModels';
import { compareStatistics } from '../../../src/model/compareStatistics';
import type { ModuleSpec } from '../../../src/model/module';
import { comparePair } from '../../../src/model/pairComparison';
import { summarise } from '../../../src/model/statistics';
import type { NormStatistics } from '../../../src/model/statistics';
import type { ModelPair } from '../../../src/sessions/modelPairs';
import { pairedModule, pairRow, pairRows, pairSentence } from '../../../src/views/pairModel';
import { batchNorm, dropout, moduleSpec } from '../support/models';

const net = [moduleSpec('', 'Net'), batchNorm('bn'), dropout('drop')];

const figures = (mean: number, count: number): NormStatistics => ({
  numBatchesTracked: count,
  runningMean: summarise([mean, mean], true),
  runningVar: summarise([1, 1], true),
});

function pairOf(second: readonly ModuleSpec[], reports?: readonly [NormStatistics, NormStatistics]): ModelPair {
  const statistics = new Map(
    reports === undefined ? [] : [['bn', { reports, difference: compareStatistics(...reports) }]],
  );
  return {
    ids: ['file-1', 'file-2'],
    names: ['a.pt', 'b.pt'],
    asked: [undefined, undefined],
    comparison: comparePair(['module', 'module'], alignModels(net, second), statistics),
    isOutdated: false,
  };
}

describe('a model beside another one', () => {
  it('is summed up in a row and in a sentence', () => {
    const evaluated = net.map((module) => ({ ...module, training: false }));
    const pair = pairOf(evaluated, [figures(1, 5), figures(4, 9)]);
    const { label, description, children } = pairRow(pair);
    assert.equal(label, 'Compared with b.pt');
    assert.equal(description, '3 flags differ · statistics of 1 layer differ by up to 75 %');
    assert.equal(children, 'collapsed');
    assert.match(pairSentence(pair), /^a\.pt and b\.pt: 3 flags differ, statistics of 1 layer differ/);
    assert.match(pairRow({ ...pair, isOutdated: true }).description ?? '', /^before the last changes · /);
  });

  it('agrees where nothing differs, and claims nothing that was not compared', () => {
    const same = pairOf(net, [figures(1, 5), figures(1, 5)]);
    assert.equal(pairRow(same).description, 'flags and statistics agree');
    assert.equal(pairRow(same).children, 'none');
    const unstored = net.map((module) => ({ ...module, training: null, behaviour: 'unknown' as const }));
    assert.equal(pairRow(pairOf(unstored)).description, 'no difference');
    assert.deepEqual(
      pairRows(pairOf(unstored)).map(({ label }) => label),
      ['b.pt stores no modes', 'No layer has running statistics in both'],
    );
  });

  it('lists what differs, with the figures of both side by side', () => {
    const [row] = pairRows(pairOf([net[0]!, batchNorm('bn', false), net[2]!], [figures(1, 5), figures(4, 9)]));
    assert.equal(row?.label, 'bn');
    assert.equal(row.description, 'train, b.pt: eval · differs by 75 % · BatchNorm2d');
    const [mean, batches] = row.rows ?? [];
    assert.deepEqual(
      mean?.rows?.map(({ label, description }) => [label, description]),
      [
        ['a.pt', 'mean 1, min 1, max 1, non-finite 0'],
        ['b.pt', 'mean 4, min 4, max 4, non-finite 0'],
      ],
    );
    assert.equal(batches?.description, 'differs');
    assert.deepEqual(
      batches.rows?.map(({ description }) => description),
      ['5', '9'],
    );
  });

  it('names the other model alone, since the rows stand below the first', () => {
    const tensor = (...shape: number[]): Partial<ModuleSpec> => ({
      parameters: [{ name: 'weight', dtype: 'float32', shape }],
    });
    const other = [
      moduleSpec('', 'Net'),
      batchNorm('bn', true, { ...tensor(8), behaviour: 'eval' }),
      dropout('drop', true, { dropout: { p: 0.1 } }),
      moduleSpec('new', 'Linear'),
    ];
    assert.deepEqual(
      pairRows(pairOf(other)).map(({ label, description }) => [label, description]),
      [
        ['No layer has running statistics in both', ''],
        ['bn', 'runs as train, in b.pt as eval · weight only in b.pt · BatchNorm2d'],
        ['new', 'only in b.pt · Linear'],
        ['drop', 'p 0.5, 0.1 in b.pt · Dropout'],
      ],
    );
  });

  it('says which of several models of its file it is, once', () => {
    const parts = [moduleSpec('', ''), ...['ema', 'ema.bn', 'net', 'net.bn'].map((path) => moduleSpec(path, 'Linear'))];
    const asked = ['ema', 'net'] as const;
    const pair: ModelPair = {
      ids: ['file-1', 'file-2'],
      names: ['ema of a.pt', 'net of b.pt'],
      asked,
      comparison: comparePair(['module', 'module'], alignModels(parts, parts, asked), new Map()),
      isOutdated: false,
    };
    assert.equal(pairRow(pair).label, 'ema compared with net of b.pt');
    assert.deepEqual(
      pairRows(pair).map(({ label }) => label),
      ['No layer has running statistics in both'],
    );
    assert.deepEqual(pairedModule(pair, 'bn'), { side: 0, path: 'ema.bn' });
    assert.equal(pairRow({ ...pair, asked: ['', ''] }).label, 'Compared with net of b.pt');
  });

  it('leads to the module, in the model that has it and below the prefix that it has there', () => {
    const wrapped = ['module', 'module.bn', 'module.new'].map((path) => moduleSpec(path, 'Linear'));
    const pair = pairOf([moduleSpec('', 'Net'), ...wrapped]);
    assert.deepEqual(pair.comparison.roots, ['', 'module']);
    assert.deepEqual(pairedModule(pair, 'bn'), { side: 0, path: 'bn' });
    assert.deepEqual(pairedModule(pair, 'new'), { side: 1, path: 'module.new' });
    assert.deepEqual(pairedModule(pair, ''), { side: 0, path: '' });
  });
});
