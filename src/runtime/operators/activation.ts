// Activation functions.

import { AppError } from '../../util/errors';
import { isFloating } from '../elements';
import { kernelGraph, type GraphBuilder, type GraphValue } from '../kernels/graph';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { arithmeticType, elementwise, notImplemented, type Formula, type Operand } from './elementwise';
import { clamp } from './limits';
import { finish, type OperatorBody, type OperatorTable } from './registry';
import { shapeText, wrapDim } from './support';
import { log1p } from './unaryMath';

/** A formula of the tensor, the numbers among its arguments, and constants, in that order. Refuses integers, as torch does. */
export function activation(
  name: string,
  formula: Formula,
  scalars: readonly string[] = [],
  constants: readonly number[] = [],
): OperatorBody {
  return (args) => {
    const self = args.tensor('self');
    if (!isFloating(self.dtype)) throw notImplemented(`${name}_cpu`, self.dtype);
    const operands = [self, ...scalars.map((scalar) => args.scalar(scalar)), ...constants];
    return elementwise(name, operands, { dtype: self.dtype }, formula);
  };
}

function positive(graph: GraphBuilder, x: GraphValue, zero: GraphValue): GraphValue {
  return graph.node('Greater', [x, zero]);
}

/** x > 0 ? scale * x : scale * alpha * (exp(input_scale * x) - 1) */
const elu: Formula = (graph, [x = '', alpha = '', scale = '', inputScale = '', zero = '', one = '']) => {
  // The exponent of a large x would overflow in the branch that is not taken; that is harmless, but costs a NaN warning.
  const exponent = graph.node('Mul', [graph.node('Min', [x, zero]), inputScale]);
  const negative = graph.node('Mul', [graph.node('Sub', [graph.node('Exp', [exponent]), one]), alpha]);
  return graph.node('Mul', [graph.node('Where', [positive(graph, x, zero), x, negative]), scale]);
};

/** x * Φ(x), with the normal distribution's Φ. */
const gelu: Formula = (graph, [x = '', half = '', one = '', rootHalf = '']) => {
  const error = graph.node('Erf', [graph.node('Mul', [x, rootHalf])]);
  return graph.node('Mul', [graph.node('Mul', [x, half]), graph.node('Add', [one, error])]);
};

const geluTanh: Formula = (graph, [x = '', half = '', one = '', factor = '', cubic = '']) => {
  const cube = graph.node('Mul', [graph.node('Mul', [x, x]), x]);
  const inner = graph.node('Mul', [factor, graph.node('Add', [x, graph.node('Mul', [cubic, cube])])]);
  return graph.node('Mul', [graph.node('Mul', [x, half]), graph.node('Add', [one, graph.node('Tanh', [inner])])]);
};

/** log(1 + exp(beta * x)) / beta, and x itself where beta * x is over the threshold. */
const softplus: Formula = (graph, [x = '', beta = '', threshold = '', one = '', infinity = '', zero = '']) => {
  const scaled = graph.node('Mul', [x, beta]);
  // log(1 + exp(y)) = max(y, 0) + log1p(exp(-|y|)), which never overflows.
  const tail = log1p(graph, [graph.node('Exp', [graph.node('Neg', [graph.node('Abs', [scaled])])]), one, infinity]);
  const soft = graph.node('Div', [graph.node('Add', [graph.node('Max', [scaled, zero]), tail]), beta]);
  return graph.node('Where', [graph.node('Greater', [scaled, threshold]), x, soft]);
};

/** min(x, 0) - log1p(exp(-|x|)) */
const logSigmoid: Formula = (graph, [x = '', one = '', infinity = '', zero = '']) => {
  const tail = log1p(graph, [graph.node('Exp', [graph.node('Neg', [graph.node('Abs', [x])])]), one, infinity]);
  return graph.node('Sub', [graph.node('Min', [x, zero]), tail]);
};

const mish: Formula = (graph, [x = '', beta = '', threshold = '', one = '', infinity = '', zero = '']) =>
  graph.node('Mul', [x, graph.node('Tanh', [softplus(graph, [x, beta, threshold, one, infinity, zero])])]);

/** min(max(x + 3, 0), 6) / 6 */
const hardSigmoid: Formula = (graph, [x = '', three = '', zero = '', six = '']) =>
  graph.node('Div', [graph.node('Min', [graph.node('Max', [graph.node('Add', [x, three]), zero]), six]), six]);

const hardSwish: Formula = (graph, inputs) => graph.node('Mul', [inputs[0] as string, hardSigmoid(graph, inputs)]);

/** 0 within [-lambda, lambda]. */
const hardShrink: Formula = (graph, [x = '', lambda = '', zero = '']) =>
  graph.node('Where', [graph.node('LessOrEqual', [graph.node('Abs', [x]), lambda]), zero, x]);

/** Towards 0 by lambda. */
const softShrink: Formula = (graph, [x = '', lambda = '', zero = '']) => {
  const size = graph.node('Max', [graph.node('Sub', [graph.node('Abs', [x]), lambda]), zero]);
  return graph.node('Mul', [graph.node('Sign', [x]), size]);
};

