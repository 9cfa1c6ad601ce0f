// Operators of exported graphs that ask for sizes or check something: no kernel is needed for them.

import { AppError } from '../../util/errors';
import { itemOf } from '../item';
import { Tensor } from '../tensor';
import { typeName, type Value } from '../values';
import { isTrue } from './symbolic';

type SpecialOperator = (args: ReadonlyMap<string, Value>) => Value;

function tensorOf(args: ReadonlyMap<string, Value>, name = 'self'): Tensor {
  const value = args.get(name);
  if (value instanceof Tensor) return value;
  throw new AppError('program-error', `A tensor is expected, not ${typeName(value ?? null)}`);
}

function sizeAt(sizes: readonly number[], dim: Value | undefined): bigint {
  const index = Number(dim ?? 0);
  const size = sizes.at(index);
  if (size === undefined) throw new AppError('bad-input', `Dimension out of range (got ${index})`);
  return BigInt(size);
}

const nothing: SpecialOperator = () => null;

/** Operators that no kernel is needed for: sizes, and the checks that exports are full of. */
export const metadataOperators: ReadonlyMap<string, SpecialOperator> = new Map<string, SpecialOperator>([
  ['sym_size', (args) => sizeAt(tensorOf(args).shape, args.get('dim'))],
  ['sym_stride', (args) => sizeAt(tensorOf(args).strides, args.get('dim'))],
  ['sym_numel', (args) => BigInt(tensorOf(args).elementCount)],
  ['sym_storage_offset', (args) => BigInt(tensorOf(args).offset)],
  ['sym_is_contiguous', (args) => tensorOf(args).isContiguous],
  ['item', (args) => itemOf(tensorOf(args))],
  ['_local_scalar_dense', (args) => itemOf(tensorOf(args))],
  ['_assert_scalar', (args) => assertTrue(args.get('self') ?? null, args)],
  ['_assert_async', (args) => assertTrue(itemOf(tensorOf(args)), args)],
  // Ranges of sizes and the like: torch checked them when it exported, and operators check what they are given.
  ['_assert_tensor_metadata', nothing],
  ['sym_constrain_range', nothing],
  ['sym_constrain_range_for_size', nothing],
]);

function assertTrue(value: Value, args: ReadonlyMap<string, Value>): null {
  if (isTrue(value)) return null;
  const message = args.get('assert_msg');
  throw new AppError('program-error', typeof message === 'string' ? message : 'An assertion of the program failed');
}
