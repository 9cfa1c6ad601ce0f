// Rules over the events of a running program: healthy loops that must stay silent beside the hazards that resemble them.

import assert from 'node:assert/strict';
import type { Caller, LiveEvent } from '../../../src/insight/observations';
import type { ModuleSpec } from '../../../src/model/module';
import { find, learned, named } from './model';
import { batchNorm, dropout, moduleSpec } from '../support/models';

const line = (number: number): Caller => ({ file: '/home/ada/train.py', line: number, function: 'main' });

/** What a program does, of which an agent makes events. */
type Deed =
  | LiveEvent
  | { readonly kind: 'ran'; readonly training: boolean; readonly gradEnabled: boolean; readonly caller: Caller }
  | { readonly kind: 'stepped'; readonly own: boolean }
  | { readonly kind: 'turned'; readonly path: string; readonly training: boolean; readonly caller: Caller };

const forward = (training: boolean, gradEnabled: boolean, at: number | Caller = 1): Deed => ({
  kind: 'ran',
  training,
  gradEnabled,
  caller: typeof at === 'number' ? line(at) : at,
});
const step: Deed = { kind: 'stepped', own: true };
const otherStep: Deed = { kind: 'stepped', own: false };
const turn = (path: string, training: boolean, at = 1): Deed => ({ kind: 'turned', path, training, caller: line(at) });
const counter = (path: string, batches: number): LiveEvent => ({ kind: 'counter', path, batches });
const times = (count: number, ...deeds: Deed[]): Deed[] => Array.from({ length: count }, () => deeds).flat();

/** As the agent tells them, a second apart. */
function told(deeds: readonly Deed[]): LiveEvent[] {
  let [own, other] = [0, 0];
  let learnedAt: number | null = null;
  return deeds.map((deed, time): LiveEvent => {
    switch (deed.kind) {
      case 'ran': {
        const { training, gradEnabled, caller } = deed;
        const rest = { training, gradEnabled, caller, learns: true };
        const event: LiveEvent = { kind: 'forward', path: '', time, steps: own, learnedAt, ...rest };
        if (gradEnabled) learnedAt = time;
        return event;
      }
      case 'stepped':
        if (deed.own) own++;
        else other++;
        learnedAt = time;
        return { kind: 'steps', own, other };
      case 'turned':
        return { ...deed, kind: 'switch', time };
      default:
        return deed;
    }
  });
}

const net = (training = true): ModuleSpec[] => [
  moduleSpec('', 'Net', { training }),
  moduleSpec('body', 'Body', { training }),
  batchNorm('body.bn', training),
  dropout('drop', training),
];
const rules = (deeds: readonly Deed[], modules = net()): readonly string[] =>
  named({ kind: 'live', modules, events: told(deeds), statistics: { 'body.bn': learned } });

describe('mode/train-without-grad', () => {
  const found = ['warning mode/train-without-grad'];

  it('sees inference in train, and the line of its first forward', () => {
    const [finding] = find({ kind: 'live', modules: net(), events: told(times(3, forward(true, false, 7))) });
    assert.equal(finding?.rule, 'mode/train-without-grad');
    assert.deepEqual(finding.source, { file: '/home/ada/train.py', line: 7 });
    assert.deepEqual(finding.actions[0], { kind: 'setEval', path: '' });
    const training = [turn('', true), ...times(9, forward(true, true), step)];
    assert.deepEqual(rules([...training, ...times(3, forward(true, false))]), found, 'validation without eval()');
    // What was seen stays seen when training goes on.
    assert.deepEqual(rules([...times(3, forward(true, false)), ...training]), found);
  });

  it('leaves training, validation in eval, generators and momentum encoders alone', () => {
    assert.deepEqual(rules(times(9, forward(true, true), step)), []);
    assert.deepEqual(rules(times(9, forward(false, false))), []);
    // A generator makes images for the discriminator, whose optimizer steps.
    assert.deepEqual(rules(times(9, forward(true, false), otherStep)), []);
    assert.deepEqual(rules(times(9, forward(true, false), forward(true, true), step)), []);
    assert.deepEqual(rules([otherStep, ...times(9, forward(true, false))]), [], 'others learn, and it does not');
  });

  it('leaves dropout that is asked for alone, statistics that are renewed, and models without such layers', () => {
    const training = times(9, forward(true, true), step);
    assert.deepEqual(rules([...training, turn('', false), turn('', true), ...times(9, forward(true, false))]), []);
    const calledBy = (name: string): readonly string[] =>
      rules(times(9, forward(true, false, { file: '/lib/precise.py', line: 300, function: name })));
    for (const name of ['update_bn_stats', 'updateBN', 'bn_update', 'recalibrate', 'reset_running_stats'])
      assert.deepEqual(calledBy(name), [], name);
    assert.deepEqual(calledBy('validate_subnet'), found);
    assert.deepEqual(rules(times(9, forward(true, false)), [moduleSpec('', 'Net'), moduleSpec('fc', 'Linear')]), []);
  });
});

