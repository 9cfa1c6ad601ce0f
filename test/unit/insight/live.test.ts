// Rules over the events of a running program: healthy loops that must stay silent beside the hazards that resemble them.

import assert from 'node:assert/strict';
import type { Caller, LiveEvent } from '../../../src/insight/observations';
import type { ModuleSpec } from '../../../src/model/module';
import { find, learned, named } from './model';
import { batchNorm, dropout, moduleSpec } from '../support/models';

const line = (number: number): Caller => ({ file: '/work/train.py', line: number, function: 'main' });
const forward = (training: boolean, gradEnabled: boolean, at = 1): LiveEvent => ({
  kind: 'forward',
  path: '',
  training,
  gradEnabled,
  caller: line(at),
});
const step: LiveEvent = { kind: 'step', own: true };
const otherStep: LiveEvent = { kind: 'step', own: false };
const turn = (path: string, training: boolean, at = 1): LiveEvent => ({
  kind: 'switch',
  path,
  training,
  caller: line(at),
});
const counter = (path: string, batches: number): LiveEvent => ({ kind: 'counter', path, batches });
const times = (count: number, ...events: LiveEvent[]): LiveEvent[] =>
  Array.from({ length: count }, () => events).flat();

const net = (training = true): ModuleSpec[] => [
  moduleSpec('', 'Net', { training }),
  moduleSpec('body', 'Body', { training }),
  batchNorm('body.bn', training),
  dropout('drop', training),
];
const rules = (events: readonly LiveEvent[], modules = net()): readonly string[] =>
  named({ kind: 'live', modules, events, statistics: { 'body.bn': learned } });

describe('mode/train-without-grad', () => {
  const found = ['warning mode/train-without-grad'];

  it('sees inference in train, and the line of its first forward', () => {
    const [finding] = find({ kind: 'live', modules: net(), events: times(3, forward(true, false, 7)) });
    assert.equal(finding?.rule, 'mode/train-without-grad');
    assert.deepEqual(finding.source, { file: '/work/train.py', line: 7 });
    assert.deepEqual(finding.actions[0], { kind: 'setEval', path: '' });
    // What was seen stays seen when training goes on.
    assert.deepEqual(rules([...times(3, forward(true, false)), ...times(9, forward(true, true), step)]), found);
  });

  it('leaves training, validation in eval, generators and momentum encoders alone', () => {
    assert.deepEqual(rules(times(9, forward(true, true), step)), []);
    assert.deepEqual(rules(times(9, forward(false, false))), []);
    // A generator makes images for the discriminator, whose optimizer steps.
    assert.deepEqual(rules(times(9, forward(true, false), otherStep)), []);
    assert.deepEqual(rules(times(9, forward(true, false), forward(true, true), step)), []);
  });

  it('leaves averaging alone, and models without layers that depend on the mode', () => {
    const caller = { file: '/lib/torch/optim/swa_utils.py', line: 300, function: 'update_bn' };
    assert.deepEqual(rules(times(9, { kind: 'forward', path: '', training: true, gradEnabled: false, caller })), []);
    assert.deepEqual(rules(times(9, forward(true, false)), [moduleSpec('', 'Net'), moduleSpec('fc', 'Linear')]), []);
  });
});

describe('mode/trained-in-eval', () => {
  it('sees steps that followed forwards in eval alone', () => {
    const [finding] = find({ kind: 'live', modules: net(false), events: times(3, forward(false, true, 4), step) });
    assert.equal(finding?.rule, 'mode/trained-in-eval');
    assert.deepEqual(finding.source, { file: '/work/train.py', line: 4 });
    assert.deepEqual(finding.actions[0], { kind: 'setTrain', path: '' });
  });

  it('leaves saliency, adversarial training, validation and losses by another network alone', () => {
    assert.deepEqual(rules(times(50, forward(false, true)), net(false)), [], 'no step');
    assert.deepEqual(
      rules(times(9, forward(false, true), forward(true, true), step)),
      [],
      'trained on what ran in train',
    );
    assert.deepEqual(
      rules([...times(9, forward(true, true), step), ...times(9, forward(false, false))], net(false)),
      [],
    );
    assert.deepEqual(rules(times(9, forward(false, true), otherStep), net(false)), [], 'it is not what learns');
  });
});

