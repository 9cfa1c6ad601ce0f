// Norms and distances.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import { filled } from './creation';
import { binary } from './elementwise';
import { reduceNode } from './reduction';
import type { OperatorBody, OperatorTable } from './registry';
import { reducedDims, reducedShape } from './rows';
import { cast, operand, wrapDim } from './support';

/** (Σ |x|^p)^(1/p) over the dimensions (null: all); p may be infinite, and 0 counts what is not 0. */
export function vectorNorm(self: Tensor, p: number, dims: readonly number[] | null, keepdim: boolean): KernelCall | Tensor {
  if (!isFloating(self.dtype)) {
    throw new AppError('bad-input', 'linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long');
  }
  const axes = reducedDims(dims, self.rank);
  if (self.elementCount === 0) return filled(self.dtype, reducedShape(self.shape, axes, keepdim), 0);
  const kind = p === 2 ? 'two' : p === 1 ? 'one' : p === Infinity ? 'largest' : p === -Infinity ? 'smallest' : p === 0 ? 'count' : 'power';
  const compute = self.dtype === 'float64' ? 'float64' : 'float32';
  const inputs = [self, operand(p === 0 || !Number.isFinite(p) ? 0 : p, compute), operand(1, compute)];
  return kernelGraph('vector_norm', { kind, axes, keepdim }, inputs, (graph, [x = '', power = '', one = ''], parameters) => {
    const keep = parameters.keepdim ? 1 : 0;
    const size = graph.node('Abs', [x]);
    const over = (opType: string, value: string): string => reduceNode(graph, opType, value, parameters.axes, keep);
    switch (parameters.kind) {
      case 'two':
        return parameters.axes.length === 0 ? size : over('ReduceL2', x);
      case 'one':
        return over('ReduceSum', size);
      case 'largest':
        return over('ReduceMax', size);
      case 'smallest':
        return over('ReduceMin', size);
      case 'count':
        return over('ReduceSum', graph.node('Sign', [size]));
      default:
        return graph.node('Pow', [over('ReduceSum', graph.node('Pow', [size, power])), graph.node('Div', [one, power])]);
    }
  });
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
async function matrixNorm(self: Tensor, order: string | number, dims: readonly number[], keepdim: boolean, context: RunContext): Promise<Tensor> {
  const run = async (call: KernelCall | Tensor): Promise<Tensor> => (call instanceof Tensor ? call : context.run(call));
  if (order === 'fro') return run(vectorNorm(self, 2, dims, keepdim));
  if (typeof order === 'string' || ![1, -1, Infinity, -Infinity].includes(order)) {
    throw new AppError('unsupported-operator', `The runtime has no matrix norm of order ${order}`, 'It takes fro, 1, -1, inf and -inf.');
  }
  const [row, column] = dims.map((dim) => wrapDim(dim, self.rank)) as [number, number];
  // The largest (or smallest) sum of absolute values of a column (1) or of a row (infinity).
  const [summed, chosen] = Math.abs(order) === 1 ? [row, column] : [column, row];
  const sums = await run(vectorNorm(self, 1, [summed], true));
  const extreme = await run(vectorNorm(sums, order > 0 ? Infinity : -Infinity, [chosen], true));
  return keepdim ? extreme : extreme.view(reducedShape(self.shape, [row, column], false), reducedShape(self.shape, [row, column], false).map((_, i, all) => all.slice(i + 1).reduce((a, b) => a * b, 1)));
}

const linalgNorm: OperatorBody = async (args, context) => {
  const self = inDtype(args);
  const [dims, order] = [args.optionalInts('dim'), args.value('ord')];
  const isMatrix = dims === null ? self.rank === 2 : dims.length === 2;
  if (order === null || !isMatrix) return vectorNorm(self, order === null ? 2 : Number(order), dims, args.bool('keepdim'));
  return matrixNorm(self, typeof order === 'string' ? order : Number(order), dims ?? [-2, -1], args.bool('keepdim'), context);
};

/** Distances between all rows of x1 [.., P, M] and of x2 [.., R, M]: [.., P, R]. */
function pairwiseDistances(x1: Tensor, x2: Tensor, p: number): KernelCall | Tensor {
  const spread = (tensor: Tensor, at: number): Tensor => {
    const insert = (values: readonly number[], value: number): number[] => [...values.slice(0, at), value, ...values.slice(at)];
    return tensor.view(insert(tensor.shape, 1), insert(tensor.strides, 0));
  };
  return differenceNorm(spread(x1, x1.rank - 1), spread(x2, x2.rank - 2), p, [-1]);
}

/** The norm of a difference, in one graph. */
export function differenceNorm(a: Tensor, b: Tensor, p: number, dims: readonly number[] | null, eps = 0, keepdim = false): KernelCall | Tensor {
  const rank = Math.max(a.rank, b.rank);
  const axes = reducedDims(dims, rank);
  const compute = a.dtype === 'float64' ? 'float64' : 'float32';
  const kind = p === 2 ? 'two' : p === 1 ? 'one' : p === Infinity ? 'largest' : p === 0 ? 'count' : 'power';
  const inputs = [a, b, operand(Number.isFinite(p) ? p : 0, compute), operand(1, compute), operand(eps, compute)];
  return kernelGraph('norm of difference', { kind, axes, keepdim }, inputs, (graph, [x = '', y = '', power = '', one = '', small = ''], parameters) => {
    const keep = parameters.keepdim ? 1 : 0;
    const size = graph.node('Abs', [graph.node('Add', [graph.node('Sub', [x, y]), small])]);
    const over = (opType: string, value: string): string => reduceNode(graph, opType, value, parameters.axes, keep);
    switch (parameters.kind) {
      case 'two':
        return graph.node('Sqrt', [over('ReduceSum', graph.node('Mul', [size, size]))]);
      case 'one':
        return over('ReduceSum', size);
      case 'largest':
        return over('ReduceMax', size);
      case 'count':
        return over('ReduceSum', graph.node('Sign', [size]));
      default:
        return graph.node('Pow', [over('ReduceSum', graph.node('Pow', [size, power])), graph.node('Div', [one, power])]);
    }
  });
}

/** a × b along a dimension of three: a[1, 2, 0] * b[2, 0, 1] - a[2, 0, 1] * b[1, 2, 0]. */
function cross(a: Tensor, b: Tensor, dim: number): KernelCall {
  if (a.shape[dim] !== 3) {
    throw new AppError('bad-input', `linalg.cross: inputs dimension ${dim} must have length 3. Got ${a.shape[dim] ?? 0} and ${b.shape[dim] ?? 0}`);
  }
  return kernelGraph('cross', { dim }, [a, b], (graph, [x = '', y = ''], parameters) => {
    const turned = (value: string, order: number[]): string => graph.node('Gather', [value, graph.ints(order)], { axis: parameters.dim });
    const first = graph.node('Mul', [turned(x, [1, 2, 0]), turned(y, [2, 0, 1])]);
    return graph.node('Sub', [first, graph.node('Mul', [turned(x, [2, 0, 1]), turned(y, [1, 2, 0])])]);
  });
}

export function defineVectorNorms(table: OperatorTable): void {
  table.define('norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor', (args) => vectorNorm(inDtype(args), orderOf(args, 'p'), null, false));
  table.define('norm.Scalar(Tensor self, Scalar p=2) -> Tensor', (args) => vectorNorm(args.tensor('self'), orderOf(args, 'p'), null, false));
  const along: OperatorBody = (args) => vectorNorm(inDtype(args), orderOf(args, 'p'), args.ints('dim'), args.bool('keepdim'));
  table.define('norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor', along);
  table.define('norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor', along);
  table.define('frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor', (args) => vectorNorm(args.tensor('self'), 2, args.ints('dim'), args.bool('keepdim')));
  const options = 'int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None';
  table.define(`linalg_vector_norm(Tensor self, Scalar ord=2, ${options}) -> Tensor`, (args) =>
    vectorNorm(inDtype(args), Number(args.scalar('ord')), args.optionalInts('dim'), args.bool('keepdim')),
  );
  table.define(`linalg_norm(Tensor self, Scalar? ord=None, ${options}) -> Tensor`, linalgNorm);
  table.define(`linalg_norm.ord_str(Tensor self, str ord, ${options}) -> Tensor`, linalgNorm);
  const matrix = 'int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None';
  const ofMatrices: OperatorBody = (args, context) => {
    const order = args.value('ord');
    return matrixNorm(inDtype(args), typeof order === 'string' ? order : Number(order), args.ints('dim'), args.bool('keepdim'), context);
  };
  table.define(`linalg_matrix_norm(Tensor self, Scalar ord, ${matrix}) -> Tensor`, ofMatrices);
  table.define(`linalg_matrix_norm.str_ord(Tensor self, str ord="fro", ${matrix}) -> Tensor`, ofMatrices);

  table.define('cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor', (args) => pairwiseDistances(args.tensor('x1'), args.tensor('x2'), args.float('p')));
  table.define('dist(Tensor self, Tensor other, Scalar p=2) -> Tensor', (args) => differenceNorm(args.tensor('self'), args.tensor('other'), orderOf(args, 'p'), null));
  table.define('pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor', (args) =>
    differenceNorm(args.tensor('x1'), args.tensor('x2'), args.float('p'), [-1], args.float('eps'), args.bool('keepdim')),
  );
  table.define('linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor', (args) => cross(args.tensor('self'), args.tensor('other'), wrapDim(args.int('dim'), args.tensor('self').rank)));
  table.define('cross(Tensor self, Tensor other, int? dim=None) -> Tensor', (args) => {
    const { shape, rank } = args.tensor('self');
    const given = args.optionalInt('dim');
    const dim = given === null ? shape.indexOf(3) : wrapDim(given, rank);
    if (dim < 0) throw new AppError('bad-input', 'no dimension of size 3 in input');
    return cross(args.tensor('self'), args.tensor('other'), dim);
  });
  defineDifferences(table);
}

function defineDifferences(table: OperatorTable): void {
  table.define('diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor', async (args, context) => {
    let result = args.tensor('self');
    if (args.has('prepend') || args.has('append')) throw new AppError('unsupported-operator', 'The runtime has no diff with prepend or append');
    const dim = wrapDim(args.int('dim'), result.rank);
    for (let i = 0; i < args.int('n'); i++) {
      const shape = result.shape.map((size, d) => (d === dim ? Math.max(0, size - 1) : size));
      const later = result.view(shape, result.strides, result.offset + (result.strides[dim] as number));
      result = await context.run(binary(result.dtype === 'bool' ? 'Xor' : 'Sub', later, result.view(shape, result.strides)));
    }
    return result;
  });
  table.define('trace(Tensor self) -> Tensor', (args) => {
    const self = args.tensor('self');
    if (self.rank !== 2) throw new AppError('bad-input', `trace: expected a matrix, but got tensor with dim ${self.rank}`);
    const values = self.toNumbers();
    const [rows = 0, columns = 0] = self.shape;
    let total = 0;
    for (let i = 0; i < Math.min(rows, columns); i++) total += values[i * columns + i] as number;
    return filled(isFloating(self.dtype) ? self.dtype : 'int64', [], total);
  });
}
