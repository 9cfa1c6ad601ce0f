// Arithmetic of two or three operands, one element at a time, with torch's type promotion and broadcasting.

import { AppError } from '../../util/errors';
import { isFloating } from '../elements';
import type { KernelCall } from '../kernels/graph';
import { resultType } from '../scalarTypes';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import {
  arithmeticType,
  binary,
  elementwise,
  floatType,
  notImplemented,
  single,
  type Formula,
  type Operand,
} from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';

/** `other` of a `.Tensor` or `.Scalar` overload. */
function operands(args: Arguments, second = 'other'): [Operand, Operand] {
  return [args.value('self') as Operand, args.value(second) as Operand];
}

/** add and sub take `alpha`, the factor of the second operand. */
function addScaled(opType: 'Add' | 'Sub', self: Operand, other: Operand, args: Arguments): KernelCall {
  const alpha = args.scalar('alpha');
  const dtype = resultType([self, other]);
  if (opType === 'Sub' && dtype === 'bool') {
    throw new AppError(
      'bad-input',
      'Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.',
    );
  }
  if (Number(alpha) === 1) return binary(opType, self, other, dtype);
  const types = { dtype, compute: arithmeticType(dtype) };
  return elementwise(`${opType} with alpha`, [self, other, alpha], types, (graph, [a = '', b = '', factor = '']) =>
    graph.node(opType, [a, graph.node('Mul', [b, factor])]),
  );
}

/** True division; integers are divided in the default dtype. */
function divide(self: Operand, other: Operand): KernelCall {
  return binary('Div', self, other, floatType(resultType([self, other])));
}

/** Quotient rounded towards negative infinity by way of the remainder, as Python and torch do: 1.0 // 0.1 is 9. */
const floorQuotient: Formula = (graph, [a = '', b = '', zero = '', one = '', half = '']) => {
  const rest = graph.node('Mod', [a, b], { fmod: 1 });
  const quotient = graph.node('Div', [graph.node('Sub', [a, rest]), b]);
  const crosses = graph.node('Xor', [graph.node('Less', [b, zero]), graph.node('Less', [rest, zero])]);
  const lower = graph.node('And', [graph.node('Not', [graph.node('Equal', [rest, zero])]), crosses]);
  const adjusted = graph.node('Where', [lower, graph.node('Sub', [quotient, one]), quotient]);
  const floor = graph.node('Floor', [adjusted]);
  const up = graph.node('Greater', [graph.node('Sub', [adjusted, floor]), half]);
  const nearest = graph.node('Where', [up, graph.node('Add', [floor, one]), floor]);
  return graph.node('Where', [graph.node('Equal', [b, zero]), graph.node('Div', [a, b]), nearest]);
};

const floorQuotientOfInts: Formula = (graph, [a = '', b = '', zero = '', one = '']) => {
  const quotient = graph.node('Div', [a, b]);
  const rest = graph.node('Sub', [a, graph.node('Mul', [quotient, b])]);
  const crosses = graph.node('Xor', [graph.node('Less', [b, zero]), graph.node('Less', [rest, zero])]);
  const lower = graph.node('And', [graph.node('Not', [graph.node('Equal', [rest, zero])]), crosses]);
  return graph.node('Where', [lower, graph.node('Sub', [quotient, one]), quotient]);
};

const truncatedQuotient: Formula = (graph, [a = '', b = '', zero = '']) => {
  const quotient = graph.node('Div', [a, b]);
  return graph.node('Where', [
    graph.node('Less', [quotient, zero]),
    graph.node('Ceil', [quotient]),
    graph.node('Floor', [quotient]),
  ]);
};

/** `rounding_mode` None, 'floor' or 'trunc'. */
function divideRounded(self: Operand, other: Operand, mode: string | null): KernelCall {
  if (mode === null) return divide(self, other);
  const dtype = resultType([self, other]);
  const types = { dtype, compute: arithmeticType(dtype) };
  if (!isFloating(dtype)) refuseZero(other);
  if (mode === 'floor') {
    if (isFloating(dtype)) return elementwise('floor_divide', [self, other, 0, 1, 0.5], types, floorQuotient);
    return elementwise('floor_divide of ints', [self, other, 0n, 1n], types, floorQuotientOfInts);
  }
  if (mode !== 'trunc') {
    throw new AppError(
      'bad-input',
      `div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '${mode}'`,
    );
  }
  if (!isFloating(dtype)) return elementwise('Div', [self, other], types, single('Div'));
  return elementwise('truncated quotient', [self, other, 0], types, truncatedQuotient);
}

/** An integer division by zero would stop the kernels. */
function refuseZero(divisor: Operand): void {
  const values: ArrayLike<number> = divisor instanceof Tensor ? divisor.toNumbers() : [Number(divisor)];
  for (let i = 0; i < values.length; i++) if (values[i] === 0) throw new AppError('bad-input', 'ZeroDivisionError');
}

/** The sign of `remainder` is that of the divisor. */
const floorRemainder: Formula = (graph, [a = '', b = '', zero = '']) => {
  const rest = graph.node('Mod', [a, b], { fmod: 1 });
  const crosses = graph.node('Xor', [graph.node('Less', [b, zero]), graph.node('Less', [rest, zero])]);
  const adjust = graph.node('And', [graph.node('Not', [graph.node('Equal', [rest, zero])]), crosses]);
  return graph.node('Where', [adjust, graph.node('Add', [rest, b]), rest]);
};

const truncatedRemainder: Formula = (graph, inputs) => graph.node('Mod', inputs, { fmod: 1 });