describe('batchnorm/revived', () => {
  const moving = [counter('body.bn', 10), counter('body.bn', 20), counter('body.bn', 30)];

  it('sees a frozen layer that an outer train() set back, and its line', () => {
    const events = [
      ...moving,
      turn('body.bn', false, 5),
      turn('', true, 9),
      counter('body.bn', 40),
      counter('body.bn', 50),
    ];
    const [finding] = find({ kind: 'live', modules: net(), events, statistics: { 'body.bn': learned } });
    assert.equal(finding?.rule, 'batchnorm/revived');
    assert.equal(finding.severity, 'warning');
    assert.equal(finding.path, 'body.bn');
    assert.deepEqual(finding.source, { file: '/work/train.py', line: 9 });
    assert.match(finding.message, /set to eval at train\.py:5, and train\(\) on the root at train\.py:9/);
    assert.deepEqual(
      finding.actions.map(({ kind }) => kind),
      ['setEval', 'pin', 'openLine'],
    );
  });

  it('remembers the freezing through validations of the whole model', () => {
    const validation = [turn('', false), turn('', true)];
    const events = [turn('body.bn', false), ...validation, ...validation, ...moving];
    assert.deepEqual(rules(events), ['warning batchnorm/revived body.bn']);
  });

  it('leaves loops alone that freeze again after each train(), and plain validation', () => {
    const refrozen = [turn('', true), turn('body.bn', false)];
    const frozen = net().map((module) => (module.path === 'body.bn' ? batchNorm('body.bn', false) : module));
    const events = [...moving, ...refrozen, ...refrozen];
    assert.ok(!rules(events, frozen).some((rule) => rule.includes('revived')));
    // Seen in the moment between the two calls, its counter stands still.
    assert.deepEqual(rules([...events, turn('', true)]), []);
    assert.deepEqual(rules([turn('', false), turn('', true), ...moving]), []);
    assert.deepEqual(rules([turn('body.bn', false), turn('body.bn', true), ...moving]), [], 'set back by itself');
  });

  it('only mentions a part that was in eval for a while', () => {
    const events = [turn('body', false), turn('', true), ...moving];
    assert.deepEqual(rules(events), ['information batchnorm/revived body.bn']);
  });
});

describe('batchnorm/frozen-but-updating', () => {
  const weight = (requiresGrad: boolean) => [{ name: 'weight', dtype: 'float32', shape: [4], requiresGrad } as const];
  const frozen = batchNorm('bn', true, { parameters: weight(false) });
  const learning = moduleSpec('fc', 'Linear', { parameters: weight(true) });
  const moved = [counter('bn', 3), counter('bn', 8)];

  it('sees statistics move whose parameters are frozen', () => {
    const given = { kind: 'live', modules: [moduleSpec('', 'Net'), frozen, learning], events: moved } as const;
    assert.deepEqual(named(given), ['warning batchnorm/frozen-but-updating bn']);
    assert.match(find(given)[0]?.message ?? '', /moved in 5 batches/);
  });

  it('leaves a layer alone that stands still, and only mentions a teacher', () => {
    const modules = [moduleSpec('', 'Net'), frozen, learning];
    assert.deepEqual(named({ kind: 'live', modules, events: [counter('bn', 3)] }), []);
    const teacher = { kind: 'live', modules: [moduleSpec('', 'Net'), frozen], events: moved } as const;
    assert.deepEqual(named(teacher), ['information batchnorm/frozen-but-updating bn']);
  });
});

describe('other rules over events', () => {
  const bn = 'body.bn';

  it('count updates for each step, from when the layer was first seen', () => {
    const steps = (updates: number, count: number): LiveEvent[] =>
      Array.from({ length: count }, (_, i) => [step, counter(bn, 100 + updates * (i + 1))]).flat();
    assert.deepEqual(rules([counter(bn, 100), ...steps(2, 5)]), ['information batchnorm/double-update body.bn']);
    assert.deepEqual(rules([counter(bn, 100), ...steps(1, 50)]), []);
    assert.deepEqual(rules([counter(bn, 100), ...steps(2, 4)]), [], 'too few steps to tell');
    // A counter that was reset begins anew.
    assert.deepEqual(rules([counter(bn, 900), ...steps(1, 5)]), []);
  });

  it('name the first layer that drifts, where the gap starts', () => {
    const batch = (path: string, meanDistance: number): LiveEvent => ({
      kind: 'batch',
      path,
      meanDistance,
      varianceRatio: 2,
    });
    const modules = [moduleSpec('', 'Net'), batchNorm('a'), batchNorm('b'), batchNorm('c')];
    const events = [batch('b', 0.9), batch('c', 1.5), batch('a', 4)];
    assert.deepEqual(named({ kind: 'live', modules, events }), ['information batchnorm/drift c']);
  });

  it('tell dropout that ran in eval, and a layer with one value per channel', () => {
    const events: LiveEvent[] = [
      { kind: 'dropout', path: 'body', function: 'scaled_dot_product_attention', p: 0.1, caller: line(12) },
      { kind: 'singleValue', path: bn, shape: [1, 4] },
    ];
    const found = find({ kind: 'live', modules: net(), events });
    assert.deepEqual(
      found.map(({ severity, rule, path }) => [severity, rule, path]),
      [
        ['error', 'batchnorm/single-value', bn],
        ['warning', 'dropout/ignores-eval', 'body'],
      ],
    );
    assert.match(found[0]?.message ?? '', /\[1, 4\]/);
    assert.deepEqual(found[1]?.source, { file: '/work/train.py', line: 12 });
    assert.deepEqual(named({ kind: 'live', modules: net(false), events: events.slice(1) }), [], 'in eval it runs');
  });
});
