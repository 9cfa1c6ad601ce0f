// Losses by similarity, distance and margin.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { Tensor } from '../tensor';
import { elementwise, type Formula } from './elementwise';
import { formulaLoss, lossType, reduceLoss } from './loss';
import { reduce } from './reduction';
import type { OperatorBody, OperatorTable } from './registry';
import { cast, wrapDim } from './support';
import { differenceNorm } from './distance';
import { log1p } from './unaryMath';

/** Σ ab / √(max(Σ a², eps²) max(Σ b², eps²)) along a dimension. */
async function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  dim: number,
  eps: number,
  context: RunContext,
): Promise<Tensor> {
  const axis = wrapDim(dim, Math.max(x1.rank, x2.rank));
  const dtype = lossType([x1, x2]);
  const sumOf = async (a: Tensor, b: Tensor): Promise<Tensor> => {
    const products = await context.run(
      elementwise('Mul', [a, b], { dtype }, (graph, inputs) => graph.node('Mul', inputs)),
    );
    const total = reduce('ReduceSum', products, [axis - products.rank], false, 0);
    return total instanceof Tensor ? total : context.run(total);
  };
  const [dot, first, second] = [await sumOf(x1, x2), await squares(x1), await squares(x2)];
  return context.run(
    elementwise(
      'cosine',
      [dot, first, second, eps * eps],
      { dtype },
      (graph, [dot = '', a = '', b = '', limit = '']) => {
        const norms = graph.node('Mul', [
          graph.node('Sqrt', [graph.node('Max', [a, limit])]),
          graph.node('Sqrt', [graph.node('Max', [b, limit])]),
        ]);
        return graph.node('Div', [dot, norms]);
      },
    ),
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
  const [anchor, positive, negative] = ['anchor', 'positive', 'negative'].map((name) => args.tensor(name)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const distance = async (a: Tensor, b: Tensor): Promise<Tensor> => {
    const norm = differenceNorm(a, b, args.float('p'), [-1], args.float('eps'));
    return norm instanceof Tensor ? norm : context.run(norm);
  };
  const near = await distance(anchor, positive);
  let far = await distance(anchor, negative);
  if (args.bool('swap')) {
    const other = await distance(positive, negative);
    far = await context.run(
      elementwise('Min', [far, other], { dtype: far.dtype }, (graph, inputs) => graph.node('Min', inputs)),
    );
  }
  const losses = elementwise(
    'triplet_margin_loss',
    [near, far, args.float('margin'), 0],
    { dtype: near.dtype },
    (graph, [a = '', b = '', margin = '', zero = '']) =>
      graph.node('Max', [graph.node('Add', [graph.node('Sub', [a, b]), margin]), zero]),
  );
  return reduceLoss(losses, args.int('reduction'), context);
};

/** exp(x) - y x of logarithms, or x - y log(x + eps); with `full`, Stirling's term for y > 1. */
const poisson: OperatorBody = (args, context) => {
  const log = args.bool('log_input');
  const full = args.bool('full');
  const operands = [args.tensor('input'), args.tensor('target'), args.float('eps'), 0.5, 2 * Math.PI, 0, 1];
  const losses = elementwise(
    `poisson_nll_loss ${String(log)} ${String(full)}`,
    operands,
    { dtype: lossType(operands) },
    (graph, inputs) => {
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
    },
  );
  return reduceLoss(losses, args.int('reduction'), context);
};

export function defineMarginLosses(table: OperatorTable): void {
  table.define('cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor', (args, context) =>
    cosineSimilarity(args.tensor('x1'), args.tensor('x2'), args.int('dim'), args.float('eps'), context),
  );
  table.define(
    'cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor',
    cosineEmbedding,
  );
  table.define(
    'triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor',
    tripletMargin,
  );
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
  table.define(
    'soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor',
    formulaLoss('soft_margin_loss', ['self', 'target'], soft, [1, Infinity]),
  );
  table.define(
    'poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor',
    poisson,
  );
  table.define(
    'multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor',
    multiMargin,
  );
}

/** Mean over the classes but the target of max(0, margin - x[target] + x[class])^p, weighted by the target's class. */
const multiMargin: OperatorBody = (args, context) => {
  const [self, target, weight] = [args.tensor('self'), args.tensor('target'), args.optionalTensor('weight')];
  const [p, margin] = [Number(args.scalar('p')), Number(args.scalar('margin'))];
  if (p !== 1 && p !== 2) throw new AppError('bad-input', 'only p == 1 and p == 2 supported');
  const classes = self.shape.at(-1) ?? 1;
  const [values, labels, weights] = [self.toNumbers(), target.toNumbers(), weight?.toNumbers()];
  const losses = Float64Array.from(labels, (label, row) => {
    if (label < 0 || label >= classes) throw new AppError('bad-input', `target out of range: ${label}`);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const distance = margin - (values[row * classes + label] as number) + (values[row * classes + c] as number);
      if (c !== label && distance > 0) sum += (weights?.[label] ?? 1) * distance ** p;
    }
    return sum / classes;
  });
  return reduceLoss(cast(Tensor.of('float64', target.shape, losses), self.dtype), args.int('reduction'), context);
};