/** First half times sigmoid of the second half, along a dimension. */
const glu: OperatorBody = (args) => {
  const self = args.tensor('self');
  const dim = wrapDim(args.int('dim'), self.rank);
  const size = self.shape[dim] ?? 0;
  if (size % 2 !== 0)
    throw new AppError('bad-input', `Halving dimension must be even, but dimension ${dim} is size ${size}`);
  if (self.elementCount === 0)
    return Tensor.zeros(
      self.dtype,
      self.shape.map((length, d) => (d === dim ? length / 2 : length)),
    );
  const call = kernelGraph('glu', { dim }, [self], (graph, inputs, parameters) => {
    const [value = '', gate = ''] = graph.nodeWithOutputs('Split', inputs, { axis: parameters.dim, num_outputs: 2 }, 2);
    return graph.node('Mul', [value, graph.node('Sigmoid', [gate])]);
  });
  return call.giving(self.shape.map((length, d) => (d === dim ? length / 2 : length)));
};

/** x where it is over the threshold, else a value. */
const threshold: OperatorBody = (args) => {
  const self = args.tensor('self');
  const types = { dtype: self.dtype, compute: arithmeticType(self.dtype) };
  return elementwise(
    'threshold',
    [self, args.scalar('threshold'), args.scalar('value')],
    types,
    (graph, [x = '', limit = '', value = '']) =>
      // Asked this way round, NaN passes.
      graph.node('Where', [graph.node('LessOrEqual', [x, limit]), value, x]),
  );
};

const clampTo =
  (low: (args: Arguments) => Operand, high: ((args: Arguments) => Operand) | null): OperatorBody =>
  (args) => {
    const self = args.tensor('self');
    if (self.dtype === 'bool')
      throw new AppError(
        'bad-input',
        `Boolean inputs not supported for ${args.schema.name}, got ${shapeText(self.shape)}`,
      );
    return clamp(self, low(args), high === null ? null : high(args));
  };

const scale = 1.0507009873554805;
const alpha = 1.6732632423543772;

export function defineActivations(table: OperatorTable): void {
  table.defineWithInplace(
    'relu(Tensor self) -> Tensor',
    clampTo(() => 0n, null),
  );
  table.defineWithInplace(
    'relu6(Tensor self) -> Tensor',
    clampTo(
      () => 0n,
      () => 6n,
    ),
  );
  table.defineWithInplace('hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor', (args) =>
    // The limits never change the dtype.
    clamp(args.tensor('self'), ...(['min_val', 'max_val'].map((name) => limitOf(args, name)) as [Operand, Operand])),
  );
  const eluWith = (scalars: string[], constants: number[]): OperatorBody => activation('elu', elu, scalars, constants);
  table.defineWithInplace(
    'elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor',
    eluWith(['alpha', 'scale', 'input_scale'], [0, 1]),
  );
  table.defineWithInplace('selu(Tensor self) -> Tensor', eluWith([], [alpha, scale, 1, 0, 1]));
  table.defineWithInplace('celu(Tensor self, Scalar alpha=1.) -> Tensor', (args) => {
    const factor = Number(args.scalar('alpha'));
    if (factor === 0) throw new AppError('bad-input', 'ZeroDivisionError: alpha cannot be 0 for CELU');
    const self = args.tensor('self');
    return elementwise('elu', [self, factor, 1, 1 / factor, 0, 1], { dtype: self.dtype }, elu);
  });
  const exact = activation('gelu', gelu, [], [0.5, 1, Math.SQRT1_2]);
  const byTanh = activation('gelu by tanh', geluTanh, [], [0.5, 1, Math.sqrt(2 / Math.PI), 0.044715]);
  table.defineWithInplace('gelu(Tensor self, *, str approximate="none") -> Tensor', (args, context) => {
    const approximate = args.string('approximate');
    if (approximate === 'none') return exact(args, context);
    if (approximate === 'tanh') return byTanh(args, context);
    throw new AppError('bad-input', 'approximate argument must be either none or tanh.');
  });
  table.defineWithInplace(
    'silu(Tensor self) -> Tensor',
    activation('silu', (graph, [x = '']) => graph.node('Mul', [x, graph.node('Sigmoid', [x])])),
  );
  table.defineWithInplace('mish(Tensor self) -> Tensor', activation('mish', mish, [], [1, 20, 1, Infinity, 0]));
  table.define(
    'softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor',
    activation('softplus', softplus, ['beta', 'threshold'], [1, Infinity, 0]),
  );
  const logOfSigmoid = activation('log_sigmoid', logSigmoid, [], [1, Infinity, 0]);
  table.define('log_sigmoid(Tensor self) -> Tensor', logOfSigmoid);
  // The buffer is for the backward pass only.
  table.define('log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)', async (args, context) => {
    const output = (await finish(await logOfSigmoid(args, context), context)) as Tensor;
    return new Tuple([output, Tensor.zeros(output.dtype, [0])], ['output', 'buffer']);
  });
  table.defineWithInplace('hardsigmoid(Tensor self) -> Tensor', activation('hardsigmoid', hardSigmoid, [], [3, 0, 6]));
  table.defineWithInplace('hardswish(Tensor self) -> Tensor', activation('hardswish', hardSwish, [], [3, 0, 6]));
  table.define(
    'hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor',
    activation('hardshrink', hardShrink, ['lambd'], [0]),
  );
  table.define(
    'softshrink(Tensor self, Scalar lambd=0.5) -> Tensor',
    activation('softshrink', softShrink, ['lambd'], [0]),
  );
  table.defineWithInplace('threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor', threshold);
  table.define('glu(Tensor self, int dim=-1) -> Tensor', glu);
}

/** A limit in the tensor's own kind of number. */
function limitOf(args: Arguments, name: string): Operand {
  const value = args.scalar(name);
  return isFloating(args.tensor('self').dtype) ? value : BigInt(Math.trunc(Number(value)));
}
