// Mathematical functions of one tensor: roots, exponentials, trigonometry, rounding.

import { AppError } from '../../util/errors';
import { isFloating } from '../elements';
import type { KernelCall } from '../kernels/graph';
import { kernel } from '../kernels/graph';
import type { Tensor } from '../tensor';
import { elementwise, floatType, notImplemented, single, type Formula, type Operand } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';

/** A function with real values: integers are taken in the default dtype. `constants` follow the tensor in the formula's inputs. */
export function real(name: string, formula: Formula, constants: readonly number[] = []): OperatorBody {
  return (args) => realOf(name, args.values[0] as Tensor, formula, constants);
}

export function realOf(name: string, self: Tensor, formula: Formula, constants: readonly Operand[] = []): KernelCall {
  return elementwise(name, [self, ...constants], { dtype: floatType(self.dtype) }, formula);
}

/** torch's names of the functions that are one ONNX node. */
const singleNodes: Readonly<Record<string, string>> = {
  sqrt: 'Sqrt',
  exp: 'Exp',
  log: 'Log',
  sin: 'Sin',
  cos: 'Cos',
  tan: 'Tan',
  asin: 'Asin',
  arcsin: 'Asin',
  acos: 'Acos',
  arccos: 'Acos',
  atan: 'Atan',
  arctan: 'Atan',
  sinh: 'Sinh',
  cosh: 'Cosh',
  tanh: 'Tanh',
  asinh: 'Asinh',
  arcsinh: 'Asinh',
  acosh: 'Acosh',
  arccosh: 'Acosh',
  atanh: 'Atanh',
  arctanh: 'Atanh',
  erf: 'Erf',
  sigmoid: 'Sigmoid',
  reciprocal: 'Reciprocal',
};

/** log(1 + x) that keeps the digits of a small x: with u = 1 + x it is log(u) * x / (u - 1). */
export const log1p: Formula = (graph, [x = '', one = '', infinity = '']) => {
  const u = graph.node('Add', [one, x]);
  const scaled = graph.node('Div', [graph.node('Mul', [graph.node('Log', [u]), x]), graph.node('Sub', [u, one])]);
  // Where u rounds to 1 the quotient is 0 / 0, and the result is x itself.
  const small = graph.node('Where', [graph.node('Equal', [u, one]), x, scaled]);
  return graph.node('Where', [graph.node('Equal', [u, infinity]), u, small]);
};

/** exp(x) - 1 that keeps the digits of a small x: with u = exp(x) it is (u - 1) * x / log(u). */
export const expm1: Formula = (graph, [x = '', one = '']) => {
  const u = graph.node('Exp', [x]);
  const difference = graph.node('Sub', [u, one]);
  const scaled = graph.node('Div', [graph.node('Mul', [difference, x]), graph.node('Log', [u])]);
  const small = graph.node('Where', [graph.node('Equal', [u, one]), x, scaled]);
  return graph.node('Where', [graph.node('Greater', [graph.node('Abs', [x]), one]), difference, small]);
};

const sinc: Formula = (graph, [x = '', pi = '', zero = '', one = '']) => {
  const angle = graph.node('Mul', [x, pi]);
  const quotient = graph.node('Div', [graph.node('Sin', [angle]), angle]);
  return graph.node('Where', [graph.node('Equal', [x, zero]), one, quotient]);
};

const truncate: Formula = (graph, [x = '', zero = '']) =>
  graph.node('Where', [graph.node('Less', [x, zero]), graph.node('Ceil', [x]), graph.node('Floor', [x])]);

const scaledBy: Formula = (graph, inputs) => graph.node('Mul', inputs);

/** Rounding to integers leaves integers as they are. */
function rounding(name: string, formula: Formula, constants: readonly number[] = []): OperatorBody {
  return (args) => {
    const self = args.tensor('self');
    if (!isFloating(self.dtype)) return self.clone();
    return realOf(name, self, formula, constants);
  };
}

