// The statistics panel's words about a model, and its figures as text.

import assert from 'node:assert/strict';
import type { ModelSession } from '../../../src/sessions/modelSession';
import type { NormStatistics } from '../../../src/model/statistics';
import { channelsText, layersText } from '../../../src/views/statisticsExportModel';
import { layerFor, normLayers, noticeOf, panelModel } from '../../../src/views/statisticsPanelModel';
import { batchNorm, moduleSpec } from '../support/models';

const figures: NormStatistics = {
  numBatchesTracked: 5,
  runningMean: { min: -1, mean: 0.5, max: 2, nonFinite: 0, quartiles: [-0.5, 0.25, 1] },
  runningVar: { min: null, mean: null, max: null, nonFinite: 4 },
};

const session = (state: ModelSession['state'] = { kind: 'ready' }): ModelSession =>
  ({
    title: 'net.pt',
    kind: 'file',
    state,
    modules: [moduleSpec('', 'Net'), batchNorm('a'), { ...batchNorm('b'), sharedWith: 'a' }],
  }) as unknown as ModelSession;

describe('words of the statistics panel', () => {
  it('say what the model is and what each layer has', () => {
    const { modules } = session();
    const model = panelModel(session(), normLayers(modules), { selected: 'a', modeWords: 'train', file: '/net.pt' });
    assert.equal(model.subtitle, '1 BatchNorm layer · 4 channels · from a file');
    assert.deepEqual(model.layers, [
      {
        path: 'a',
        type: 'BatchNorm2d',
        features: 4,
        tracks: true,
        options: [
          ['momentum', '0.1'],
          ['eps', '1e-5'],
          ['affine', 'true'],
        ],
        mode: { training: true, behaviour: 'train' },
      },
    ]);
    assert.equal(model.notice, undefined);
  });

  it('say that figures are the last ones where nothing more comes', () => {
    assert.equal(
      noticeOf(session({ kind: 'ended', message: 'The process has ended.' })),
      'The process has ended. The figures are the last ones.',
    );
    assert.equal(noticeOf(session({ kind: 'running' })), undefined);
  });

  it('find the layer of a row: itself, or the one that it is shared with', () => {
    const { modules } = session();
    const layers = normLayers(modules);
    assert.deepEqual(
      modules.map((module) => layerFor(layers, module)),
      [undefined, 'a', 'a'],
    );
  });
});

describe('figures as text', () => {
  const layers = [
    {
      module: batchNorm('a,"b"'),
      figures,
      marks: [{ kind: 'non-finite', tensors: ['variance'], word: 'NaN or Inf', sentence: 'NaN or Inf in 4 channels.' }],
    },
    { module: batchNorm('=c'), figures: undefined, marks: [] },
  ] as const;

  it('are a table that a spreadsheet reads, formulas disarmed', () => {
    const [head, first, second, end] = layersText(layers, 'csv').split('\r\n');
    assert.equal(
      head,
      'path,type,training,behaviour,momentum,eps,num_batches_tracked,' +
        'running_mean_min,running_mean_lower_quartile,running_mean_median,running_mean_mean,running_mean_upper_quartile,running_mean_max,running_mean_non_finite,' +
        'running_var_min,running_var_lower_quartile,running_var_median,running_var_mean,running_var_upper_quartile,running_var_max,running_var_non_finite,marks',
    );
    assert.equal(first, '"a,""b""",BatchNorm2d,true,train,0.1,0.00001,5,-1,-0.5,0.25,0.5,1,2,0,,,,,,,4,NaN or Inf');
    assert.equal(second, `'=c,BatchNorm2d,true,train,0.1,0.00001${','.repeat(16)}`);
    assert.equal(end, '');
  });

  it('are JSON with the same', () => {
    const [first] = JSON.parse(layersText(layers, 'json')) as Record<string, unknown>[];
    assert.deepEqual(first?.['runningMean'], figures.runningMean);
    assert.deepEqual(first['marks'], [{ word: 'NaN or Inf', sentence: 'NaN or Inf in 4 channels.' }]);
  });

  it('of one layer are its channels', () => {
    const detail = { path: 'a', mean: [1, null], variance: [0.5, 2], movement: [] };
    assert.equal(channelsText(detail, 'csv'), 'channel,running_mean,running_var\r\n0,1,0.5\r\n1,,2\r\n');
    assert.deepEqual(JSON.parse(channelsText(detail, 'json')), {
      path: 'a',
      running_mean: [1, null],
      running_var: [0.5, 2],
    });
  });
});
