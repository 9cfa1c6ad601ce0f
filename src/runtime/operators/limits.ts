// Limits and pairs: clamp, maximum and minimum, and functions of two tensors beyond plain arithmetic.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import { isFloating } from '../elements';
import type { GraphBuilder, GraphValue, KernelCall } from '../kernels/graph';
import { resultType } from '../scalarTypes';
import type { Tensor } from '../tensor';
import { arithmeticType, binary, elementwise, floatType, type Formula, type Operand } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { log1p, realOf } from './unaryMath';

/** min(max(self, low), high); NaN stays NaN. @throws AppError where both limits are missing. */
export function clamp(self: Tensor, low: Operand | null, high: Operand | null): KernelCall {
  if (low === null && high === null)
    throw new AppError('bad-input', "torch.clamp: At least one of 'min' or 'max' must not be None");
  const operands = [self, ...[low, high].filter((limit) => limit !== null)];
  const dtype = resultType(operands);
  const types = { dtype, compute: arithmeticType(dtype) };
  if (high === null) return elementwise('Max', operands, types, (graph, inputs) => graph.node('Max', inputs));
  if (low === null) return elementwise('Min', operands, types, (graph, inputs) => graph.node('Min', inputs));
  return elementwise('clamp', operands, types, (graph, [x = '', min = '', max = '']) =>
    graph.node('Min', [graph.node('Max', [x, min]), max]),
  );
}

/** fmax and fmin take the other operand where one is NaN. */
function ignoringNan(opType: 'Max' | 'Min', self: Tensor, other: Tensor): KernelCall {
  const dtype = resultType([self, other]);
  if (!isFloating(dtype)) return binary(opType, self, other);
  return elementwise(`f${opType}`, [self, other], { dtype }, (graph, [a = '', b = '']) => {
    const ofNumbers = graph.node('Where', [graph.node('IsNaN', [b]), a, graph.node(opType, [a, b])]);
    return graph.node('Where', [graph.node('IsNaN', [a]), b, ofNumbers]);
  });
}

/** Arctangent of y / x in the quadrant of (x, y). */
const atan2: Formula = (graph, [y = '', x = '', zero = '', pi = '', half = '']) => {
  const angle = graph.node('Atan', [graph.node('Div', [y, x])]);
  const turned = graph.node('Where', [
    isNegative(graph, y, zero),
    graph.node('Sub', [angle, pi]),
    graph.node('Add', [angle, pi]),
  ]);
  const byX = graph.node('Where', [graph.node('Less', [x, zero]), turned, angle]);
  const upright = graph.node('Mul', [graph.node('Sign', [y]), half]);
  return graph.node('Where', [graph.node('Equal', [x, zero]), upright, byX]);
};

/** max + f(-|a - b|), where f is log1p(exp(x)) for the base e; scaled for the base 2. */
const logAddExp: Formula = (graph, [a = '', b = '', one = '', infinity = '', base = '']) => {
  const distance = graph.node('Neg', [graph.node('Abs', [graph.node('Sub', [a, b])])]);
  const power = graph.node('Exp', [graph.node('Mul', [distance, base])]);
  const added = graph.node('Div', [log1p(graph, [power, one, infinity]), base]);
  const sum = graph.node('Add', [graph.node('Max', [a, b]), added]);
  // The difference of equal infinities is NaN, their sum is that infinity.
  const infinite = graph.node('And', [graph.node('Equal', [a, b]), graph.node('IsInf', [a])]);
  return graph.node('Where', [infinite, a, sum]);
};

/** x * log(y), 0 where x is 0 unless y is NaN. */
const xlogy: Formula = (graph, [x = '', y = '', zero = '']) => {
  const product = graph.node('Mul', [x, graph.node('Log', [y])]);
  const vanishes = graph.node('And', [graph.node('Equal', [x, zero]), graph.node('Not', [graph.node('IsNaN', [y])])]);
  return graph.node('Where', [vanishes, zero, product]);
};

/** True for negative numbers and for -0, whose reciprocal is -infinity. */
function isNegative(graph: GraphBuilder, x: GraphValue, zero: GraphValue): GraphValue {
  const negativeZero = graph.node('And', [
    graph.node('Equal', [x, zero]),
    graph.node('Less', [graph.node('Reciprocal', [x]), zero]),
  ]);
  return graph.node('Or', [graph.node('Less', [x, zero]), negativeZero]);
}

const copySign: Formula = (graph, [a = '', b = '', zero = '']) => {
  const size = graph.node('Abs', [a]);
  return graph.node('Where', [isNegative(graph, b, zero), graph.node('Neg', [size]), size]);
};

const heaviside: Formula = (graph, [x = '', values = '', zero = '', one = '']) => {
  const step = graph.node('Where', [graph.node('Greater', [x, zero]), one, zero]);
  return graph.node('Where', [graph.node('Equal', [x, zero]), values, step]);
};

/** Two operands in their common floating dtype, and constants behind them. */
function realPair(name: string, formula: Formula, constants: readonly number[] = []): OperatorBody {
  return (args) => {
    const [self, other] = args.values as [Operand, Operand];
    return elementwise(name, [self, other, ...constants], { dtype: floatType(resultType([self, other])) }, formula);
  };
}

const largest: Partial<Record<DType, number>> = {
  float16: 65504,
  bfloat16: 3.3895313892515355e38,
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
};

