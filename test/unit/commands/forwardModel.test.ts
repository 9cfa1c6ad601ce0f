// Which of several models a forward runs.

import assert from 'node:assert/strict';
import { forwardTarget, targetTitle } from '../../../src/commands/forwardModel';
import type { InputSpec, SavedModel } from '../../../src/model/description';
import type { ModelSession } from '../../../src/sessions/modelSession';

const model = (name: string): SavedModel => {
  const path = name.replace('!', '');
  return { path, canRun: path === name, inputs: [input(path)] };
};
const input = (name: string): InputSpec => ({ name, type: 'Tensor', hasDefault: false });
/** Those whose names end with `!` can't run. */
const session = (...names: string[]): ModelSession =>
  ({
    title: 'net.pt2',
    inputs: [input('x')],
    ...(names.length === 0 ? {} : { models: names.map(model) }),
  }) as unknown as ModelSession;

describe('the model that a forward runs', () => {
  it('is the file’s own, or that in which the row stands', () => {
    assert.deepEqual(forwardTarget(session(), 'a.b'), { inputs: [input('x')] });
    assert.deepEqual(forwardTarget(session('a', 'ab'), 'ab.norm'), { model: 'ab', inputs: [input('ab')] });
    assert.deepEqual(forwardTarget(session('a', 'ab'), 'a'), { model: 'a', inputs: [input('a')] });
  });

  it('is asked for where the row stands in none of several, and only there', () => {
    assert.equal(forwardTarget(session('a', 'ab'), ''), undefined);
    assert.deepEqual(forwardTarget(session('a'), ''), { model: 'a', inputs: [input('a')] });
    assert.deepEqual(forwardTarget(session('a!', 'ab'), ''), { model: 'ab', inputs: [input('ab')] });
    assert.deepEqual(forwardTarget(session('a!'), 'a'), { inputs: [input('x')] });
  });

  it('is named with the file', () => {
    assert.equal(targetTitle(session(), { inputs: [] }), 'net.pt2');
    assert.equal(targetTitle(session('a'), { model: 'a', inputs: [] }), 'net.pt2: a');
  });
});
