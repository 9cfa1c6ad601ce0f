// Rules about what a file holds, at the edges where they begin and cease to speak; test/insight has real files.

import assert from 'node:assert/strict';
import { find, learned, named, statistics } from './model';
import { batchNorm, dropout, moduleSpec, normSpec } from '../support/models';

const root = (training: boolean | null = true) => moduleSpec('', 'Net', { training });

describe('rules about files', () => {
  it('have nothing to say about a trained model in one mode', () => {
    for (const training of [true, false]) {
      const modules = [root(training), batchNorm('bn', training), dropout('drop', training)];
      assert.deepEqual(named({ modules, statistics: { bn: learned } }), []);
    }
  });

  it('name the layers of the smaller group of a mixed model, at its root', () => {
    const modules = [root(), batchNorm('bn1', false), batchNorm('bn2'), dropout('drop')];
    const [finding, ...others] = find({ modules });
    assert.equal(others.length, 0);
    assert.equal(finding?.rule, 'mode/mixed');
    assert.equal(finding.message, '1 of 3 mode-sensitive layers is in eval, the others in train: bn1.');
    assert.deepEqual(
      finding.actions.map(({ kind }) => kind),
      ['setTrain', 'setEval', 'restore'],
    );
  });

  it('tell a model apart from another one in the same file', () => {
    const parts = (path: string, training: boolean) => [
      moduleSpec(path, 'Net', { training }),
      batchNorm(`${path}.bn`, training),
    ];
    const modules = [root(null), ...parts('teacher', false), ...parts('student', true)];
    assert.deepEqual(named({ modules }), []);
    assert.deepEqual(named({ modules, models: [''] }), ['information mode/mixed']);
  });

  it('see that all layers contradict the flag of the model', () => {
    const modules = [root(), moduleSpec('net', 'Net', { training: false }), batchNorm('net.bn', false)];
    assert.equal(find({ modules })[0]?.message, 'The flag of Net says train, but its mode-sensitive layer is in eval.');
  });

  it('count a shared layer once, at its first path', () => {
    const modules = [root(false), batchNorm('a', false), batchNorm('b', false, { sharedWith: 'a' })];
    const initial = statistics(0, 1, 0);
    assert.deepEqual(named({ modules, statistics: { a: initial, b: initial } }), ['warning batchnorm/never-updated a']);
  });

  it('take initial statistics seriously in eval only', () => {
    const at = (training: boolean | null, behaviour: 'train' | 'eval' | 'unknown', kind: 'file' | 'live' = 'file') =>
      named({
        kind,
        modules: [root(training), batchNorm('bn', true, { training, behaviour })],
        statistics: { bn: statistics(0, 1, 0) },
      });
    assert.deepEqual(at(false, 'eval'), ['warning batchnorm/never-updated bn']);
    assert.deepEqual(at(true, 'train'), []);
    assert.deepEqual(at(null, 'unknown'), ['information batchnorm/never-updated bn']);
    // Its checkpoint may be loaded in the next line.
    assert.deepEqual(at(false, 'eval', 'live'), ['information batchnorm/never-updated bn']);
  });

  it('leave a counter of 0 alone where the statistics were learned', () => {
    const modules = [root(false), batchNorm('bn', false)];
    assert.deepEqual(named({ modules, statistics: { bn: { ...learned, numBatchesTracked: 0 } } }), []);
    assert.deepEqual(named({ modules, statistics: { bn: { ...learned, numBatchesTracked: null } } }), []);
  });

  it('leave frozen classes alone whose statistics are an identity', () => {
    const frozen = batchNorm('bn', false, { type: 'FrozenBatchNorm2d', behaviourReason: 'Its class is frozen.' });
    assert.deepEqual(named({ modules: [root(false), frozen], statistics: { bn: statistics(0, 1, null) } }), []);
  });

  it('compute the share of the initial statistics, and believe it where the variances allow it', () => {
    const modules = [root(false), batchNorm('bn', false)];
    const share = (batches: number, least: number, more = {}): readonly string[] =>
      named({
        modules,
        statistics: { bn: statistics(0.3, { min: least, max: 2, mean: 1, nonFinite: 0 }, batches) },
        ...more,
      });
    // 0.9 ** 3 = 0.729
    assert.deepEqual(share(3, 0.73), ['warning batchnorm/initial-share bn']);
    assert.deepEqual(share(3, 0.6), [], 'a variance below the share never was 1');
    assert.deepEqual(share(15, 0.21), ['warning batchnorm/initial-share bn']);
    assert.deepEqual(share(16, 0.21), [], '0.9 ** 16 = 0.185');
    assert.deepEqual(share(16, 0.21, { thresholds: { initialShare: 0.1 } }), ['warning batchnorm/initial-share bn']);
    assert.deepEqual(share(0, 1), [], 'nothing was counted');
    const cumulative = batchNorm('bn', false, { batchNorm: { ...normSpec, momentum: null, cumulative: true } });
    assert.deepEqual(share(3, 0.9, { modules: [root(false), cumulative] }), ['information batchnorm/momentum bn']);
  });

  it('sort by urgency, then by place', () => {
    const modules = [root(false), batchNorm('a', true), batchNorm('b', false), batchNorm('c', false)];
    const broken = statistics({ min: 0, max: 0, mean: 0, nonFinite: 2 }, { min: -1, max: 1, mean: 0, nonFinite: 0 }, 9);
    assert.deepEqual(named({ modules, statistics: { a: learned, b: statistics(0, 1, 0), c: broken } }), [
      'error batchnorm/non-finite c',
      'error batchnorm/negative-variance c',
      'warning batchnorm/never-updated b',
      'information mode/mixed',
    ]);
  });

  it('weigh figures beyond float16 by what the model is made of', () => {
    const large = statistics(0, { min: 1, max: 65505, mean: 9, nonFinite: 0 }, 500);
    const bn = batchNorm('bn', false);
    const half = moduleSpec('fc', 'Linear', {
      training: false,
      parameters: [{ name: 'weight', dtype: 'float16', shape: [1] }],
    });
    const rule = 'batchnorm/half-overflow bn';
    assert.deepEqual(named({ modules: [root(false), bn], statistics: { bn: large } }), [`information ${rule}`]);
    assert.deepEqual(named({ modules: [root(false), bn, half], statistics: { bn: large } }), [`warning ${rule}`]);
    const most = statistics(0, { min: 1, max: 65504, mean: 9, nonFinite: 0 }, 500);
    assert.deepEqual(named({ modules: [root(false), bn, half], statistics: { bn: most } }), []);
  });

  it('weigh channels without variance by how many there are', () => {
    const modules = [root(false), batchNorm('bn', false)];
    const some = statistics(0, { min: 1e-12, max: 1, mean: 0.5, nonFinite: 0 }, 500, { deadChannels: 1 });
    const [finding] = find({ modules, statistics: { bn: some } });
    assert.equal(finding?.severity, 'information');
    assert.match(finding.message, /^1 of 4 channels has a running variance near 0/);
    const all = statistics(0, { min: 0, max: 1e-12, mean: 0, nonFinite: 0 }, 500, { deadChannels: 4 });
    assert.deepEqual(named({ modules, statistics: { bn: all } }), ['warning batchnorm/dead-channels bn']);
    // The agent doesn't count them.
    const { deadChannels: _, ...uncounted } = some;
    assert.match(find({ modules, statistics: { bn: uncounted } })[0]?.message ?? '', /^One channel or more has/);
  });

  it('see a literal mode, and whether it runs as train', () => {
    const traced = (training: boolean) => [
      root(false),
      batchNorm('bn', false, {
        behaviour: training ? 'train' : 'eval',
        literalCalls: [{ family: 'batch-norm', training, source: { file: 'net.py', line: 3 } }],
      }),
    ];
    const [inTrain] = find({ format: 'torchscript', modules: traced(true) });
    assert.equal(inTrain?.severity, 'warning');
    assert.deepEqual(inTrain.source, { file: 'net.py', line: 3 });
    assert.deepEqual(inTrain.actions, [{ kind: 'openLine', line: { file: 'net.py', line: 3 } }]);
    assert.deepEqual(named({ format: 'torchscript', modules: traced(false) }), ['information mode/baked bn']);
  });

  it('tell F.dropout in a script from a trace in train', () => {
    const call = { family: 'dropout', training: true } as const;
    const head = moduleSpec('head', 'Head', { modeSensitive: true, behaviour: 'train', literalCalls: [call] });
    const given = { format: 'torchscript' } as const;
    const rules = (...modules: Parameters<typeof named>[0]['modules']) =>
      named({ ...given, modules: [root(), ...modules] });
    assert.deepEqual(rules(head, batchNorm('bn')), ['warning dropout/ignores-eval head'], 'bn reads its flag');
    assert.deepEqual(rules(head), ['warning mode/baked head'], 'all of it is literal');
    const asleep = { ...head, training: false };
    assert.ok(rules(asleep).includes('warning dropout/ignores-eval head'), 'it drops in eval');
  });

  it('tell F.dropout in an export of eval from one of train with frozen BatchNorms', () => {
    const call = (family: 'dropout' | 'batch-norm', training: boolean) =>
      ({ literalCalls: [{ family, training }] }) as const;
    const exported = { training: null, qualifiedType: 'torch.nn.modules.own.Layer' };
    const head = moduleSpec('', 'Net', { training: null, modeSensitive: true, ...call('dropout', true) });
    const frozen = batchNorm('bn', true, { ...exported, behaviour: 'eval', ...call('batch-norm', false) });
    const rules = (...modules: Parameters<typeof named>[0]['modules']) =>
      named({ format: 'exported-program', modules: [head, frozen, ...modules] }).filter((line) =>
        line.startsWith('warning'),
      );
    const drop = (training: boolean) =>
      dropout('drop', true, { ...exported, behaviour: training ? 'train' : 'eval', ...call('dropout', training) });
    assert.deepEqual(rules(), ['warning dropout/ignores-eval']);
    assert.deepEqual(rules(drop(false)), ['warning dropout/ignores-eval']);
    assert.deepEqual(rules(drop(true)), ['warning mode/baked', 'warning mode/baked drop']);
    const byBatch = { ...normSpec, trackRunningStats: false };
    const always = batchNorm('a', true, {
      ...exported,
      behaviour: 'train',
      batchNorm: byBatch,
      ...call('batch-norm', true),
    });
    assert.deepEqual(rules(drop(false), always), ['warning dropout/ignores-eval'], 'it does so in eval too');
  });

  it('count no layer among those in train or eval that does the same in both', () => {
    const byBatch = { ...normSpec, trackRunningStats: false };
    const always = batchNorm('always', true, {
      training: null,
      behaviour: 'train',
      behaviourReason: 'It has none.',
      batchNorm: byBatch,
    });
    const evaluated = batchNorm('bn', true, { training: null, behaviour: 'eval' });
    const modules = [root(null), evaluated, always];
    assert.deepEqual(named({ format: 'exported-program', modules }), ['information batchnorm/no-running-stats always']);
    const frozen = batchNorm('frozen', true, { behaviour: 'eval', behaviourReason: 'Its class never looks.' });
    assert.deepEqual(named({ modules: [root(false), batchNorm('bn', false), frozen] }), []);
  });

  it('take a momentum of 0 for one only where the file can tell it from None', () => {
    const at = (literal?: boolean) => {
      const calls =
        literal === undefined ? {} : { literalCalls: [{ family: 'batch-norm' as const, training: literal }] };
      const bn = batchNorm('bn', true, { training: null, batchNorm: { ...normSpec, momentum: 0 }, ...calls });
      return named({ format: 'torchscript', modules: [root(null), bn] }).filter((line) => line.includes('momentum'));
    };
    assert.deepEqual(at(), ['information batchnorm/momentum bn']);
    assert.deepEqual(at(true), ['information batchnorm/momentum bn']);
    assert.deepEqual(at(false), []);
  });

  it('weigh hidden modules by whether somebody put them into eval', () => {
    const holding = (own: boolean, hidden: boolean) => [
      moduleSpec('', 'Net', { training: own, unregistered: [{ name: 'heads[0]', type: 'Linear', training: hidden }] }),
    ];
    assert.deepEqual(named({ modules: holding(false, true) }), ['warning module/unregistered']);
    assert.deepEqual(named({ modules: holding(true, true) }), ['warning module/unregistered']);
    assert.deepEqual(named({ modules: holding(true, false) }), ['information module/unregistered'], 'a teacher');
    assert.deepEqual(named({ modules: holding(false, false) }), ['information module/unregistered'], 'validation');
  });
});
