// Special functions that no kernel has, computed here in double precision, and torch's second names for common ones.

import { AppError } from '../../util/errors';
import { convertElements, isFloating } from '../elements';
import { resultType } from '../scalarTypes';
import { Tensor } from '../tensor';
import { binary, elementwise, floatType, notImplemented, single, type Operand } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { broadcastShapes, expandTo, operand } from './support';
import { expm1, log1p, real } from './unaryMath';

/** A function of one number, applied to each element. */
function pointwise(compute: (x: number) => number): OperatorBody {
  return (args) => {
    const self = args.tensor('self');
    const dtype = floatType(self.dtype);
    return Tensor.of(
      dtype,
      self.shape,
      convertElements(Float64Array.from(self.toNumbers(), compute), 'float64', dtype),
    );
  };
}

/** Coefficients of Lanczos' approximation with g = 7. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Logarithm of the absolute value of the gamma function. */
function logGamma(x: number): number {
  if (Math.abs(x) === Infinity) return Infinity;
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
  const t = x + 6.5;
  const series = lanczos.reduce((sum, coefficient, i) => (i === 0 ? coefficient : sum + coefficient / (x - 1 + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(series);
}

/** Derivative of logGamma: by recurrence to a large argument, and there by the asymptotic series. */
function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x < 0) return Number.isInteger(x) ? NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
  let [shifted, result] = [x, 0];
  for (; shifted < 10; shifted++) result -= 1 / shifted;
  const inverse = 1 / (shifted * shifted);
  const series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132))));
  return result + Math.log(shifted) - 0.5 / shifted - series;
}

/** Bernoulli numbers B2, B4, … divided by (2k)!. */
const bernoulli = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000];

/** Hurwitz' zeta function Σ (k + q)^-s, by Euler's and Maclaurin's formula. */
function zeta(s: number, q: number): number {
  let [sum, shifted] = [0, q];
  for (let k = 0; k < 12; k++, shifted++) sum += shifted ** -s;
  sum += shifted ** (1 - s) / (s - 1) + 0.5 * shifted ** -s;
  let [factor, power] = [s, shifted ** (-s - 1)];
  bernoulli.forEach((coefficient, k) => {
    sum += coefficient * factor * power;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
    power /= shifted * shifted;
  });
  return sum;
}

/** The n-th derivative of digamma. */
function polygamma(n: number): (x: number) => number {
  if (n < 0) throw new AppError('bad-input', 'polygamma(n, x) does not support negative n.');
  if (n === 0) return digamma;
  const factorial = Math.exp(logGamma(n + 1));
  return (x) => (n % 2 === 0 ? -1 : 1) * factorial * zeta(n + 1, x);
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((value, coefficient) => value * x + coefficient, 0);
}

/** Numerators and denominators of Wichura's algorithm AS 241 for the normal distribution's quantiles. */
const central = [
  [
    3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
    67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
  ],
  [
    1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867, 39307.89580009271061,
    28729.085735721942674, 5226.495278852854561,
  ],
] as const;
const middle = [
  [
    1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
    1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4,
  ],
  [
    1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9,
  ],
] as const;
const outer = [
  [
    6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
    0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
  ],
  [
    1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
    1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15,
  ],
] as const;

/** The x with erf(x) = y. */
function inverseErf(y: number): number {
  if (!(Math.abs(y) <= 1)) return NaN;
  if (Math.abs(y) === 1) return y * Infinity;
  const q = y / 2;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(central[0], r)) / polynomial(central[1], r) / Math.SQRT2;
  }
  const r = Math.sqrt(-Math.log(0.5 - Math.abs(q)));
  const [table, at] = r <= 5 ? [middle, r - 1.6] : [outer, r - 5];
  return (Math.sign(q) * polynomial(table[0], at)) / polynomial(table[1], at) / Math.SQRT2;
}

/** Greatest common divisor, or least common multiple, of integers. */
function divisors(name: 'gcd' | 'lcm'): OperatorBody {
  return (args) => {
    const [self, other] = [args.tensor('self'), args.tensor('other')];
    const dtype = resultType([self, other]);
    if (isFloating(dtype)) throw notImplemented(`${name}_cpu`, dtype);
    const shape = broadcastShapes(self.shape, other.shape);
    const [a, b] = [self, other].map((tensor) => expandTo(operand(tensor, 'int64'), shape).contiguousElements()) as [
      BigInt64Array,
      BigInt64Array,
    ];
    const result = BigInt64Array.from(a, (value, i) => {
      const divisor = greatestCommonDivisor(value, b[i] as bigint);
      if (name === 'gcd') return divisor;
      const multiple = divisor === 0n ? 0n : (value / divisor) * (b[i] as bigint);
      return multiple < 0n ? -multiple : multiple;
    });
    return Tensor.of(dtype, shape, convertElements(result, 'int64', dtype));
  };
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

export function defineSpecialFunctions(table: OperatorTable): void {
  const unary = (name: string, body: OperatorBody): void => {
    table.defineWithInplace(`${name}(Tensor self) -> Tensor`, body);
  };
  unary('lgamma', pointwise(logGamma));
  unary('digamma', pointwise(digamma));
  unary('erfinv', pointwise(inverseErf));
  const alias = (name: string, body: OperatorBody): void => {
    table.define(`special_${name}(Tensor self) -> Tensor`, body);
  };
  alias('gammaln', pointwise(logGamma));
  alias('digamma', pointwise(digamma));
  alias('psi', pointwise(digamma));
  alias('erfinv', pointwise(inverseErf));
  alias('expit', real('Sigmoid', single('Sigmoid')));
  alias('erf', real('Erf', single('Erf')));
  alias('log1p', real('log1p', log1p, [1, Infinity]));
  alias('expm1', real('expm1', expm1, [1]));
  alias(
    'ndtr',
    real(
      'ndtr',
      (graph, [x = '', rootHalf = '', half = '']) => {
        const error = graph.node('Erf', [graph.node('Mul', [x, rootHalf])]);
        return graph.node('Add', [half, graph.node('Mul', [half, error])]);
      },
      [Math.SQRT1_2, 0.5],
    ),
  );
  alias(
    'entr',
    pointwise((x) => (x > 0 ? -x * Math.log(x) : x === 0 ? 0 : x < 0 ? -Infinity : NaN)),
  );
  table.define('polygamma(int n, Tensor self) -> Tensor', (args, context) =>
    pointwise(polygamma(args.int('n')))(args, context),
  );

  for (const name of ['gcd', 'lcm'] as const)
    table.defineWithInplace(`${name}(Tensor self, Tensor other) -> Tensor`, divisors(name));
  const power: OperatorBody = (args) => binary('Pow', ...(args.values as [Operand, Operand]), 'float64');
  table.define('float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor', power);
  table.define('float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor', power);
  table.define('float_power.Scalar(Scalar self, Tensor exponent) -> Tensor', power);
  table.define('ldexp.Tensor(Tensor self, Tensor other) -> Tensor', (args) => {
    const [self, other] = [args.tensor('self'), args.tensor('other')];
    const types = { dtype: floatType(resultType([self, other])) };
    return elementwise('ldexp', [self, other, 2], types, (graph, [x = '', exponent = '', two = '']) =>
      graph.node('Mul', [x, graph.node('Pow', [two, exponent])]),
    );
  });
}
