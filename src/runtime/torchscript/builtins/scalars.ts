// Arithmetic and comparison of Python numbers, strings and booleans, with Python's rules for int and float.

import { AppError } from '../../../util/errors';
import type { Value } from '../../values';
import { noMatch, type Builtin } from './types';

type Number_ = bigint | number;

const isNumber = (value: Value | undefined): value is Number_ => typeof value === 'bigint' || typeof value === 'number';

/** A binary operator over ints, or over floats where either is one; booleans count as ints. */
function arithmetic(ofInts: (a: bigint, b: bigint) => Value, ofFloats: (a: number, b: number) => Value): Builtin {
  return (args) => {
    const [a, b] = args.map((value) => (typeof value === 'boolean' ? BigInt(value) : value));
    if (args.length !== 2 || !isNumber(a) || !isNumber(b)) return noMatch;
    if (typeof a === 'bigint' && typeof b === 'bigint') return ofInts(a, b);
    return ofFloats(Number(a), Number(b));
  };
}

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

/** Integer division by zero is torch's only arithmetic error; floats give infinity, unlike in Python. */
function nonZero(value: bigint): bigint {
  if (value === 0n) throw new AppError('program-error', 'ZeroDivisionError: division by 0');
  return value;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / nonZero(b);
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function floorModulo(a: bigint, b: bigint): bigint {
  const rest = a % nonZero(b);
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function floorModuloFloat(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** A comparison of two numbers, two strings or two booleans. */
function comparison(test: (order: number) => boolean): Builtin {
  return (args) => {
    const [a, b] = args as [Value, Value];
    if (args.length !== 2) return noMatch;
    const comparable =
      (isNumber(a) || typeof a === 'boolean') && (isNumber(b) || typeof b === 'boolean')
        ? true
        : typeof a === 'string' && typeof b === 'string';
    if (!comparable) return noMatch;
    const [left, right] = [a, b] as [number, number];
    // NaN is neither less, nor greater, nor equal.
    return test(left < right ? -1 : left > right ? 1 : left >= right ? 0 : NaN);
  };
}

/** A float function; the result of `floor` and `ceil` is an int, as in Python. */
function float(compute: (x: number) => number, integer = false): Builtin {
  return ([x, ...rest]) => {
    if (!isNumber(x) || rest.length > 0) return noMatch;
    const result = compute(Number(x));
    return integer ? BigInt(result) : result;
  };
}

function bits(compute: (a: bigint, b: bigint) => bigint): Builtin {
  return ([a, b]) => {
    if (typeof a === 'boolean' && typeof b === 'boolean') return compute(BigInt(a), BigInt(b)) !== 0n;
    return typeof a === 'bigint' && typeof b === 'bigint' ? wrap(compute(a, b)) : noMatch;
  };
}

/** Half to even, as Python rounds. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const difference = x - floor;
  if (difference !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** `max(a, b)` or the largest of a list. */
function extreme(prefer: (candidate: Number_, best: Number_) => boolean): Builtin {
  return (args) => {
    const candidates = args.length === 1 && Array.isArray(args[0]) ? args[0] : args;
    if (candidates.length === 0 || !candidates.every(isNumber) || (args.length === 1 && !Array.isArray(args[0])))
      return noMatch;
    const numbers = candidates as Number_[];
    let best = numbers[0] as Number_;
    for (const number of numbers) if (prefer(number, best)) best = number;
    return numbers.some((number) => typeof number === 'number') ? Number(best) : best;
  };
}

const divide = arithmetic(
  (a, b) => Number(a) / Number(b),
  (a, b) => a / b,
);

export const scalarBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [
    'add',
    arithmetic(
      (a, b) => wrap(a + b),
      (a, b) => a + b,
    ),
  ],
  [
    'sub',
    arithmetic(
      (a, b) => wrap(a - b),
      (a, b) => a - b,
    ),
  ],
  [
    'mul',
    arithmetic(
      (a, b) => wrap(a * b),
      (a, b) => a * b,
    ),
  ],
  ['div', divide],
  ['truediv', divide],
  ['floordiv', arithmetic(floorDivide, (a, b) => Math.floor(a / b))],
  [
    '__round_to_zero_floordiv',
    arithmetic(
      (a, b) => a / nonZero(b),
      (a, b) => Math.trunc(a / b),
    ),
  ],
  ['remainder', arithmetic(floorModulo, floorModuloFloat)],
  [
    'fmod',
    arithmetic(
      (a, b) => Number(a) % Number(b),
      (a, b) => a % b,
    ),
  ],
  // torch's first overload, `pow.int`, gives a float.
  [
    'pow',
    arithmetic(
      (a, b) => Number(a) ** Number(b),
      (a, b) => a ** b,
    ),
  ],
  ['eq', comparison((order) => order === 0)],
  ['ne', comparison((order) => order !== 0)],
  ['lt', comparison((order) => order < 0)],
  ['le', comparison((order) => order <= 0)],
  ['gt', comparison((order) => order > 0)],
  ['ge', comparison((order) => order >= 0)],
  ['neg', ([x]) => (typeof x === 'bigint' ? wrap(-x) : typeof x === 'number' ? -x : noMatch)],
  ['positive', ([x]) => (isNumber(x) ? x : noMatch)],
  ['abs', ([x]) => (typeof x === 'bigint' ? (x < 0n ? -x : x) : typeof x === 'number' ? Math.abs(x) : noMatch)],
  ['prim.abs', ([x]) => (typeof x === 'bigint' ? (x < 0n ? -x : x) : typeof x === 'number' ? Math.abs(x) : noMatch)],
  ['prim.max', extreme((candidate, best) => candidate > best)],
  ['prim.min', extreme((candidate, best) => candidate < best)],
  ['__and__', bits((a, b) => a & b)],
  ['__or__', bits((a, b) => a | b)],
  ['__xor__', bits((a, b) => a ^ b)],
  ['__lshift__', bits((a, b) => a << b)],
  ['__rshift__', bits((a, b) => a >> b)],
  ['bitwise_not', ([x]) => (typeof x === 'bigint' ? ~x : noMatch)],
  ['__not__', ([x]) => (typeof x === 'boolean' ? !x : noMatch)],
  ['floor', float(Math.floor, true)],
  ['ceil', float(Math.ceil, true)],
  ['trunc', float(Math.trunc, true)],
  ['round', float(roundHalfEven)],
  ['sqrt', float(Math.sqrt)],
  ['exp', float(Math.exp)],
  ['expm1', float(Math.expm1)],
  ['log1p', float(Math.log1p)],
  ['log2', float(Math.log2)],
  ['log10', float(Math.log10)],
  ['sin', float(Math.sin)],
  ['cos', float(Math.cos)],
  ['tan', float(Math.tan)],
  ['asin', float(Math.asin)],
  ['acos', float(Math.acos)],
  ['atan', float(Math.atan)],
  ['sinh', float(Math.sinh)],
  ['cosh', float(Math.cosh)],
  ['tanh', float(Math.tanh)],
  ['degrees', float((x) => (x * 180) / Math.PI)],
  ['radians', float((x) => (x * Math.PI) / 180)],
  ['fabs', float(Math.abs)],
  ['isnan', ([x]) => (isNumber(x) ? Number.isNaN(x) : noMatch)],
  ['isinf', ([x]) => (isNumber(x) ? Math.abs(Number(x)) === Infinity : noMatch)],
  ['isfinite', ([x]) => (isNumber(x) ? Number.isFinite(Number(x)) : noMatch)],
  ['atan2', arithmetic((a, b) => Math.atan2(Number(a), Number(b)), Math.atan2)],
  ['copysign', arithmetic((a, b) => copySign(Number(a), Number(b)), copySign)],
  ['gcd', ([a, b]) => (typeof a === 'bigint' && typeof b === 'bigint' ? greatestCommonDivisor(a, b) : noMatch)],
  [
    'log',
    ([x, base, ...rest]) => {
      if (!isNumber(x) || rest.length > 0) return noMatch;
      if (base === undefined) return Math.log(Number(x));
      return isNumber(base) ? Math.log(Number(x)) / Math.log(Number(base)) : noMatch;
    },
  ],
  ['factorial', ([x]) => (typeof x === 'bigint' ? factorial(x) : noMatch)],
]);

function copySign(a: number, b: number): number {
  const negative = b < 0 || Object.is(b, -0);
  return negative ? -Math.abs(a) : Math.abs(a);
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function factorial(n: bigint): bigint {
  let product = 1n;
  for (let i = 2n; i <= n && i <= 25n; i++) product = wrap(product * i);
  return product;
}
