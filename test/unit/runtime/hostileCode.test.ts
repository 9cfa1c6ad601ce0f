// Built-in functions and operators given what no honest program gives them.

import assert from 'node:assert/strict';

import { operatorTable } from '../../../src/runtime/operators';
import { RunContext } from '../../../src/runtime/context';
import { KernelExecutor } from '../../../src/runtime/kernels/executor';
import { Generator } from '../../../src/runtime/random';
import { callBuiltin } from '../../../src/runtime/torchscript/builtins';
import type { Interpreter } from '../../../src/runtime/torchscript/interpreter';
import { OpaqueValue, type Value } from '../../../src/runtime/values';
import { toAppError } from '../../../src/util/errors';

const none: ReadonlyMap<string, Value> = new Map();
const context = new RunContext(
  new KernelExecutor(() => Promise.reject(new Error('nothing here needs kernels'))),
  new Generator(0),
);
const call = (name: string, ...args: Value[]): Promise<unknown> =>
  Promise.resolve(callBuiltin({ context } as unknown as Interpreter, name, args, none));

describe('lists that grow without end', () => {
  it('are refused before they fill the memory', async () => {
    const limit = { code: 'limit-exceeded' };
    await assert.rejects(() => call('mul', [0n], 10n ** 11n), limit);
    await assert.rejects(() => call('range', 10n ** 12n), limit);
    assert.deepEqual(await call('mul', [], 10n ** 11n), []);
  });

  it('may be longer than a function has arguments', async () => {
    const long = new Array<Value>(300_000).fill(1n);
    const list: Value[] = [2n];
    await call('extend', list, long);
    assert.equal(((await call('add', list, long)) as Value[]).length, 600_001);
    await call('sort', list, false);
    assert.deepEqual([list.length, list.at(-1)], [300_001, 2n]);
  });
});

describe('operators', () => {
  const operators = operatorTable;

  it('name the library of an unknown one', async () => {
    await assert.rejects(operators.call('torchvision.nms', [], none, context), /no operator torchvision::nms/);
    await assert.rejects(operators.call('frobnicate', [], none, context), /no operator aten::frobnicate/);
  });

  it('say why a tensor of the file is of no use', async () => {
    const broken = new OpaqueValue('Tensor', 'its storage 0 is missing in the file');
    await assert.rejects(operators.call('relu', [broken], none, context), /storage 0 is missing/);
  });
});

describe('errors of the language', () => {
  it('become sentences', () => {
    const thrown = (text: string): string => toAppError(new RangeError(text), 'program-error').code;
    assert.equal(thrown('Maximum call stack size exceeded'), 'limit-exceeded');
    assert.equal(thrown('Invalid string length'), 'out-of-memory');
  });
});
