// torch's numbers for dtypes (c10::ScalarType), as serialized code spells them, and type promotion.

import type { DType } from '../model/dtype';
import { AppError } from '../util/errors';
import { isFloating } from './elements';
import type { Tensor } from './tensor';

const codes: Readonly<Record<DType, bigint>> = {
  uint8: 0n,
  int8: 1n,
  int16: 2n,
  int32: 3n,
  int64: 4n,
  float16: 5n,
  float32: 6n,
  float64: 7n,
  bool: 11n,
  bfloat16: 15n,
};

const dtypes = new Map(Object.entries(codes).map(([dtype, code]) => [code, dtype as DType]));

export function codeOfDtype(dtype: DType): bigint {
  return codes[dtype];
}

/** @throws AppError `unsupported-operator` for complex and quantised types. */
export function dtypeOfCode(code: bigint): DType {
  const dtype = dtypes.get(code);
  if (dtype === undefined) {
    throw new AppError('unsupported-operator', `The runtime has no tensors of torch's scalar type ${code}`);
  }
  return dtype;
}

/** c10's names for dtypes. */
const names: Readonly<Record<DType, string>> = {
  uint8: 'Byte',
  int8: 'Char',
  int16: 'Short',
  int32: 'Int',
  int64: 'Long',
  float16: 'Half',
  float32: 'Float',
  float64: 'Double',
  bool: 'Bool',
  bfloat16: 'BFloat16',
};

/** `Float` for float32, as torch's messages call it. */
export function scalarTypeName(dtype: DType): string {
  return names[dtype];
}

/** Place in torch's promotion lattice among types of one category. */
const order: readonly DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];

/** `torch.promote_types`. */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  const [low, high] = order.indexOf(a) < order.indexOf(b) ? [a, b] : [b, a];
  if (low === 'uint8' && high === 'int8') return 'int16';
  if (low === 'float16' && high === 'bfloat16') return 'float32';
  return high;
}

type Category = 0 | 1 | 2;

function category(dtype: DType): Category {
  if (dtype === 'bool') return 0;
  return isFloating(dtype) ? 2 : 1;
}

/** dtype of a Python number among tensors: a wrapped number that only counts where its category is higher. */
export function scalarDtype(value: bigint | number | boolean): DType {
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'int64' : 'float32';
}

/**
 * `torch.result_type` over tensors and Python numbers: tensors with dimensions come first, then tensors of none, then
 * numbers; a later group counts only where its category (bool, integer, floating) is higher.
 */
export function resultType(operands: readonly (Tensor | bigint | number | boolean)[]): DType {
  const groups: (DType | undefined)[] = [undefined, undefined, undefined];
  for (const operand of operands) {
    const isTensor = typeof operand === 'object';
    const group = isTensor ? (operand.rank > 0 ? 0 : 1) : 2;
    const dtype = isTensor ? operand.dtype : scalarDtype(operand);
    const known = groups[group];
    groups[group] = known === undefined ? dtype : promoteTypes(known, dtype);
  }
  let result: DType | undefined;
  for (const dtype of groups) {
    if (dtype === undefined) continue;
    if (result === undefined) result = dtype;
    else if (category(dtype) > category(result)) result = dtype;
  }
  return result ?? 'float32';
}
