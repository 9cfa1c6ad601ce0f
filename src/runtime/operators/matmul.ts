// Matrix products.

import { AppError } from '../../util/errors';
import type { DType } from '../../model/dtype';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import { kernel, kernelGraph, type KernelCall } from '../kernels/graph';
import { Tensor } from '../tensor';
import type { Arguments, Scalar } from './arguments';
import { binary } from './pointwise';
import type { OperatorBody, OperatorTable } from './registry';
import { broadcastShapes, cast, operand, shapeText } from './support';
import { reshape, transpose, unsqueeze } from './view';
import { boundWeights } from './weights';

const scalarNames: Readonly<Record<DType, string>> = {
  float32: 'float',
  float64: 'double',
  float16: 'c10::Half',
  bfloat16: 'c10::BFloat16',
  int64: 'long',
  int32: 'int',
  int16: 'short',
  int8: 'signed char',
  uint8: 'unsigned char',
  bool: 'bool',
};

/** The product of tensors of at least one dimension each, with numpy's rules; small integers are multiplied as int32. */
async function product(a: Tensor, b: Tensor, context: RunContext): Promise<Tensor> {
  const [m, k, n] = [
    a.rank > 1 ? a.shape.at(-2)! : undefined,
    a.shape.at(-1)!,
    b.rank > 1 ? b.shape.at(-1)! : undefined,
  ];
  const lead = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...lead, m, n].filter((size) => size !== undefined);
  if (k === 0 || shape.includes(0)) return Tensor.zeros(a.dtype, shape);
  if (a.dtype === 'bool') throw new AppError('bad-input', '"addmm_impl_cpu_" not implemented for \'Bool\'');
  const wide = isFloating(a.dtype) || a.dtype === 'int64' ? a.dtype : 'int32';
  const inputs = [cast(a, wide), cast(b, wide)];
  const result = await context.run(kernel('MatMul', inputs, {}, boundWeights(inputs, b.requiresGrad ? [1] : [])));
  return cast(result, a.dtype);
}

function checkTypes(a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) {
    throw new AppError(
      'bad-input',
      `expected m1 and m2 to have the same dtype, but got: ${scalarNames[a.dtype]} != ${scalarNames[b.dtype]}`,
    );
  }
}

/** `torch.matmul`. @throws AppError with torch's messages for ranks, sizes and types. */
export async function matmul(a: Tensor, b: Tensor, context: RunContext): Promise<Tensor> {
  if (a.rank === 0 || b.rank === 0) {
    throw new AppError(
      'bad-input',
      `both arguments to matmul need to be at least 1D, but they are ${a.rank}D and ${b.rank}D`,
    );
  }
  const [inner, rows] = [a.shape.at(-1)!, b.shape.at(b.rank > 1 ? -2 : -1)!];
  if (inner !== rows) throw new AppError('bad-input', sizeMessage(a, b));
  checkTypes(a, b);
  return product(a, b, context);
}

function sizeMessage(a: Tensor, b: Tensor): string {
  if (a.rank === 1 && b.rank === 1) {
    return `inconsistent tensor size, expected tensor [${a.shape.join()}] and src [${b.shape.join()}] to have the same number of elements, but got ${a.elementCount} and ${b.elementCount} elements respectively`;
  }
  if (a.rank <= 2 && b.rank === 1)
    return `size mismatch, got input (${a.shape[0]!}), mat (${a.shape.join('x')}), vec (${b.shape[0]!})`;
  // torch folds the leading dimensions of the left side where the right side is a matrix.
  if (b.rank <= 2) {
    const rows = a.rank === 1 ? 1 : a.shape.slice(0, -1).reduce((count, size) => count * size, 1);
    return `mat1 and mat2 shapes cannot be multiplied (${rows}x${a.shape.at(-1)!} and ${b.shape.join('x')})`;
  }
  return `Expected size for first two dimensions of batch2 tensor to be: [${b.shape[0]!}, ${a.shape.at(-1)!}] but got: [${b.shape[0]!}, ${b.shape.at(-2)!}].`;
}

/** The operator takes tensors of exactly these ranks. */
function ranked(name: string, second: string, ranks: readonly [number, number]): OperatorBody {
  return (args, context) => {
    const [a, b] = [args.tensor('self'), args.tensor(second)];
    if (a.rank !== ranks[0]) throw new AppError('bad-input', wrongRank(name, 'self', ranks[0], a));
    if (b.rank !== ranks[1]) throw new AppError('bad-input', wrongRank(name, second, ranks[1], b));
    if (name === 'bmm' && a.shape[0] !== b.shape[0]) {
      throw new AppError(
        'bad-input',
        `Expected size for first two dimensions of batch2 tensor to be: [${a.shape[0]!}, ${a.shape[2]!}] but got: [${b.shape[0]!}, ${b.shape[1]!}].`,
      );
    }
    return matmul(a, b, context);
  };
}

