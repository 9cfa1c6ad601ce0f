// Losses between two tensors of one shape, and the reduction that all losses share.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import type { KernelCall } from '../kernels/graph';
import { resultType } from '../scalarTypes';
import { Tensor } from '../tensor';
import { elementwise, type Formula, type Operand } from './elementwise';
import { reduce } from './reduction';
import type { OperatorBody, OperatorTable } from './registry';
import { shapeText } from './support';
import { log1p } from './unaryMath';

/** torch's numbers: 0 leaves the losses as they are, 1 takes their mean, 2 their sum. */
export async function reduceLoss(losses: KernelCall | Tensor, reduction: number, context: RunContext): Promise<Tensor> {
  const all = losses instanceof Tensor ? losses : await context.run(losses);
  if (reduction === 0) return all;
  const reduced =
    reduction === 1 ? reduce('ReduceMean', all, null, false, NaN) : reduce('ReduceSum', all, null, false, 0);
  return reduced instanceof Tensor ? reduced : context.run(reduced);
}

/** A loss by a formula of some arguments, in their common dtype, and constants behind them. */
export function formulaLoss(
  name: string,
  names: readonly string[],
  formula: Formula,
  constants: readonly number[] = [],
): OperatorBody {
  return (args, context) => {
    const operands = names.map((argument) => args.value(argument) as Operand);
    const losses = elementwise(name, [...operands, ...constants], { dtype: lossType(operands) }, formula);
    return reduceLoss(losses, args.int('reduction'), context);
  };
}

/** The common dtype of the tensors among the operands, which is a floating one. */
export function lossType(operands: readonly Operand[]): Tensor['dtype'] {
  const dtype = resultType(operands.filter((value) => value instanceof Tensor));
  return isFloating(dtype) ? dtype : 'float32';
}

const squaredError: Formula = (graph, inputs) => {
  const difference = graph.node('Sub', inputs);
  return graph.node('Mul', [difference, difference]);
};

const absoluteError: Formula = (graph, inputs) => graph.node('Abs', [graph.node('Sub', inputs)]);

/** |d| < beta ? d² / (2 beta) : |d| - beta / 2 */
const smoothError: Formula = (graph, [x = '', y = '', beta = '', half = '']) => {
  const size = absoluteError(graph, [x, y]);
  const square = graph.node('Div', [graph.node('Mul', [graph.node('Mul', [size, size]), half]), beta]);
  return graph.node('Where', [
    graph.node('Less', [size, beta]),
    square,
    graph.node('Sub', [size, graph.node('Mul', [half, beta])]),
  ]);
};

/** |d| <= delta ? d² / 2 : delta * (|d| - delta / 2) */
const huberError: Formula = (graph, [x = '', y = '', delta = '', half = '']) => {
  const size = absoluteError(graph, [x, y]);
  const square = graph.node('Mul', [graph.node('Mul', [size, size]), half]);
  const line = graph.node('Mul', [delta, graph.node('Sub', [size, graph.node('Mul', [half, delta])])]);
  return graph.node('Where', [graph.node('LessOrEqual', [size, delta]), square, line]);
};

/** -(y log x + (1 - y) log(1 - x)), with logarithms no lower than -100, as in torch. */
const crossEntropyOfProbabilities: Formula = (graph, [x = '', y = '', weight = '', one = '', lowest = '']) => {
  const log = (value: string): string => graph.node('Max', [graph.node('Log', [value]), lowest]);
  const hit = graph.node('Mul', [y, log(x)]);
  const miss = graph.node('Mul', [graph.node('Sub', [one, y]), log(graph.node('Sub', [one, x]))]);
  return graph.node('Mul', [graph.node('Neg', [graph.node('Add', [hit, miss])]), weight]);
};

