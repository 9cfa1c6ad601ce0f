// Python's arithmetic on sizes and flags, as exported graphs write it between the calls of operators.

import { AppError } from '../../util/errors';
import type { Value } from '../values';

type Scalar = bigint | number | boolean;
type ScalarFunction = (args: readonly Scalar[]) => Scalar;

/** The function of a target such as `_operator.mul` or `torch.sym_max`, or undefined. */
export function scalarFunction(target: string): ((args: readonly Value[]) => Value) | undefined {
  const name = target.replace(/^(_operator|operator|math|torch)\./, '');
  if (name === target) return undefined;
  const compute = functions.get(name);
  if (compute === undefined) return undefined;
  return (args) => compute(args.map((value) => requireScalar(value, target)));
}

function requireScalar(value: Value, target: string): Scalar {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw new AppError('program-error', `${target} needs numbers`);
}

/** int(a) where both are ints (bools count as ints), else the float. */
function arithmetic(onInts: (a: bigint, b: bigint) => Scalar, onFloats: (a: number, b: number) => number) {
  return ([a = 0n, b = 0n]: readonly Scalar[]): Scalar => {
    if (typeof a === 'number' || typeof b === 'number') return onFloats(Number(a), Number(b));
    return onInts(BigInt(a), BigInt(b));
  };
}

function compare(holds: (a: number | bigint, b: number | bigint) => boolean): ScalarFunction {
  const plain = (value: Scalar): number | bigint => (typeof value === 'boolean' ? BigInt(value) : value);
  return ([a = 0n, b = 0n]) => holds(plain(a), plain(b));
}

function isEqual(a: number | bigint, b: number | bigint): boolean {
  return typeof a === typeof b ? a === b : Number(a) === Number(b);
}

function floorDivide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new AppError('program-error', 'integer division or modulo by zero');
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Exponents and shifts beyond the bits of a size would only cost memory. */
function withinLong(bits: bigint): bigint {
  if (bits < 0n || bits > 63n)
    throw new AppError('program-error', `A size is computed with the exponent or shift ${bits}`);
  return bits;
}

function rounded(round: (value: number) => number): ScalarFunction {
  return ([a = 0n]) => (typeof a === 'number' ? BigInt(round(a)) : BigInt(a));
}

const logical = (onBools: (a: boolean, b: boolean) => boolean, onInts: (a: bigint, b: bigint) => bigint) =>
  (([a = 0n, b = 0n]) =>
    typeof a === 'boolean' && typeof b === 'boolean'
      ? onBools(a, b)
      : onInts(BigInt(a), BigInt(b))) satisfies ScalarFunction;

const functions: ReadonlyMap<string, ScalarFunction> = new Map<string, ScalarFunction>([
  [
    'add',
    arithmetic(
      (a, b) => a + b,
      (a, b) => a + b,
    ),
  ],
  [
    'sub',
    arithmetic(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
  ],
  [
    'mul',
    arithmetic(
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  ],
  ['floordiv', arithmetic(floorDivide, (a, b) => Math.floor(a / b))],
  ['truediv', ([a = 0n, b = 0n]) => Number(a) / Number(b)],
  [
    'mod',
    arithmetic(
      (a, b) => a - b * floorDivide(a, b),
      (a, b) => a - b * Math.floor(a / b),
    ),
  ],
  ['pow', arithmetic((a, b) => (b < 0n ? Number(a) ** Number(b) : a ** withinLong(b)), Math.pow)],
  [
    'lshift',
    arithmetic(
      (a, b) => a << withinLong(b),
      (a, b) => a * 2 ** b,
    ),
  ],
  [
    'rshift',
    arithmetic(
      (a, b) => a >> withinLong(b),
      (a, b) => Math.floor(a / 2 ** b),
    ),
  ],
  ['neg', ([a = 0n]) => (typeof a === 'number' ? -a : -BigInt(a))],
  ['pos', ([a = 0n]) => (typeof a === 'boolean' ? BigInt(a) : a)],
  ['abs', ([a = 0n]) => (typeof a === 'number' ? Math.abs(a) : BigInt(a) < 0n ? -BigInt(a) : BigInt(a))],
  ['eq', compare(isEqual)],
  ['ne', compare((a, b) => !isEqual(a, b))],
  ['lt', compare((a, b) => a < b)],
  ['le', compare((a, b) => a <= b)],
  ['gt', compare((a, b) => a > b)],
  ['ge', compare((a, b) => a >= b)],
  [
    'and_',
    logical(
      (a, b) => a && b,
      (a, b) => a & b,
    ),
  ],
  [
    'or_',
    logical(
      (a, b) => a || b,
      (a, b) => a | b,
    ),
  ],
  ['not_', ([a = false]) => !isTrue(a)],
  ['sym_not', ([a = false]) => !isTrue(a)],
  ['trunc', rounded(Math.trunc)],
  ['ceil', rounded(Math.ceil)],
  ['floor', rounded(Math.floor)],
  ['sym_int', rounded(Math.trunc)],
  ['sym_float', ([a = 0n]) => Number(a)],
  ['sqrt', ([a = 0n]) => Math.sqrt(Number(a))],
  ['sym_sqrt', ([a = 0n]) => Math.sqrt(Number(a))],
  ['_sym_sqrt', ([a = 0n]) => Math.sqrt(Number(a))],
  [
    'sym_max',
    arithmetic(
      (a, b) => (a > b ? a : b),
      (a, b) => Math.max(a, b),
    ),
  ],
  [
    'sym_min',
    arithmetic(
      (a, b) => (a < b ? a : b),
      (a, b) => Math.min(a, b),
    ),
  ],
  ['sym_ite', ([condition = false, a = 0n, b = 0n]) => (isTrue(condition) ? a : b)],
]);

/** Python's truth of a number. */
export function isTrue(value: Value): boolean {
  return typeof value === 'boolean' ? value : Number(value) !== 0;
}
