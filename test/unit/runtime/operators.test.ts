// The operator table: signatures, the choice of an overload, type promotion.

import assert from 'node:assert/strict';

import { RunContext } from '../../../src/runtime/context';
import { KernelExecutor } from '../../../src/runtime/kernels/executor';
import { matchArguments } from '../../../src/runtime/operators/arguments';
import { operatorTable } from '../../../src/runtime/operators';
import { OperatorTable } from '../../../src/runtime/operators/registry';
import { parseSchema } from '../../../src/runtime/operators/schema';
import { Generator } from '../../../src/runtime/random';
import { resultType } from '../../../src/runtime/scalarTypes';
import { Tensor } from '../../../src/runtime/tensor';
import type { Value } from '../../../src/runtime/values';
import type { AppError } from '../../../src/util/errors';

const none: ReadonlyMap<string, Value> = new Map();
const noContext = new RunContext(
  new KernelExecutor(() => Promise.reject(new Error('these operators need no kernels'))),
  new Generator(0),
);

describe('parseSchema', () => {
  it('reads types, optional lists, defaults and keyword-only arguments', () => {
    const schema = parseSchema(
      'f.x(Tensor(a!) self, int[2] k=1, Tensor?[] t=[], float? s=None, *, str m="mean", bool b=False) -> Tensor',
    );
    assert.equal(schema.name, 'f');
    assert.equal(schema.overload, 'x');
    assert.deepEqual(
      schema.args.map(({ name, defaultValue }) => [name, defaultValue]),
      [
        ['self', undefined],
        ['k', 1n],
        ['t', []],
        ['s', null],
        ['m', 'mean'],
        ['b', false],
      ],
    );
    assert.deepEqual(schema.args[1]?.type, {
      base: 'int',
      optional: false,
      list: { optionalElements: false, size: 2 },
    });
    assert.deepEqual(schema.args[2]?.type, { base: 'Tensor', optional: false, list: { optionalElements: true } });
    assert.equal(schema.args[4]?.keywordOnly, true);
  });

  it('refuses a typing mistake in the table', () => {
    assert.throws(() => parseSchema('f(Tensor) -> Tensor'), /bad argument/);
  });
});

describe('matchArguments', () => {
  const schema = parseSchema('f(Tensor self, int[2] size=1, *, float scale=1.0) -> Tensor');
  const tensor = Tensor.zeros('float32', [1]);

  it('repeats a number where a list of a given size is meant', () => {
    assert.deepEqual(matchArguments(schema, [tensor, 3n], none, true)?.ints('size'), [3, 3]);
    assert.deepEqual(matchArguments(schema, [tensor, [3n]], none, true)?.ints('size'), [3, 3]);
    assert.deepEqual(matchArguments(schema, [tensor], none, true)?.ints('size'), [1, 1]);
  });

  it('takes an int for a float only where types need not be exact', () => {
    const keywords = new Map<string, Value>([['scale', 2n]]);
    assert.equal(matchArguments(schema, [tensor], keywords, true), undefined);
    assert.equal(matchArguments(schema, [tensor], keywords, false)?.float('scale'), 2);
  });

  it('refuses unknown keywords, too many arguments and wrong types', () => {
    assert.equal(matchArguments(schema, [tensor], new Map<string, Value>([['other', 1n]]), false), undefined);
    assert.equal(matchArguments(schema, [tensor, 1n, 1, 1], none, false), undefined);
    assert.equal(matchArguments(schema, ['text'], none, false), undefined);
  });
});

describe('OperatorTable', () => {
  const table = new OperatorTable();
  table.define('g.int(int x) -> str', () => 'int');
  table.define('g.float(float x) -> str', () => 'float');

  it('prefers the overload with exact types', async () => {
    assert.equal(await table.call('g', [1n], none, noContext), 'int');
    assert.equal(await table.call('g', [1], none, noContext), 'float');
  });

  it('names the operator, or the types that no overload takes', async () => {
    const code = (error: AppError): boolean => error.code === 'unsupported-operator';
    await assert.rejects(
      table.call('h', [], none, noContext),
      (error: AppError) => code(error) && error.message.includes('aten::h'),
    );
    await assert.rejects(
      table.call('g', ['s'], none, noContext),
      (error: AppError) => code(error) && error.message.includes('(str)'),
    );
  });

  it('holds no overload twice', () => {
    const seen = new Set<string>();
    for (const { schema } of operatorTable.all()) {
      const name = `${schema.name}.${schema.overload}`;
      assert.ok(!seen.has(name), `${name} is defined twice`);
      seen.add(name);
    }
  });
});

describe('resultType', () => {
  const dims = (dtype: Tensor['dtype']): Tensor => Tensor.zeros(dtype, [1]);
  const scalar = (dtype: Tensor['dtype']): Tensor => Tensor.zeros(dtype, []);

  it('follows torch.result_type', () => {
    assert.equal(resultType([dims('int32'), 1.5]), 'float32');
    assert.equal(resultType([dims('float16'), 1.5]), 'float16');
    assert.equal(resultType([dims('float16'), scalar('float64')]), 'float16');
    assert.equal(resultType([dims('int32'), scalar('float64')]), 'float64');
    assert.equal(resultType([dims('uint8'), dims('int8')]), 'int16');
    assert.equal(resultType([dims('float16'), dims('bfloat16')]), 'float32');
    assert.equal(resultType([dims('bool'), 1n]), 'int64');
    assert.equal(resultType([dims('uint8'), 1n]), 'uint8');
  });
});