function remainder(self: Operand, other: Operand): KernelCall {
  const dtype = resultType([self, other]);
  if (!isFloating(dtype)) refuseZero(other);
  return elementwise('remainder', [self, other, 0n], { dtype, compute: arithmeticType(dtype) }, floorRemainder);
}

function truncatingRemainder(self: Operand, other: Operand): KernelCall {
  const dtype = resultType([self, other]);
  if (!isFloating(dtype)) refuseZero(other);
  return elementwise('fmod', [self, other], { dtype, compute: arithmeticType(dtype) }, truncatedRemainder);
}

function power(base: Operand, exponent: Operand): KernelCall {
  const dtype = resultType([base, exponent]);
  if (!isFloating(dtype) && !(exponent instanceof Tensor) && Number(exponent) < 0) {
    throw new AppError('bad-input', 'Integers to negative integer powers are not allowed.');
  }
  // As in torch, a root of -infinity is NaN, where the power would be infinity.
  if (exponent === 0.5 && base instanceof Tensor) return elementwise('Sqrt', [base], { dtype }, single('Sqrt'));
  return binary('Pow', base, exponent, dtype);
}

/** self + value * tensor1 * tensor2, or with a quotient. */
function addCombined(opType: 'Mul' | 'Div'): OperatorBody {
  return (args) => {
    const tensors = [args.tensor('self'), args.tensor('tensor1'), args.tensor('tensor2')];
    const dtype = resultType(tensors);
    if (opType === 'Div' && !isFloating(dtype)) {
      throw new AppError(
        'bad-input',
        'Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division.',
      );
    }
    const types = { dtype, compute: arithmeticType(dtype) };
    return elementwise(
      `self + ${opType}`,
      [...tensors, args.scalar('value')],
      types,
      (graph, [self = '', a = '', b = '', value = '']) =>
        graph.node('Add', [self, graph.node(opType, [graph.node('Mul', [value, a]), b])]),
    );
  };
}

/** self + weight * (end - self), from the nearer end, as torch computes it. */
const interpolation: Formula = (graph, [self = '', end = '', weight = '', one = '', half = '']) => {
  const difference = graph.node('Sub', [end, self]);
  const fromStart = graph.node('Add', [self, graph.node('Mul', [weight, difference])]);
  const fromEnd = graph.node('Sub', [end, graph.node('Mul', [difference, graph.node('Sub', [one, weight])])]);
  return graph.node('Where', [graph.node('Less', [graph.node('Abs', [weight]), half]), fromStart, fromEnd]);
};

export function definePointwise(table: OperatorTable): void {
  /** The overloads with a tensor and with a number as second operand. */
  const both = (name: string, body: OperatorBody, rest = ''): void => {
    table.defineWithInplace(`${name}.Tensor(Tensor self, Tensor other${rest}) -> Tensor`, body);
    // The number overloads take alpha by position too.
    table.defineWithInplace(`${name}.Scalar(Tensor self, Scalar other${rest.replace('*, ', '')}) -> Tensor`, body);
  };
  both('add', (args) => addScaled('Add', ...operands(args), args), ', *, Scalar alpha=1');
  for (const name of ['sub', 'subtract'])
    both(name, (args) => addScaled('Sub', ...operands(args), args), ', *, Scalar alpha=1');
  for (const name of ['mul', 'multiply']) both(name, (args) => binary('Mul', ...operands(args)));
  const rounded: OperatorBody = (args) => divideRounded(...operands(args), args.optionalString('rounding_mode'));
  for (const name of ['div', 'divide', 'true_divide']) both(name, (args) => divide(...operands(args)));
  for (const name of ['div', 'divide']) {
    table.defineWithInplace(`${name}.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor`, rounded);
    table.defineWithInplace(`${name}.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor`, rounded);
  }
  const reversed: OperatorBody = (args) => addScaled('Sub', args.value('other') as Operand, args.tensor('self'), args);
  table.define('rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor', reversed);
  table.define('rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor', reversed);
  const floorDivide: OperatorBody = (args) => divideRounded(...operands(args), 'floor');
  table.define('floor_divide(Tensor self, Tensor other) -> Tensor', floorDivide);
  table.defineInplace('floor_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)', floorDivide);
  table.defineWithInplace('floor_divide.Scalar(Tensor self, Scalar other) -> Tensor', floorDivide);
  both('remainder', (args) => remainder(...operands(args)));
  table.define('remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor', (args) => remainder(...operands(args)));
  both('fmod', (args) => truncatingRemainder(...operands(args)));

  const raise: OperatorBody = (args) => power(...operands(args, 'exponent'));
  table.define('pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor', raise);
  table.define('pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor', raise);
  table.define('pow.Scalar(Scalar self, Tensor exponent) -> Tensor', raise);
  table.defineInplace('pow_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)', raise);
  table.defineInplace('pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)', raise);

  table.defineWithInplace(
    'addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor',
    addCombined('Mul'),
  );
  table.defineWithInplace(
    'addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor',
    addCombined('Div'),
  );
  const interpolate: OperatorBody = (args) => {
    const [self, weight] = [args.tensor('self'), args.value('weight') as Operand];
    const kind = weight instanceof Tensor ? 'tensor' : 'scalar';
    if (!isFloating(self.dtype)) throw notImplemented(`lerp_kernel_${kind}`, self.dtype);
    return elementwise('lerp', [self, args.tensor('end'), weight, 1, 0.5], { dtype: self.dtype }, interpolation);
  };
  table.defineWithInplace('lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor', interpolate);
  table.defineWithInplace('lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor', interpolate);
}
