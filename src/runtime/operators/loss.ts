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
import { shapeText, wrapDim } from './support';
import { log1p } from './unaryMath';
import { differenceNorm } from './vectorNorms';

/** torch's numbers: 0 leaves the losses as they are, 1 takes their mean, 2 their sum. */
export async function reduceLoss(losses: KernelCall | Tensor, reduction: number, context: RunContext): Promise<Tensor> {
  const all = losses instanceof Tensor ? losses : await context.run(losses);
  if (reduction === 0) return all;
  const reduced = reduction === 1 ? reduce('ReduceMean', all, null, false, NaN) : reduce('ReduceSum', all, null, false, 0);
  return reduced instanceof Tensor ? reduced : context.run(reduced);
}

/** A loss by a formula of some arguments, in their common dtype, and constants behind them. */
function formulaLoss(name: string, names: readonly string[], formula: Formula, constants: readonly number[] = []): OperatorBody {
  return (args, context) => {
    const operands = names.map((argument) => args.value(argument) as Operand);
    const losses = elementwise(name, [...operands, ...constants], { dtype: lossType(operands) }, formula);
    return reduceLoss(losses, args.int('reduction'), context);
  };
}

function lossType(operands: readonly Operand[]): Tensor['dtype'] {
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
  return graph.node('Where', [graph.node('Less', [size, beta]), square, graph.node('Sub', [size, graph.node('Mul', [half, beta])])]);
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
const crossEntropyOfLogits: Formula = (graph, [x = '', y = '', weight = '', positive = '', one = '', infinity = '', zero = '']) => {
  const tail = log1p(graph, [graph.node('Exp', [graph.node('Neg', [graph.node('Abs', [x])])]), one, infinity]);
  const softplus = graph.node('Add', [tail, graph.node('Max', [graph.node('Neg', [x]), zero])]);
  const factor = graph.node('Add', [one, graph.node('Mul', [graph.node('Sub', [positive, one]), y])]);
  const loss = graph.node('Add', [graph.node('Mul', [graph.node('Sub', [one, y]), x]), graph.node('Mul', [factor, softplus])]);
  return graph.node('Mul', [loss, weight]);
};

/** y (log y - x), 0 where y is 0. */
const divergence: Formula = (graph, [x = '', y = '', zero = '']) => {
  const term = graph.node('Mul', [y, graph.node('Sub', [graph.node('Log', [y]), x])]);
  return graph.node('Where', [graph.node('Equal', [y, zero]), zero, term]);
};

const divergenceOfLogs: Formula = (graph, [x = '', y = '']) => graph.node('Mul', [graph.node('Exp', [y]), graph.node('Sub', [y, x])]);

/** Σ ab / √(max(Σ a², eps²) max(Σ b², eps²)) along a dimension. */
async function cosineSimilarity(x1: Tensor, x2: Tensor, dim: number, eps: number, context: RunContext): Promise<Tensor> {
  const axis = wrapDim(dim, Math.max(x1.rank, x2.rank));
  const dtype = lossType([x1, x2]);
  const sumOf = async (a: Tensor, b: Tensor): Promise<Tensor> => {
    const products = await context.run(elementwise('Mul', [a, b], { dtype }, (graph, inputs) => graph.node('Mul', inputs)));
    const total = reduce('ReduceSum', products, [axis - products.rank], false, 0);
    return total instanceof Tensor ? total : context.run(total);
  };
  const [dot, first, second] = [await sumOf(x1, x2), await squares(x1), await squares(x2)];
  return context.run(
    elementwise('cosine', [dot, first, second, eps * eps], { dtype }, (graph, [dot = '', a = '', b = '', limit = '']) => {
      const norms = graph.node('Mul', [graph.node('Sqrt', [graph.node('Max', [a, limit])]), graph.node('Sqrt', [graph.node('Max', [b, limit])])]);
      return graph.node('Div', [dot, norms]);
    }),
  );

  async function squares(x: Tensor): Promise<Tensor> {
    return sumOf(x, x);
  }
}

/** y = 1: 1 - cos; y = -1: max(0, cos - margin). */
const cosineEmbedding: OperatorBody = async (args, context) => {
  const [x1, x2, target] = [args.tensor('input1'), args.tensor('input2'), args.tensor('target')];
  const similarity = await cosineSimilarity(x1, x2, -1, 1e-8, context);
  const losses = elementwise(
    'cosine_embedding_loss',
    [similarity, target, args.float('margin'), 0, 1],
    { dtype: similarity.dtype },
    (graph, [cosine = '', y = '', margin = '', zero = '', one = '']) => {
      const apart = graph.node('Max', [graph.node('Sub', [cosine, margin]), zero]);
      const other = graph.node('Where', [graph.node('Equal', [y, graph.node('Neg', [one])]), apart, zero]);
      return graph.node('Where', [graph.node('Equal', [y, one]), graph.node('Sub', [one, cosine]), other]);
    },
  );
  return reduceLoss(losses, args.int('reduction'), context);
};

/** max(0, d(a, p) - d(a, n) + margin); with `swap` the nearer of d(a, n) and d(p, n). */
const tripletMargin: OperatorBody = async (args, context) => {
  const [anchor, positive, negative] = ['anchor', 'positive', 'negative'].map((name) => args.tensor(name)) as [Tensor, Tensor, Tensor];
  const distance = async (a: Tensor, b: Tensor): Promise<Tensor> => {
    const norm = differenceNorm(a, b, args.float('p'), [-1], args.float('eps'));
    return norm instanceof Tensor ? norm : context.run(norm);
  };
  const near = await distance(anchor, positive);
  let far = await distance(anchor, negative);
  if (args.bool('swap')) {
    const other = await distance(positive, negative);
    far = await context.run(elementwise('Min', [far, other], { dtype: far.dtype }, (graph, inputs) => graph.node('Min', inputs)));
  }
  const losses = elementwise('triplet_margin_loss', [near, far, args.float('margin'), 0], { dtype: near.dtype }, (graph, [a = '', b = '', margin = '', zero = '']) =>
    graph.node('Max', [graph.node('Add', [graph.node('Sub', [a, b]), margin]), zero]),
  );
  return reduceLoss(losses, args.int('reduction'), context);
};

const huber: OperatorBody = (args, context) => {
  if (args.float('delta') <= 0) throw new AppError('bad-input', 'huber_loss does not support non-positive values for delta.');
  return formulaLoss('huber_loss', ['self', 'target', 'delta'], huberError, [0.5])(args, context);
};

const smoothL1: OperatorBody = (args, context) => {
  if (args.float('beta') === 0) return formulaLoss('l1_loss', ['self', 'target'], absoluteError)(args, context);
  return formulaLoss('smooth_l1_loss', ['self', 'target', 'beta'], smoothError, [0.5])(args, context);
};

const binaryCrossEntropy: OperatorBody = (args, context) => {
  const [self, target] = [args.tensor('self'), args.tensor('target')];
  if (self.shape.join() !== target.shape.join()) {
    throw new AppError('bad-input', `Using a target size (${shapeText(target.shape)}) that is different to the input size (${shapeText(self.shape)}) is deprecated.`);
  }
  const operands = [self, target, args.optionalTensor('weight') ?? 1, 1, -100];
  return reduceLoss(elementwise('binary_cross_entropy', operands, { dtype: self.dtype }, crossEntropyOfProbabilities), args.int('reduction'), context);
};

const binaryCrossEntropyOfLogits: OperatorBody = (args, context) => {
  const optional = (name: string): Operand => args.optionalTensor(name) ?? 1;
  const operands = [args.tensor('self'), args.tensor('target'), optional('weight'), optional('pos_weight'), 1, Infinity, 0];
  const dtype = lossType(operands.slice(0, 2));
  return reduceLoss(elementwise('binary_cross_entropy_with_logits', operands, { dtype }, crossEntropyOfLogits), args.int('reduction'), context);
};

export function defineLosses(table: OperatorTable): void {
  const pair = ['self', 'target'];
  table.define('mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', formulaLoss('mse_loss', pair, squaredError));
  table.define('l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', formulaLoss('l1_loss', pair, absoluteError));
  table.define('smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor', smoothL1);
  table.define('huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor', huber);
  table.define('binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor', binaryCrossEntropy);
  table.define(
    'binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor',
    binaryCrossEntropyOfLogits,
  );
  const ofLogs = formulaLoss('kl_div of logs', pair, divergenceOfLogs);
  const ofProbabilities = formulaLoss('kl_div', pair, divergence, [0]);
  table.define('kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor', (args, context) =>
    args.bool('log_target') ? ofLogs(args, context) : ofProbabilities(args, context),
  );
  table.define('cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor', (args, context) =>
    cosineSimilarity(args.tensor('x1'), args.tensor('x2'), args.int('dim'), args.float('eps'), context),
  );
  table.define('cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor', cosineEmbedding);
  table.define(
    'triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor',
    tripletMargin,
  );
  defineMarginLosses(table);
}

function defineMarginLosses(table: OperatorTable): void {
  /** max(0, -y (x1 - x2) + margin) */
  const ranking: Formula = (graph, [x1 = '', x2 = '', y = '', margin = '', zero = '']) => {
    const wrong = graph.node('Mul', [graph.node('Neg', [y]), graph.node('Sub', [x1, x2])]);
    return graph.node('Max', [graph.node('Add', [wrong, margin]), zero]);
  };
  table.define(
    'margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor',
    formulaLoss('margin_ranking_loss', ['input1', 'input2', 'target', 'margin'], ranking, [0]),
  );
  /** (y = 1 ? x : 0) + (y = -1 ? max(0, margin - x) : 0), as torch adds them */
  const hinge: Formula = (graph, [x = '', y = '', margin = '', zero = '', one = '']) => {
    const apart = graph.node('Max', [graph.node('Sub', [margin, x]), zero]);
    const negative = graph.node('Where', [graph.node('Equal', [y, one]), zero, apart]);
    const positive = graph.node('Where', [graph.node('Equal', [y, graph.node('Neg', [one])]), zero, x]);
    return graph.node('Add', [negative, positive]);
  };
  table.define(
    'hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor',
    formulaLoss('hinge_embedding_loss', ['self', 'target', 'margin'], hinge, [0, 1]),
  );
  /** log(1 + exp(-y x)) */
  const soft: Formula = (graph, [x = '', y = '', one = '', infinity = '']) =>
    log1p(graph, [graph.node('Exp', [graph.node('Mul', [graph.node('Neg', [y]), x])]), one, infinity]);
  table.define('soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor', formulaLoss('soft_margin_loss', ['self', 'target'], soft, [1, Infinity]));
  table.define('poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor', poisson);
}

/** exp(x) - y x of logarithms, or x - y log(x + eps); with `full`, Stirling's term for y > 1. */
const poisson: OperatorBody = (args, context) => {
  const log = args.bool('log_input');
  const full = args.bool('full');
  const operands = [args.tensor('input'), args.tensor('target'), args.float('eps'), 0.5, 2 * Math.PI, 0, 1];
  const losses = elementwise(`poisson_nll_loss ${String(log)} ${String(full)}`, operands, { dtype: lossType(operands) }, (graph, inputs) => {
    const [x = '', y = '', eps = '', half = '', turn = '', zero = '', one = ''] = inputs;
    const rate = log
      ? graph.node('Sub', [graph.node('Exp', [x]), graph.node('Mul', [y, x])])
      : graph.node('Sub', [x, graph.node('Mul', [y, graph.node('Log', [graph.node('Add', [x, eps])])])]);
    if (!full) return rate;
    const stirling = graph.node('Add', [
      graph.node('Sub', [graph.node('Mul', [y, graph.node('Log', [y])]), y]),
      graph.node('Mul', [half, graph.node('Log', [graph.node('Mul', [turn, y])])]),
    ]);
    return graph.node('Add', [rate, graph.node('Where', [graph.node('Greater', [y, one]), stirling, zero])]);
  });
  return reduceLoss(losses, args.int('reduction'), context);
};
