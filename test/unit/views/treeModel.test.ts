// Rows of models, modules, statistics and forwards, as a person reads or hears them.

import assert from 'node:assert/strict';
import type { ModuleSpec } from '../../../src/model/module';
import type { ForwardRecord } from '../../../src/sessions/forwardHistory';
import { forwardRow, forwardRows, forwardSentence, normRows } from '../../../src/views/factsModel';
import { countModes } from '../../../src/views/modeModel';
import { rangeRow, rangesOf } from '../../../src/views/rangeModel';
import type { Row } from '../../../src/views/rowModel';
import { moduleRow, noticeRow, rootRow } from '../../../src/views/treeModel';
import { batchNorm, dropout, moduleSpec, normSpec, smallModel } from '../support/models';

const capabilities = { setTraining: true, runForward: true };
const statistics = {
  numBatchesTracked: 10,
  runningMean: { min: -0.2134567, mean: 0.0123456, max: 0.3, nonFinite: 0 },
  runningVar: { min: 0.8, mean: 1.02, max: 1.4, nonFinite: 2 },
};

describe('folds of long lists', () => {
  const many = (count: number): ModuleSpec[] =>
    Array.from({ length: count }, (_, i) => dropout(`layers.${String(i)}`, i === 7));

  it('leave lists alone that a person can look through', () => {
    assert.deepEqual(rangesOf(500), []);
  });

  it('cover every module once, and are never more than VS Code shows at once', () => {
    for (const count of [501, 1000, 57_144, 2_000_000]) {
      const ranges = rangesOf(count);
      assert.ok(ranges.length <= 500);
      assert.equal(ranges[0]?.start, 0);
      assert.equal(ranges.at(-1)?.end, count);
      assert.ok(ranges.every(({ start, end }, i) => end > start && start === (ranges[i - 1]?.end ?? 0)));
    }
  });

  it('say what is in them and how it runs', () => {
    const modules = many(600);
    const counts = countModes(modules);
    const fold = ({ start, end }: { start: number; end: number }): Row => {
      const inside = modules.slice(start, end);
      return rangeRow(
        inside,
        inside.map(({ path }) => counts(path)),
      );
    };
    const [first, second] = rangesOf(600).map(fold);
    assert.equal(first?.label, '0 … 249');
    assert.equal(first.description, '250 modules · mixed 1/250');
    assert.equal(first.icon?.id, 'color-mode');
    assert.equal(second?.spoken, '250 to 499, 250 modules, eval');
    assert.equal(rangeRow([moduleSpec('fc', 'Linear')], [counts('none')]).description, '1 module');
  });
});

describe('rows of modules', () => {
  it('say class and mode, in words and by the icon’s form', () => {
    const row = rowOf(batchNorm('bn'));
    assert.equal(row.label, 'bn');
    assert.equal(row.description, 'BatchNorm2d · train');
    assert.equal(row.icon?.id, 'circle-filled');
    assert.equal(row.children, 'collapsed');
    assert.equal(row.spoken, 'bn, BatchNorm2d, train');
    assert.equal(rowOf(batchNorm('bn', false)).icon?.id, 'circle-outline');
  });

  it('say first how another rank has the module', () => {
    const row = moduleRow({
      module: batchNorm('bn'),
      count: countModes([batchNorm('bn')])('bn'),
      hasChildren: false,
      capabilities,
      comparison: 'rank 0: eval',
      isInJob: true,
    });
    assert.equal(row.description, 'train · rank 0: eval · BatchNorm2d');
    assert.equal(row.spoken, 'bn, BatchNorm2d, train, rank 0: eval');
    assert.equal(row.tooltip?.at(-1), 'Beside the first rank: rank 0: eval');
    assert.match(row.context ?? '', /\bcanEval\b.*\binJob\b/);
  });

  it('say the probability of dropout', () => {
    assert.equal(rowOf(dropout('drop', false)).description, 'Dropout p=0.5 · eval');
    assert.equal(rowOf(dropout('drop', true, { dropout: { p: null } })).description, 'Dropout · train');
  });

  it('offer only what would change something', () => {
    assert.equal(rowOf(batchNorm('bn')).context, 'module canEval canRun canCompare keepsStatistics');
    assert.equal(rowOf(batchNorm('bn', false)).context, 'module canTrain canRun canCompare keepsStatistics');
    const source = { file: 'net.py', line: 3 };
    assert.equal(
      rowOf(moduleSpec('a', 'Block', { source }), [dropout('a.drop', false)]).context,
      'module canTrain canEval hasFlag canRun canCompare hasSource',
    );
    const unstored = moduleSpec('w', 'Weights', { training: null, behaviour: 'unknown' });
    assert.equal(rowOf(unstored).context, 'module canRun canCompare');
    const one = { module: unstored, count: countModes([unstored])(''), hasChildren: false, capabilities };
    assert.match(moduleRow({ ...one, isOneOfSeveral: true }).context ?? '', / oneOfSeveral$/);
  });

  it('speak of mixed parents in full', () => {
    const row = rowOf(moduleSpec('a', 'Block'), [batchNorm('a.bn'), dropout('a.drop', false)]);
    assert.equal(row.description, 'Block · mixed 1/2');
    assert.equal(row.spoken, 'a, Block, mixed, 1 of 2 layers in train');
    assert.equal(row.icon?.id, 'color-mode');
  });

  it('explain a contradiction in the tooltip', () => {
    const row = rowOf(dropout('drop', false, { behaviour: 'train', behaviourReason: 'The trace holds True.' }));
    assert.ok(row.tooltip?.includes('Why: The trace holds True.'));
    assert.equal(row.icon?.id, 'warning');
    assert.equal(row.description, 'eval flag, runs as train (baked) · Dropout p=0.5');
  });
});