/** Half to even, at a number of decimals. */
const roundDecimals: OperatorBody = (args) => {
  const [self, decimals] = [args.tensor('self'), args.int('decimals')];
  if (!isFloating(self.dtype)) return self.clone();
  const factor = 10 ** Math.abs(decimals);
  const [before, after] = decimals >= 0 ? ['Mul', 'Div'] : ['Div', 'Mul'];
  return realOf(
    `round ${before}`,
    self,
    (graph, [x = '', ten = '']) => graph.node(after, [graph.node('Round', [graph.node(before, [x, ten])]), ten]),
    [factor],
  );
};

/** Sign of each element, 0 for 0 and for NaN. */
const sign: OperatorBody = (args) => {
  const self = args.tensor('self');
  if (self.dtype === 'bool') return self.clone();
  if (!isFloating(self.dtype)) return kernel('Sign', [self]);
  return realOf(
    'sign',
    self,
    (graph, [x = '', zero = '']) => graph.node('Where', [graph.node('IsNaN', [x]), zero, graph.node('Sign', [x])]),
    [0],
  );
};

const negate: OperatorBody = (args) => {
  const self = args.tensor('self');
  if (self.dtype === 'bool') {
    throw new AppError(
      'bad-input',
      'Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.',
    );
  }
  const compute = self.dtype === 'uint8' ? 'int32' : self.dtype;
  return elementwise('Neg', [self], { dtype: self.dtype, compute }, single('Neg'));
};

const square: OperatorBody = (args) => {
  const self = args.tensor('self');
  const types = self.dtype === 'bool' ? ({ dtype: 'int64' } as const) : { dtype: self.dtype };
  return elementwise('square', [self], types, (graph, [x = '']) => graph.node('Mul', [x, x]));
};

export function defineUnaryMath(table: OperatorTable): void {
  const unary = (names: readonly string[], body: OperatorBody): void => {
    for (const name of names) table.defineWithInplace(`${name}(Tensor self) -> Tensor`, body);
  };
  for (const [name, opType] of Object.entries(singleNodes)) unary([name], real(opType, single(opType)));
  unary(
    ['rsqrt'],
    real('rsqrt', (graph, inputs) => graph.node('Reciprocal', [graph.node('Sqrt', inputs)])),
  );
  unary(
    ['exp2'],
    real('exp2', (graph, [x = '', two = '']) => graph.node('Pow', [two, x]), [2]),
  );
  unary(['expm1'], real('expm1', expm1, [1]));
  unary(['log1p'], real('log1p', log1p, [1, Infinity]));
  const logarithm: Formula = (graph, [x = '', factor = '']) => graph.node('Mul', [graph.node('Log', [x]), factor]);
  unary(['log2'], real('log by base', logarithm, [Math.LOG2E]));
  unary(['log10'], real('log by base', logarithm, [Math.LOG10E]));
  unary(
    ['erfc'],
    real('erfc', (graph, [x = '', one = '']) => graph.node('Sub', [one, graph.node('Erf', [x])]), [1]),
  );
  unary(['sinc'], real('sinc', sinc, [Math.PI, 0, 1]));
  unary(['deg2rad'], real('scale', scaledBy, [Math.PI / 180]));
  unary(['rad2deg'], real('scale', scaledBy, [180 / Math.PI]));

  unary(['neg', 'negative'], negate);
  unary(['abs', 'absolute'], (args) => {
    const self = args.tensor('self');
    if (self.dtype === 'bool') throw notImplemented('abs_cpu', self.dtype);
    return kernel('Abs', [self]).giving(self.shape);
  });
  unary(['sign', 'sgn'], sign);
  unary(['square'], square);
  table.define('positive(Tensor(a) self) -> Tensor(a)', (args) => args.tensor('self'));

  unary(['floor'], rounding('Floor', single('Floor')));
  unary(['ceil'], rounding('Ceil', single('Ceil')));
  unary(['round'], rounding('Round', single('Round')));
  unary(['trunc', 'fix'], rounding('trunc', truncate, [0]));
  unary(
    ['frac'],
    real('frac', (graph, inputs) => graph.node('Sub', [inputs[0] as string, truncate(graph, inputs)]), [0]),
  );
  table.defineWithInplace('round.decimals(Tensor self, *, int decimals) -> Tensor', roundDecimals);
}