/** (1 - y) x + (1 + (positive - 1) y) * (log1p(exp(-|x|)) + max(-x, 0)) */
const crossEntropyOfLogits: Formula = (
  graph,
  [x = '', y = '', weight = '', positive = '', one = '', infinity = '', zero = ''],
) => {
  const tail = log1p(graph, [graph.node('Exp', [graph.node('Neg', [graph.node('Abs', [x])])]), one, infinity]);
  const softplus = graph.node('Add', [tail, graph.node('Max', [graph.node('Neg', [x]), zero])]);
  const factor = graph.node('Add', [one, graph.node('Mul', [graph.node('Sub', [positive, one]), y])]);
  const loss = graph.node('Add', [
    graph.node('Mul', [graph.node('Sub', [one, y]), x]),
    graph.node('Mul', [factor, softplus]),
  ]);
  return graph.node('Mul', [loss, weight]);
};

/** y (log y - x), 0 where y is 0. */
const divergence: Formula = (graph, [x = '', y = '', zero = '']) => {
  const term = graph.node('Mul', [y, graph.node('Sub', [graph.node('Log', [y]), x])]);
  return graph.node('Where', [graph.node('Equal', [y, zero]), zero, term]);
};

const divergenceOfLogs: Formula = (graph, [x = '', y = '']) =>
  graph.node('Mul', [graph.node('Exp', [y]), graph.node('Sub', [y, x])]);

const huber: OperatorBody = (args, context) => {
  if (args.float('delta') <= 0)
    throw new AppError('bad-input', 'huber_loss does not support non-positive values for delta.');
  return formulaLoss('huber_loss', ['self', 'target', 'delta'], huberError, [0.5])(args, context);
};

const smoothL1: OperatorBody = (args, context) => {
  if (args.float('beta') === 0) return formulaLoss('l1_loss', ['self', 'target'], absoluteError)(args, context);
  return formulaLoss('smooth_l1_loss', ['self', 'target', 'beta'], smoothError, [0.5])(args, context);
};

const binaryCrossEntropy: OperatorBody = (args, context) => {
  const [self, target] = [args.tensor('self'), args.tensor('target')];
  if (self.shape.join() !== target.shape.join()) {
    throw new AppError(
      'bad-input',
      `Using a target size (${shapeText(target.shape)}) that is different to the input size (${shapeText(self.shape)}) is deprecated.`,
    );
  }
  const operands = [self, target, args.optionalTensor('weight') ?? 1, 1, -100];
  return reduceLoss(
    elementwise('binary_cross_entropy', operands, { dtype: self.dtype }, crossEntropyOfProbabilities),
    args.int('reduction'),
    context,
  );
};

const binaryCrossEntropyOfLogits: OperatorBody = (args, context) => {
  const optional = (name: string): Operand => args.optionalTensor(name) ?? 1;
  const operands = [
    args.tensor('self'),
    args.tensor('target'),
    optional('weight'),
    optional('pos_weight'),
    1,
    Infinity,
    0,
  ];
  const dtype = lossType(operands.slice(0, 2));
  return reduceLoss(
    elementwise('binary_cross_entropy_with_logits', operands, { dtype }, crossEntropyOfLogits),
    args.int('reduction'),
    context,
  );
};

export function defineLosses(table: OperatorTable): void {
  const pair = ['self', 'target'];
  table.define(
    'mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor',
    formulaLoss('mse_loss', pair, squaredError),
  );
  table.define(
    'l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor',
    formulaLoss('l1_loss', pair, absoluteError),
  );
  table.define('smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor', smoothL1);
  table.define('huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor', huber);
  table.define(
    'binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor',
    binaryCrossEntropy,
  );
  table.define(
    'binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor',
    binaryCrossEntropyOfLogits,
  );
  const ofLogs = formulaLoss('kl_div of logs', pair, divergenceOfLogs);
  const ofProbabilities = formulaLoss('kl_div', pair, divergence, [0]);
  table.define(
    'kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor',
    (args, context) => (args.bool('log_target') ? ofLogs(args, context) : ofProbabilities(args, context)),
  );
}
