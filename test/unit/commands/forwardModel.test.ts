// Which of several models a forward runs.

import assert from 'node:assert/strict';
import { forwardTarget, targetTitle } from '../../../src/commands/forwardModel';
import type { InputSpec } from '../../../src/model/description';
import type { ModelSession } from '../../../src/sessions/modelSession';

const input = (name: string): InputSpec => ({ name, type: 'Tensor', hasDefault: false });
const session = (...paths: string[]): ModelSession =>
  ({
    title: 'net.pt2',
    inputs: [input('x')],
    ...(paths.length === 0 ? {} : { models: paths.map((path) => ({ path, inputs: [input(path)] })) }),
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
  });

  it('is named with the file', () => {
    assert.equal(targetTitle(session(), { inputs: [] }), 'net.pt2');
    assert.equal(targetTitle(session('a'), { model: 'a', inputs: [] }), 'net.pt2: a');
  });
});