function wrongRank(name: string, argument: string, rank: number, tensor: Tensor): string {
  if (name === 'mm') return `${argument} must be a matrix`;
  if (name === 'bmm') return `batch${argument === 'self' ? 1 : 2} must be a 3D tensor`;
  if (name === 'dot') return `1D tensors expected, but got ${tensor.rank}D and ${rank}D tensors`;
  return `vector + matrix @ vector expected, got ${argument} with ${tensor.rank} dimensions`;
}

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
  return kernel('Gemm', inputs, {}, b.requiresGrad ? boundWeights(inputs, [1]) : []);
}

/**
 * `torch.nn.functional.linear`: x W^T + b over the last dimension. Leading dimensions are folded, so that one Gemm with a bound
 * weight serves every rank. @throws AppError with torch's messages.
 */
export async function linear(input: Tensor, weight: Tensor, bias: Tensor | null, context: RunContext): Promise<Tensor> {
  if (input.rank === 0 || weight.rank > 2 || weight.rank === 0) {
    throw new AppError('bad-input', 'both arguments to linear need to be at least 1D, and the weight at most 2D');
  }
  const [inner, vector] = [input.shape.at(-1)!, weight.rank === 1];
  const matrix = vector ? unsqueeze(weight, 0) : weight;
  const outer = input.shape.slice(0, -1);
  const rows = outer.reduce((count, size) => count * size, 1);
  if (matrix.shape[1] !== inner) {
    throw new AppError(
      'bad-input',
      `mat1 and mat2 shapes cannot be multiplied (${rows}x${inner} and ${matrix.shape[1]!}x${matrix.shape[0]!})`,
    );
  }
  if (input.dtype !== weight.dtype) {
    throw new AppError(
      'bad-input',
      `mat1 and mat2 must have the same dtype, but got ${capital(input.dtype)} and ${capital(weight.dtype)}`,
    );
  }
  const shape = vector ? outer : [...outer, matrix.shape[0]!];
  if (!isFloating(input.dtype) || rows === 0 || inner === 0 || matrix.shape[0] === 0) {
    const result = await product(input, transpose(matrix, 0, 1), context);
    return reshape(bias === null ? result : await context.run(binary('Add', result, bias)), shape);
  }
  const inputs = [reshape(input, [rows, inner]), matrix, bias];
  const call = kernel('Gemm', inputs, { transB: 1 }, boundWeights(inputs, bias === null ? [1] : [1, 2]));
  return reshape(await context.run(call), shape);
}

function capital(dtype: DType): string {
  const names: Partial<Record<DType, string>> = {
    float16: 'Half',
    float32: 'Float',
    float64: 'Double',
    bfloat16: 'BFloat16',
  };
  return names[dtype] ?? scalarNames[dtype].replace(/^./, (letter) => letter.toUpperCase());
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

export function defineMatmul(table: OperatorTable): void {
  const plain: OperatorBody = (args, context) => matmul(args.tensor('self'), args.tensor('other'), context);
  table.define('matmul(Tensor self, Tensor other) -> Tensor', plain);
  table.define('linalg_matmul(Tensor self, Tensor other) -> Tensor', plain);
  table.define('mm(Tensor self, Tensor mat2) -> Tensor', ranked('mm', 'mat2', [2, 2]));
  table.define('bmm(Tensor self, Tensor mat2) -> Tensor', ranked('bmm', 'mat2', [3, 3]));
  table.define('mv(Tensor self, Tensor vec) -> Tensor', ranked('mv', 'vec', [2, 1]));
  table.define('dot(Tensor self, Tensor tensor) -> Tensor', ranked('dot', 'tensor', [1, 1]));
  table.define('vdot(Tensor self, Tensor other) -> Tensor', ranked('dot', 'other', [1, 1]));
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
  table.define('linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor', (args, context) =>
    linear(args.tensor('input'), args.tensor('weight'), args.optionalTensor('bias'), context),
  );
  table.define('bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor', bilinear);
  const vectors: OperatorBody = (args) => outer(args.tensor('self'), args.tensor('vec2'));
  table.define('outer(Tensor self, Tensor vec2) -> Tensor', vectors);
  table.define('ger(Tensor self, Tensor vec2) -> Tensor', vectors);
}