describe('mode/trained-in-eval', () => {
  const weight = (requiresGrad: boolean) => [{ name: 'weight', dtype: 'float32', shape: [4], requiresGrad } as const];
  const inEval = (frozen: boolean, ...more: ModuleSpec[]): ModuleSpec[] => [
    moduleSpec('', 'Net', { training: false }),
    batchNorm('bn', false, { parameters: weight(!frozen) }),
    moduleSpec('fc', 'Linear', { training: false, parameters: weight(true) }),
    ...more,
  ];
  const found = ['warning mode/trained-in-eval'];
  const withoutStatistics = (deeds: readonly Deed[], modules: readonly ModuleSpec[]): readonly string[] =>
    named({ kind: 'live', modules, events: told(deeds) });

  it('sees steps between forwards in eval alone', () => {
    const deeds = times(8, forward(false, true, 4), step);
    const [finding] = find({ kind: 'live', modules: inEval(false), events: told(deeds) });
    assert.equal(finding?.rule, 'mode/trained-in-eval');
    assert.equal(finding.evidence['steps'], 7);
    assert.deepEqual(finding.source, { file: '/home/ada/train.py', line: 4 });
    assert.deepEqual(finding.actions[0], { kind: 'setTrain', path: '' });
    // After a validation that did not switch back.
    const before = [turn('', true), ...times(9, forward(true, true), step), turn('', false)];
    assert.deepEqual(withoutStatistics([...before, ...deeds], inEval(false)), found);
    assert.deepEqual(withoutStatistics(deeds.slice(2), inEval(false)), [], 'too few to tell');
  });

  it('leaves saliency, adversarial training, validation and losses by another network alone', () => {
    const silent = (deeds: readonly Deed[], why: string, modules = inEval(false)): void => {
      assert.deepEqual(withoutStatistics(deeds, modules), [], why);
    };
    silent(times(50, forward(false, true)), 'no step');
    silent(times(9, forward(false, true), forward(true, true), step), 'trained on what ran in train');
    // The forward in train is seldom among those that are seen.
    const attack = [turn('', false), ...times(3, forward(false, true)), turn('', true), step];
    silent(times(9, ...attack), 'train() before each step');
    silent([...times(9, forward(true, true), step), ...times(9, forward(false, false))], 'validation');
    silent(times(9, forward(false, true), otherStep), 'it is not what learns');
  });

  it('leaves a new head on frozen layers alone, and modes that are mixed on purpose', () => {
    const deeds = times(9, forward(false, true), step);
    assert.deepEqual(withoutStatistics(deeds, inEval(true)), []);
    assert.ok(!withoutStatistics(deeds, inEval(false, dropout('drop', true))).includes('warning mode/trained-in-eval'));
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
    const [finding] = find({ kind: 'live', modules: net(), events: told(events), statistics: { 'body.bn': learned } });
    assert.equal(finding?.rule, 'batchnorm/revived');
    assert.equal(finding.severity, 'warning');
    assert.equal(finding.path, 'body.bn');
    assert.deepEqual(finding.source, { file: '/home/ada/train.py', line: 9 });
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
    const steps = (updates: number, count: number): Deed[] =>
      Array.from({ length: count }, (_, i) => [step, counter(bn, 100 + updates * (i + 1))]).flat();
    assert.deepEqual(rules([counter(bn, 100), ...steps(2, 5)]), ['information batchnorm/double-update body.bn']);
    // The last look may fall between the forwards and their step.
    const deeds = [counter(bn, 100), ...steps(2, 5), counter(bn, 112)];
    const [finding] = find({ kind: 'live', modules: net(), events: told(deeds) });
    assert.match(finding?.message ?? '', /updated 12 times in 5 optimizer steps:/);
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
    assert.deepEqual(found[1]?.source, { file: '/home/ada/train.py', line: 12 });
    assert.deepEqual(named({ kind: 'live', modules: net(false), events: events.slice(1) }), [], 'in eval it runs');
    const group: LiveEvent = { kind: 'singleValue', path: '', shape: [1, 1] };
    assert.deepEqual(named({ kind: 'file', modules: net(), events: [group] }), [], 'a GroupNorm has no mode');
  });
});
