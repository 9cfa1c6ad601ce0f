// Matrix products added to something: addmm and its relatives, outer products, bilinear.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import { kernel, kernelGraph, type KernelCall } from '../kernels/graph';
import type { Tensor } from '../tensor';
import type { Arguments, Scalar } from './arguments';
import { checkTypes, matmul, product, sizeMessage } from './matmul';
import { binary } from './elementwise';
import { reduce } from './reduction';
import { finish, type OperatorBody, type OperatorTable } from './registry';
import { broadcastShapes, operand, shapeText } from './support';
import { reshape, transpose, unsqueeze } from './view';
import { boundWeights } from './weights';

/** beta * self + alpha * product, where a beta of 0 ignores self even if it holds NaN. */
async function addTo(self: Tensor, args: Arguments, multiplied: Tensor, context: RunContext): Promise<Tensor> {
  const [beta, alpha] = [args.scalar('beta'), args.scalar('alpha')];
  broadcastShapes(self.shape, multiplied.shape);
  const times = async (tensor: Tensor, factor: Scalar): Promise<Tensor> =>
    Number(factor) === 1 ? tensor : context.run(binary('Mul', tensor, operand(factor, tensor.dtype)));
  const scaled = await times(multiplied, alpha);
  return Number(beta) === 0 ? scaled : context.run(binary('Add', await times(self, beta), scaled));
}

/** `addmm` of floating matrices is one Gemm. */
async function addmm(args: Arguments, context: RunContext): Promise<Tensor | KernelCall> {
  const [self, a, b] = [args.tensor('self'), args.tensor('mat1'), args.tensor('mat2')];
  if (a.rank !== 2 || b.rank !== 2) {
    throw new AppError('bad-input', `mat1 and mat2 must be matrices, got ${a.rank}-D and ${b.rank}-D tensors`);
  }
  if (a.shape[1] !== b.shape[0]) throw new AppError('bad-input', sizeMessage(a, b));
  checkTypes(a, b);
  const [beta, alpha] = [Number(args.scalar('beta')), Number(args.scalar('alpha'))];
  const plain = isFloating(a.dtype) && self.dtype === a.dtype && beta === 1 && alpha === 1 && self.rank <= 2;
  if (!plain || a.elementCount === 0 || b.elementCount === 0)
    return addTo(self, args, await product(a, b, context), context);
  broadcastShapes(self.shape, [a.shape[0]!, b.shape[1]!]);
  const inputs = [a, b, self];
  const call = kernel('Gemm', inputs, {}, b.requiresGrad ? boundWeights(inputs, [1]) : []);
  return call.giving([a.shape[0]!, b.shape[1]!]);
}

/** y[n, o] = sum over i, j of x1[n, i] W[o, i, j] x2[n, j], plus the bias. */
async function bilinear(args: Arguments, context: RunContext): Promise<Tensor> {
  const [x1, x2, weight, bias] = [
    args.tensor('input1'),
    args.tensor('input2'),
    args.tensor('weight'),
    args.optionalTensor('bias'),
  ];
  if (shapeText(x1.shape.slice(0, -1)) !== shapeText(x2.shape.slice(0, -1))) {
    throw new AppError(
      'bad-input',
      `bilinear(): input batch dimensions do not match: got ${shapeText(x1.shape)} and ${shapeText(x2.shape)}`,
    );
  }
  const [outputs = 0, first = 0, second = 0] = weight.shape;
  if (x1.shape.at(-1) !== first || x2.shape.at(-1) !== second) {
    throw new AppError(
      'bad-input',
      `bilinear(): input sizes ${x1.shape.at(-1) ?? 0} and ${x2.shape.at(-1) ?? 0} do not match weight ${shapeText(weight.shape)}`,
    );
  }
  // x1 W as [n, o, j], times x2 as [n, j, 1].
  const folded = reshape(transpose(weight, 0, 1), [first, outputs * second]);
  const left = reshape(await matmul(reshape(x1, [-1, first]), folded, context), [-1, outputs, second]);
  const result = reshape(await matmul(left, unsqueeze(reshape(x2, [-1, second]), 2), context), [
    ...x1.shape.slice(0, -1),
    outputs,
  ]);
  return bias === null ? result : context.run(binary('Add', result, bias));
}

