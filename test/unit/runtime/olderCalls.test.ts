// Calls of older archives: which versions they are rewritten for, and what stays as it is.

import assert from 'node:assert/strict';

import { upgradeCall } from '../../../src/runtime/torchscript/olderCalls';
import { Tensor, type Value } from '../../../src/runtime/program';

const ints = Tensor.zeros('int64', [2]);
const floats = Tensor.zeros('float32', [2]);

/** The call that a call has become: its arguments, and its keywords as an object. */
function upgraded(
  version: number,
  name: string,
  args: readonly Value[],
  keywords: Record<string, Value> = {},
): unknown {
  const call = upgradeCall({ name, args, keywords: new Map(Object.entries(keywords)) }, version);
  assert.equal(call.name, name);
  return [call.args, Object.fromEntries(call.keywords)];
}

describe('calls of older archives', () => {
  it('round quotients of integers below version 4, and no others', () => {
    const rounded = { rounding_mode: 'trunc' };
    assert.deepEqual(upgraded(3, 'div', [ints, ints]), [[ints, ints], rounded]);
    assert.deepEqual(upgraded(3, 'div_', [ints, 2n]), [[ints, 2n], rounded]);
    assert.deepEqual(upgraded(4, 'div', [ints, ints]), [[ints, ints], {}]);
    assert.deepEqual(upgraded(3, 'div', [ints, 2.5]), [[ints, 2.5], {}]);
    assert.deepEqual(upgraded(3, 'div', [ints, floats]), [[ints, floats], {}]);
    assert.deepEqual(upgraded(3, 'div', [ints, ints], { out: floats }), [[ints, ints], { out: floats }]);
    const floor = { rounding_mode: 'floor' };
    assert.deepEqual(upgraded(3, 'div', [ints, ints], floor), [[ints, ints], floor]);
  });

  it('fill with floats below version 5 where no dtype is given', () => {
    assert.deepEqual(upgraded(4, 'full', [[2n], 3n], { dtype: null }), [[[2n], 3], { dtype: null }]);
    assert.deepEqual(upgraded(4, 'full', [[2n], true]), [[[2n], 1], {}]);
    assert.deepEqual(upgraded(4, 'full', [[2n], 3n], { dtype: 4n }), [[[2n], 3n], { dtype: 4n }]);
    assert.deepEqual(upgraded(5, 'full', [[2n], 3n]), [[[2n], 3n], {}]);
  });

  it('count a hundred steps where none are given', () => {
    assert.deepEqual(upgraded(7, 'linspace', [0n, 1n, null]), [[0n, 1n, 100n], {}]);
    assert.deepEqual(upgraded(8, 'linspace', [0n, 1n, null]), [[0n, 1n, null], {}]);
    assert.deepEqual(upgraded(8, 'logspace', [0n, 1n]), [[0n, 1n, 100n], {}]);
    assert.deepEqual(upgraded(8, 'logspace', [0n, 1n, 5n, 2]), [[0n, 1n, 5n, 2], {}]);
  });

  it('drop the names of unflattened dimensions where there are none', () => {
    assert.deepEqual(upgraded(10, 'unflatten', [floats, 0n, [1n, 2n], null]), [[floats, 0n, [1n, 2n]], {}]);
    const named = [floats, 0n, [1n, 2n], ['a', 'b']];
    assert.deepEqual(upgraded(10, 'unflatten', named), [named, {}]);
  });

  it('are otherwise untouched', () => {
    assert.deepEqual(upgraded(1, 'add', [ints, 2n]), [[ints, 2n], {}]);
  });
});