describe('rows of models', () => {
  it('carry the file, the mode and what is up', () => {
    const { modules } = smallModel();
    const root = modules[0]!;
    const input = {
      module: root,
      count: countModes(modules)(''),
      hasChildren: true,
      capabilities,
      title: 'net.pt',
      location: '/models/net.pt',
      state: { kind: 'ready' },
      isLive: false,
      disk: 'same',
      active: true,
    } as const;
    assert.equal(rootRow(input).description, 'train · 2 active · Net');
    assert.equal(rootRow(input).spoken, 'Model net.pt, Net, train, 2 active, active model');
    assert.equal(rootRow({ ...input, state: { kind: 'running' } }).description, 'train · 2 active · running… · Net');
    assert.equal(rootRow({ ...input, disk: 'changed' }).description, 'train · 2 active · changed on disk · Net');
    assert.equal(rootRow({ ...input, state: { kind: 'failed', message: 'It died.' } }).icon?.id, 'error');
  });

  it('have a notice only where something is up', () => {
    assert.equal(noticeRow({ kind: 'ready' }, 'same'), undefined);
    assert.equal(noticeRow({ kind: 'ready' }, 'changed')?.label, 'Changed on disk');
    assert.equal(noticeRow({ kind: 'failed', message: 'It died.' }, 'changed')?.description, 'It died.');
  });
});

describe('rows of statistics', () => {
  it('have torch’s names and the figures', () => {
    assert.deepEqual(read(normRows(batchNorm('bn'), statistics)), [
      'running_mean: mean 0.01235, min -0.2135, max 0.3, non-finite 0',
      'running_var: mean 1.02, min 0.8, max 1.4, non-finite 2',
      'num_batches_tracked: 10',
      'momentum: 0.1',
      'eps: 1e-5',
      'affine: true',
    ]);
    assert.equal(normRows(batchNorm('bn'), statistics)[1]?.icon?.id, 'warning');
  });

  it('say why there are none', () => {
    const untracked = batchNorm('bn', true, {
      batchNorm: { ...normSpec, trackRunningStats: false, momentum: null, cumulative: true },
    });
    assert.deepEqual(read(normRows(untracked, null)).slice(0, 2), [
      'running statistics: none: batch statistics in both modes',
      'momentum: None (cumulative average)',
    ]);
    assert.deepEqual(normRows(moduleSpec('fc', 'Linear'), null), []);
  });
});

describe('rows of the last forward', () => {
  const record: ForwardRecord = {
    count: 2,
    mode: 'train',
    inputText: '1,3,8,8',
    repeated: false,
    result: {
      outputs: [{ name: '', shape: [1, 10], dtype: 'float32', min: -1, max: 1, mean: 0.25, nonFinite: 0 }],
      inputs: [{ shape: [1, 3, 8, 8], dtype: 'float32' }],
      moved: ['block.bn'],
      milliseconds: 12.4,
      problems: [],
    },
  };

  it('tell mode, outputs, what moved and whether the output repeated', () => {
    assert.equal(
      forwardRow(record).description,
      'train · statistics moved in 1 layer · output differs from the run before · 12 ms',
    );
    assert.deepEqual(read(forwardRows(record)), [
      'output: float32 [1, 10], mean 0.25, min -1, max 1, non-finite 0',
      'input: float32 [1, 3, 8, 8], random',
      'statistics: moved in block.bn',
      'repeated: no, output differs',
      'duration: 12 ms',
    ]);
  });

  it('make one sentence', () => {
    const quiet = { ...record, mode: 'eval', repeated: true, result: { ...record.result, moved: [] } };
    assert.equal(
      forwardSentence('net.pt', quiet),
      'net.pt ran in eval (12 ms): output float32 [1, 10], mean 0.25, min -1, max 1, non-finite 0. Statistics stood still; output repeated exactly.',
    );
  });

  it('name the model where there are several, and no mode where nothing depends on it', () => {
    const { repeated: _, ...first } = record;
    const chosen = { ...first, mode: '', model: 'small', result: { ...record.result, moved: [] } };
    assert.equal(forwardRow(chosen).description, 'small · statistics stood still · 12 ms');
    assert.equal(forwardRow(chosen).spoken, 'Last forward, small, statistics stood still, 12 ms');
    assert.match(forwardSentence('net.pt2', chosen), /^net\.pt2: small ran \(12 ms\): output float32/);
  });
});

function rowOf(module: ModuleSpec, below: readonly ModuleSpec[] = []): Row {
  const modules = [moduleSpec('', 'Net'), module, ...below];
  return moduleRow({ module, count: countModes(modules)(module.path), hasChildren: below.length > 0, capabilities });
}

function read(rows: readonly Row[]): string[] {
  return rows.map((row) => `${row.label}: ${row.description ?? ''}`);
}
