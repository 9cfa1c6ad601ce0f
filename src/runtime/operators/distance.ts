// Distances between tensors, differences of neighbours, the trace.

import { AppError } from '../../util/errors';
import { isFloating } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import type { Tensor } from '../tensor';
import { filled } from './creation';
import { binary } from './elementwise';
import { normConstants, normKind, normNodes } from './normNodes';
import type { OperatorTable } from './registry';
import { reducedDims } from './rows';
import { operand, wrapDim } from './support';

/** Distances between all rows of x1 [.., P, M] and of x2 [.., R, M]: [.., P, R]. */
function pairwiseDistances(x1: Tensor, x2: Tensor, p: number): KernelCall | Tensor {
  [x1, x2].forEach(({ rank }, i) => {
    if (rank < 2) throw new AppError('bad-input', `cdist only supports at least 2D tensors, X${i + 1} got: ${rank}D`);
  });
  const spread = (tensor: Tensor, at: number): Tensor => {
    const insert = (values: readonly number[], value: number): number[] => [
      ...values.slice(0, at),
      value,
      ...values.slice(at),
    ];
    return tensor.view(insert(tensor.shape, 1), insert(tensor.strides, 0));
  };
  return differenceNorm(spread(x1, x1.rank - 1), spread(x2, x2.rank - 2), p, [-1]);
}

/** The norm of a difference, in one graph. */
export function differenceNorm(
  a: Tensor,
  b: Tensor,
  p: number,
  dims: readonly number[] | null,
  eps = 0,
  keepdim = false,
): KernelCall | Tensor {
  const rank = Math.max(a.rank, b.rank);
  const axes = reducedDims(dims, rank);
  const compute = a.dtype === 'float64' ? 'float64' : 'float32';
  const inputs = [a, b, operand(eps, compute), ...normConstants(p, compute)];
  return kernelGraph(
    'norm of difference',
    { kind: normKind(p), axes, keepdim },
    inputs,
    (graph, [x = '', y = '', small = '', ...constants], parameters) => {
      const difference = graph.node('Add', [graph.node('Sub', [x, y]), small]);
      return normNodes(graph, [difference, ...constants], parameters);
    },
  );
}

export function defineDistances(table: OperatorTable): void {
  table.define('cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor', (args) =>
    pairwiseDistances(args.tensor('x1'), args.tensor('x2'), args.float('p')),
  );
  table.define('_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor', (args) =>
    pairwiseDistances(args.tensor('x1'), args.tensor('x2'), args.float('p')),
  );
  table.define('dist(Tensor self, Tensor other, Scalar p=2) -> Tensor', (args) =>
    differenceNorm(args.tensor('self'), args.tensor('other'), Number(args.scalar('p')), null),
  );
  table.define(
    'pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor',
    (args) =>
      differenceNorm(
        args.tensor('x1'),
        args.tensor('x2'),
        args.float('p'),
        [-1],
        args.float('eps'),
        args.bool('keepdim'),
      ),
  );
  table.define(
    'diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor',
    async (args, context) => {
      let result = args.tensor('self');
      if (args.has('prepend') || args.has('append'))
        throw new AppError('unsupported-operator', 'The runtime has no diff with prepend or append');
      const dim = wrapDim(args.int('dim'), result.rank);
      for (let i = 0; i < args.int('n'); i++) {
        const shape = result.shape.map((size, d) => (d === dim ? Math.max(0, size - 1) : size));
        const later = result.view(shape, result.strides, result.offset + (result.strides[dim] as number));
        result = await context.run(
          binary(result.dtype === 'bool' ? 'Xor' : 'Sub', later, result.view(shape, result.strides)),
        );
      }
      return result;
    },
  );
  table.define('trace(Tensor self) -> Tensor', (args) => {
    const self = args.tensor('self');
    if (self.rank !== 2)
      throw new AppError('bad-input', `trace: expected a matrix, but got tensor with dim ${self.rank}`);
    const values = self.toNumbers();
    const [rows = 0, columns = 0] = self.shape;
    let total = 0;
    for (let i = 0; i < Math.min(rows, columns); i++) total += values[i * columns + i] as number;
    return filled(isFloating(self.dtype) ? self.dtype : 'int64', [], total);
  });
}