const nanToNum: OperatorBody = (args) => {
  const self = args.tensor('self');
  const limit = largest[self.dtype];
  if (limit === undefined) return self.clone();
  const constants = [
    args.optionalFloat('nan') ?? 0,
    args.optionalFloat('posinf') ?? limit,
    args.optionalFloat('neginf') ?? -limit,
  ];
  return realOf(
    'nan_to_num',
    self,
    (graph, [x = '', nan = '', high = '', low = '']) => {
      const numbers = graph.node('Where', [graph.node('IsNaN', [x]), nan, x]);
      const limited = graph.node('Where', [graph.node('IsInf', [x], { detect_negative: 0 }), high, numbers]);
      return graph.node('Where', [graph.node('IsInf', [x], { detect_positive: 0 }), low, limited]);
    },
    constants,
  );
};

/** log(x / (1 - x)); with eps, x is clamped to [eps, 1 - eps] first. */
const logit: OperatorBody = (args) => {
  const [self, eps] = [args.tensor('self'), args.optionalFloat('eps')];
  const ofOdds: Formula = (graph, [x = '', one = '']) =>
    graph.node('Log', [graph.node('Div', [x, graph.node('Sub', [one, x])])]);
  if (eps === null) return realOf('logit', self, ofOdds, [1]);
  return realOf(
    'logit with eps',
    self,
    (graph, [x = '', one = '', low = '', high = '']) =>
      ofOdds(graph, [graph.node('Min', [graph.node('Max', [x, low]), high]), one]),
    [1, eps, 1 - eps],
  );
};

export function defineLimits(table: OperatorTable): void {
  const limit = (args: Parameters<OperatorBody>[0], name: string): Operand | null => args.value(name) as Operand | null;
  for (const name of ['clamp', 'clip']) {
    const body: OperatorBody = (args) => clamp(args.tensor('self'), limit(args, 'min'), limit(args, 'max'));
    table.defineWithInplace(`${name}(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor`, body);
    table.defineWithInplace(`${name}.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor`, body);
  }
  for (const [type, suffix] of [
    ['Scalar', ''],
    ['Tensor', '.Tensor'],
  ] as const) {
    table.defineWithInplace(`clamp_min${suffix}(Tensor self, ${type} min) -> Tensor`, (args) =>
      clamp(args.tensor('self'), limit(args, 'min'), null),
    );
    table.defineWithInplace(`clamp_max${suffix}(Tensor self, ${type} max) -> Tensor`, (args) =>
      clamp(args.tensor('self'), null, limit(args, 'max')),
    );
  }
  for (const [name, opType] of [
    ['max', 'Max'],
    ['min', 'Min'],
  ] as const) {
    const body: OperatorBody = (args) => binary(opType, args.tensor('self'), args.tensor('other'));
    table.define(`${name}imum(Tensor self, Tensor other) -> Tensor`, body);
    table.define(`${name}.other(Tensor self, Tensor other) -> Tensor`, body);
    table.define(`f${name}(Tensor self, Tensor other) -> Tensor`, (args) =>
      ignoringNan(opType, args.tensor('self'), args.tensor('other')),
    );
  }
  for (const name of ['atan2', 'arctan2']) {
    table.defineWithInplace(
      `${name}(Tensor self, Tensor other) -> Tensor`,
      realPair('atan2', atan2, [0, Math.PI, Math.PI / 2]),
    );
  }
  const hypotenuse: Formula = (graph, [a = '', b = '']) =>
    graph.node('Sqrt', [graph.node('Add', [graph.node('Mul', [a, a]), graph.node('Mul', [b, b])])]);
  table.defineWithInplace('hypot(Tensor self, Tensor other) -> Tensor', realPair('hypot', hypotenuse));
  table.define('logaddexp(Tensor self, Tensor other) -> Tensor', realPair('logaddexp', logAddExp, [1, Infinity, 1]));
  table.define(
    'logaddexp2(Tensor self, Tensor other) -> Tensor',
    realPair('logaddexp', logAddExp, [1, Infinity, Math.LN2]),
  );
  const productOfLog = realPair('xlogy', xlogy, [0]);
  table.defineWithInplace('xlogy.Tensor(Tensor self, Tensor other) -> Tensor', productOfLog);
  table.defineWithInplace('xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor', productOfLog);
  table.define('xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor', productOfLog);
  const signed = realPair('copysign', copySign, [0]);
  table.defineWithInplace('copysign.Tensor(Tensor self, Tensor other) -> Tensor', signed);
  table.defineWithInplace('copysign.Scalar(Tensor self, Scalar other) -> Tensor', signed);
  table.defineWithInplace('heaviside(Tensor self, Tensor values) -> Tensor', (args) => {
    const [self, values] = [args.tensor('self'), args.tensor('values')];
    if (self.dtype !== values.dtype)
      throw new AppError('bad-input', 'heaviside is not yet implemented for tensors with different dtypes.');
    return elementwise(
      'heaviside',
      [self, values, 0n, 1n],
      { dtype: self.dtype, compute: arithmeticType(self.dtype) },
      heaviside,
    );
  });
  table.define('signbit(Tensor self) -> Tensor', (args) => {
    const { dtype } = args.tensor('self');
    const types = { dtype: floatType(dtype), result: 'bool' as const };
    return elementwise('signbit', [args.tensor('self'), 0], types, (graph, [x = '', zero = '']) =>
      isNegative(graph, x, zero),
    );
  });
  table.defineWithInplace(
    'nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor',
    nanToNum,
  );
  table.defineWithInplace('logit(Tensor self, float? eps=None) -> Tensor', logit);
}
