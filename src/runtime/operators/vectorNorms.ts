// Norms and distances.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import { filled } from './creation';
import { normConstants, normKind, normNodes } from './normNodes';
import type { OperatorBody, OperatorTable } from './registry';
import { reducedDims, reducedShape } from './rows';
import { cast, wrapDim } from './support';

/** (Σ |x|^p)^(1/p) over the dimensions (null: all); p may be infinite, and 0 counts what is not 0. */
export function vectorNorm(
  self: Tensor,
  p: number,
  dims: readonly number[] | null,
  keepdim: boolean,
): KernelCall | Tensor {
  if (!isFloating(self.dtype)) {
    throw new AppError(
      'bad-input',
      'linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long',
    );
  }
  const axes = reducedDims(dims, self.rank);
  if (self.elementCount === 0) return filled(self.dtype, reducedShape(self.shape, axes, keepdim), 0);
  const compute = self.dtype === 'float64' ? 'float64' : 'float32';
  const parameters = { kind: normKind(p), axes, keepdim };
  return kernelGraph('vector_norm', parameters, [self, ...normConstants(p, compute)], normNodes);
}

/** The p of a call: a missing one is 2. */
function orderOf(args: Arguments, name: string): number {
  return Number(args.optionalScalar(name) ?? 2);
}

function inDtype(args: Arguments): Tensor {
  const self = args.tensor('self');
  const dtype: DType | null = args.schema.indexOf.has('dtype') ? args.dtype('dtype') : null;
  return cast(self, dtype ?? self.dtype);
}

/** `linalg.norm` and `linalg.matrix_norm` of matrices, as far as they need no decomposition. */
async function matrixNorm(
  self: Tensor,
  order: string | number,
  dims: readonly number[],
  keepdim: boolean,
  context: RunContext,
): Promise<Tensor> {
  const run = async (call: KernelCall | Tensor): Promise<Tensor> => (call instanceof Tensor ? call : context.run(call));
  if (order === 'fro') return run(vectorNorm(self, 2, dims, keepdim));
  if (typeof order === 'string' || ![1, -1, Infinity, -Infinity].includes(order)) {
    throw new AppError(
      'unsupported-operator',
      `The runtime has no matrix norm of order ${order}`,
      'It takes fro, 1, -1, inf and -inf.',
    );
  }
  const [row, column] = dims.map((dim) => wrapDim(dim, self.rank)) as [number, number];
  // The largest (or smallest) sum of absolute values of a column (1) or of a row (infinity).
  const [summed, chosen] = Math.abs(order) === 1 ? [row, column] : [column, row];
  const sums = await run(vectorNorm(self, 1, [summed], true));
  const extreme = await run(vectorNorm(sums, order > 0 ? Infinity : -Infinity, [chosen], true));
  return keepdim
    ? extreme
    : extreme.view(
        reducedShape(self.shape, [row, column], false),
        reducedShape(self.shape, [row, column], false).map((_, i, all) => all.slice(i + 1).reduce((a, b) => a * b, 1)),
      );
}

const linalgNorm: OperatorBody = async (args, context) => {
  const self = inDtype(args);
  const [dims, order] = [args.optionalInts('dim'), args.value('ord')];
  const isMatrix = dims === null ? self.rank === 2 : dims.length === 2;
  if (order === null || !isMatrix)
    return vectorNorm(self, order === null ? 2 : Number(order), dims, args.bool('keepdim'));
  return matrixNorm(
    self,
    typeof order === 'string' ? order : Number(order),
    dims ?? [-2, -1],
    args.bool('keepdim'),
    context,
  );
};

export function defineVectorNorms(table: OperatorTable): void {
  table.define('norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor', (args) =>
    vectorNorm(inDtype(args), orderOf(args, 'p'), null, false),
  );
  table.define('norm.Scalar(Tensor self, Scalar p=2) -> Tensor', (args) =>
    vectorNorm(args.tensor('self'), orderOf(args, 'p'), null, false),
  );
  const along: OperatorBody = (args) =>
    vectorNorm(inDtype(args), orderOf(args, 'p'), args.ints('dim'), args.bool('keepdim'));
  table.define(
    'norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor',
    along,
  );
  table.define('norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor', along);
  table.define('frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor', (args) =>
    vectorNorm(args.tensor('self'), 2, args.ints('dim'), args.bool('keepdim')),
  );
  const options = 'int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None';
  table.define(`linalg_vector_norm(Tensor self, Scalar ord=2, ${options}) -> Tensor`, (args) =>
    vectorNorm(inDtype(args), Number(args.scalar('ord')), args.optionalInts('dim'), args.bool('keepdim')),
  );
  table.define(`linalg_norm(Tensor self, Scalar? ord=None, ${options}) -> Tensor`, linalgNorm);
  table.define(`linalg_norm.ord_str(Tensor self, str ord, ${options}) -> Tensor`, linalgNorm);
  const matrix = 'int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None';
  const ofMatrices: OperatorBody = (args, context) => {
    const order = args.value('ord');
    return matrixNorm(
      inDtype(args),
      typeof order === 'string' ? order : Number(order),
      args.ints('dim'),
      args.bool('keepdim'),
      context,
    );
  };
  table.define(`linalg_matrix_norm(Tensor self, Scalar ord, ${matrix}) -> Tensor`, ofMatrices);
  table.define(`linalg_matrix_norm.str_ord(Tensor self, str ord="fro", ${matrix}) -> Tensor`, ofMatrices);
}
