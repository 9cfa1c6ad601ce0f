// Modes in words, from flags, behaviour and counts.

import assert from 'node:assert/strict';
import type { ModuleSpec } from '../../../src/model/module';
import { countModes, describeMode, describeModel } from '../../../src/views/modeModel';
import { batchNorm, dropout, moduleSpec, normSpec } from '../support/models';

describe('modes in words', () => {
  it('counts mode-sensitive layers below each parent', () => {
    const modules = [
      moduleSpec('', 'Net'),
      moduleSpec('a', 'Block'),
      batchNorm('a.bn'),
      dropout('a.drop', false),
      moduleSpec('a.fc', 'Linear'),
    ];
    assert.equal(text(modules, ''), 'mixed 1/2');
    assert.equal(text(modules, 'a'), 'mixed 1/2');
    assert.equal(text(modules, 'a.bn'), 'train');
    assert.equal(text(modules, 'a.drop'), 'eval');
    assert.equal(text(modules, 'a.fc'), 'train');
    assert.equal(sign(modules, 'a.fc'), 'trainFlag');
  });

  it('counts calls that no layer stands for by what each does', () => {
    const call = { function: 'torch.nn.functional.dropout', family: 'dropout', p: 0.5 } as const;
    const functionalCalls = [
      { ...call, training: 'flag', fixed: false },
      { ...call, training: true, fixed: true },
    ] as const;
    const modules = (training: boolean): ModuleSpec[] => [
      moduleSpec('', 'Net', { training }),
      moduleSpec('head', 'Head', { training, modeSensitive: true, behaviour: 'train', functionalCalls }),
      dropout('head.drop', training),
    ];
    assert.equal(text(modules(true), ''), 'train');
    assert.equal(countModes(modules(true))('').runTrain, 3);
    assert.equal(text(modules(false), 'head'), 'mixed 1/3');
    assert.equal(countModes(modules(false))('').contradicting, 1);
  });

  it('counts a shared layer once, and in every subtree that holds it', () => {
    const modules = [
      moduleSpec('', 'Net'),
      moduleSpec('a', 'Block'),
      batchNorm('a.bn'),
      moduleSpec('b', 'Block'),
      batchNorm('b.bn', true, { sharedWith: 'a.bn' }),
    ];
    const countOf = countModes(modules);
    assert.equal(countOf('').runTrain, 1);
    assert.equal(countOf('a').runTrain, 1);
    assert.equal(countOf('b').runTrain, 1);
  });

  it('shows flag and behaviour where they contradict each other', () => {
    const baked = dropout('drop', false, { behaviour: 'train', behaviourReason: 'The trace holds True.' });
    assert.equal(text([moduleSpec('', 'Net', { training: false }), baked], 'drop'), 'eval flag, runs as train (baked)');
    assert.equal(text([moduleSpec('', 'Net', { training: false }), baked], ''), 'eval flag, runs as train');
    const agreeing = dropout('drop', true, { behaviourReason: 'The trace holds True.' });
    assert.equal(text([moduleSpec('', 'Net'), agreeing], 'drop'), 'train (baked)');
    const untracked = batchNorm('bn', false, {
      behaviour: 'train',
      batchNorm: { ...normSpec, trackRunningStats: false },
    });
    assert.equal(
      text([moduleSpec('', 'Net', { training: false }), untracked], 'bn'),
      'eval flag, runs as train (no running statistics)',
    );
  });

  it('tells a parent’s own flag that was set alone', () => {
    assert.equal(text([moduleSpec('', 'Net', { training: false }), batchNorm('bn')], ''), 'eval flag, layers in train');
  });

  it('never calls a mode train that the file does not store', () => {
    const modules = [
      moduleSpec('', 'Net', { training: null, behaviour: 'unknown' }),
      moduleSpec('bn', 'BatchNorm2d', { training: null, behaviour: 'unknown', modeSensitive: true }),
    ];
    assert.equal(text(modules, ''), 'mode not stored');
    assert.equal(text(modules, 'bn'), 'mode not stored');
    const frozen = [
      moduleSpec('', 'Net', { training: null }),
      batchNorm('bn', true, { training: null, behaviour: 'eval' }),
    ];
    assert.equal(text(frozen, 'bn'), 'runs as eval');
  });

  it('says the model’s mode for the status bar', () => {
    assert.equal(model([moduleSpec('', 'Net'), batchNorm('a'), dropout('b')]), 'train · 2 active');
    assert.equal(model([moduleSpec('', 'Net', { training: false }), batchNorm('a', false)]), 'eval');
    assert.equal(model([moduleSpec('', 'Net'), batchNorm('a', false), dropout('b')]), 'mixed 1/2');
    assert.equal(model([moduleSpec('', 'Net'), moduleSpec('fc', 'Linear')]), 'train · 0 active');
  });
});

function text(modules: readonly ModuleSpec[], path: string): string {
  return words(modules, path).text;
}

function sign(modules: readonly ModuleSpec[], path: string): string {
  return words(modules, path).sign;
}

function words(modules: readonly ModuleSpec[], path: string): ReturnType<typeof describeMode> {
  const module = modules.find((candidate) => candidate.path === path);
  assert.ok(module);
  return describeMode(module, countModes(modules)(path));
}

function model(modules: readonly ModuleSpec[]): string {
  return describeModel(modules[0]!, countModes(modules)('')).text;
}