/** The sum over `sumdim` of the products of three tensors, each seen with new dimensions where `expand` says so. */
async function trilinear(args: Arguments, context: RunContext): Promise<Tensor> {
  const expanded = (tensor: string, dims: string): Tensor =>
    [...args.ints(dims)].sort((a, b) => a - b).reduce((result, dim) => unsqueeze(result, dim), args.tensor(tensor));
  const pair = await context.run(binary('Mul', expanded('i1', 'expand1'), expanded('i3', 'expand3')));
  const all = await context.run(binary('Mul', pair, expanded('i2', 'expand2')));
  const dims = args.ints('sumdim');
  if (dims.length === 0) return all;
  return (await finish(reduce('ReduceSum', all, dims, false, 0), context)) as Tensor;
}

/** The products of all pairs of two vectors. */
function outer(self: Tensor, other: Tensor): KernelCall {
  if (self.rank !== 1 || other.rank !== 1) {
    throw new AppError(
      'bad-input',
      `outer: Expected 1-D argument ${self.rank === 1 ? 'vec2' : 'self'}, but got ${self.rank === 1 ? other.rank : self.rank}-D`,
    );
  }
  return binary('Mul', unsqueeze(self, 1), unsqueeze(other, 0));
}

/** The batched forms, with the same numbers before and after the product. */
async function baddbmm(args: Arguments, context: RunContext): Promise<Tensor | KernelCall> {
  const [self, a, b] = [args.tensor('self'), args.tensor('batch1'), args.tensor('batch2')];
  if (a.rank !== 3 || b.rank !== 3) throw new AppError('bad-input', `batch${a.rank === 3 ? 2 : 1} must be a 3D tensor`);
  if (a.shape[2] !== b.shape[1] || a.shape[0] !== b.shape[0]) throw new AppError('bad-input', sizeMessage(a, b));
  checkTypes(a, b);
  const [beta, alpha] = [args.scalar('beta'), args.scalar('alpha')];
  if (!isFloating(a.dtype) || Number(beta) === 0) return addTo(self, args, await product(a, b, context), context);
  const inputs = [self, a, b, operand(beta, a.dtype), operand(alpha, a.dtype)];
  return kernelGraph('baddbmm', {}, inputs, (graph, [c = '', left = '', right = '', scaleC = '', scale = '']) =>
    graph.node('Add', [
      graph.node('Mul', [c, scaleC]),
      graph.node('Mul', [graph.node('MatMul', [left, right]), scale]),
    ]),
  );
}

export function defineMatmulSums(table: OperatorTable): void {
  const factors = '*, Scalar beta=1, Scalar alpha=1';
  table.defineWithInplace(`addmm(Tensor self, Tensor mat1, Tensor mat2, ${factors}) -> Tensor`, addmm);
  table.defineWithInplace(`addmv(Tensor self, Tensor mat, Tensor vec, ${factors}) -> Tensor`, async (args, context) =>
    addTo(args.tensor('self'), args, await matmul(args.tensor('mat'), args.tensor('vec'), context), context),
  );
  table.defineWithInplace(`addr(Tensor self, Tensor vec1, Tensor vec2, ${factors}) -> Tensor`, async (args, context) =>
    addTo(args.tensor('self'), args, await context.run(outer(args.tensor('vec1'), args.tensor('vec2'))), context),
  );
  table.defineWithInplace(`baddbmm(Tensor self, Tensor batch1, Tensor batch2, ${factors}) -> Tensor`, baddbmm);
  table.defineWithInplace(
    `addbmm(Tensor self, Tensor batch1, Tensor batch2, ${factors}) -> Tensor`,
    async (args, context) => {
      // The sum over the batch is the product of the matrices written side by side.
      const [a, b] = [args.tensor('batch1'), args.tensor('batch2')];
      const [count = 0, rows = 0, inner = 0] = a.shape;
      const wide = reshape(transpose(a, 0, 1), [rows, count * inner]);
      const summed = await matmul(wide, reshape(b, [count * inner, b.shape[2] ?? 0]), context);
      return addTo(args.tensor('self'), args, summed, context);
    },
  );
  table.define('bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor', bilinear);
  table.define(
    '_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int unroll_dim=1) -> Tensor',
    trilinear,
  );
  const vectors: OperatorBody = (args) => outer(args.tensor('self'), args.tensor('vec2'));
  table.define('outer(Tensor self, Tensor vec2) -> Tensor', vectors);
  table.define('ger(Tensor self, Tensor vec2) -> Tensor', vectors);
}
