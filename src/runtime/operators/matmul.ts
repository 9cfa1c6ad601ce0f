// Matrix products, and the linear layer.

import { AppError } from '../../util/errors';
import type { DType } from '../../model/dtype';
import type { KernelRunner } from '../context';
import { isFloating } from '../elements';
import { kernel } from '../kernels/graph';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import { binary } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { broadcastShapes, cast } from './support';
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
export async function product(a: Tensor, b: Tensor, runner: KernelRunner): Promise<Tensor> {
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
  const call = kernel('MatMul', inputs, {}, boundWeights(inputs, b.requiresGrad ? [1] : []));
  const result = await runner.run(wide === 'float32' ? call.giving(shape) : call);
  return cast(result, a.dtype);
}

/** @throws AppError in torch's words, which differ for batches. */
export function checkTypes(a: Tensor, b: Tensor): void {
  if (a.dtype === b.dtype) return;
  throw new AppError(
    'bad-input',
    b.rank > 2
      ? `expected scalar type ${scalarTypeName(a.dtype)} but found ${scalarTypeName(b.dtype)}`
      : `expected m1 and m2 to have the same dtype, but got: ${scalarNames[a.dtype]} != ${scalarNames[b.dtype]}`,
  );
}

/** `torch.matmul`. @throws AppError with torch's messages for ranks, sizes and types. */
export async function matmul(a: Tensor, b: Tensor, runner: KernelRunner): Promise<Tensor> {
  if (a.rank === 0 || b.rank === 0) {
    throw new AppError(
      'bad-input',
      `both arguments to matmul need to be at least 1D, but they are ${a.rank}D and ${b.rank}D`,
    );
  }
  const [inner, rows] = [a.shape.at(-1)!, b.shape.at(b.rank > 1 ? -2 : -1)!];
  if (inner !== rows) throw new AppError('bad-input', sizeMessage(a, b));
  checkTypes(a, b);
  return product(a, b, runner);
}

export function sizeMessage(a: Tensor, b: Tensor): string {
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
    return matmul(a, b, context.later);
  };
}

function wrongRank(name: string, argument: string, rank: number, tensor: Tensor): string {
  if (name === 'mm') return `${argument} must be a matrix`;
  if (name === 'bmm') return `batch${argument === 'self' ? 1 : 2} must be a 3D tensor`;
  if (name === 'dot') return `1D tensors expected, but got ${tensor.rank}D and ${rank}D tensors`;
  return `vector + matrix @ vector expected, got ${argument} with ${tensor.rank} dimensions`;
}

/**
 * `torch.nn.functional.linear`: x W^T + b over the last dimension. Leading dimensions are folded, so that one Gemm with a bound
 * weight serves every rank. @throws AppError with torch's messages.
 */
export async function linear(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  runner: KernelRunner,
): Promise<Tensor> {
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
  if (bias === null) checkTypes(input, matrix);
  else if (input.dtype !== weight.dtype) {
    const [left, right] = [scalarTypeName(input.dtype), scalarTypeName(weight.dtype)];
    throw new AppError('bad-input', `mat1 and mat2 must have the same dtype, but got ${left} and ${right}`);
  }
  const shape = vector ? outer : [...outer, matrix.shape[0]!];
  if (!isFloating(input.dtype) || rows === 0 || inner === 0 || matrix.shape[0] === 0) {
    const result = await product(input, transpose(matrix, 0, 1), runner);
    return reshape(bias === null ? result : await runner.run(binary('Add', result, bias)), shape);
  }
  const inputs = [reshape(input, [rows, inner]), matrix, bias];
  const call = kernel('Gemm', inputs, { transB: 1 }, boundWeights(inputs, bias === null ? [1] : [1, 2]));
  return reshape(await runner.run(call.giving([rows, matrix.shape[0]!])), shape);
}

export function defineMatmul(table: OperatorTable): void {
  const plain: OperatorBody = (args, context) => matmul(args.tensor('self'), args.tensor('other'), context.later);
  table.define('matmul(Tensor self, Tensor other) -> Tensor', plain);
  table.define('linalg_matmul(Tensor self, Tensor other) -> Tensor', plain);
  table.define('mm(Tensor self, Tensor mat2) -> Tensor', ranked('mm', 'mat2', [2, 2]));
  table.define('bmm(Tensor self, Tensor mat2) -> Tensor', ranked('bmm', 'mat2', [3, 3]));
  table.define('mv(Tensor self, Tensor vec) -> Tensor', ranked('mv', 'vec', [2, 1]));
  table.define('dot(Tensor self, Tensor tensor) -> Tensor', ranked('dot', 'tensor', [1, 1]));
  table.define('vdot(Tensor self, Tensor other) -> Tensor', ranked('dot', 'other', [1, 1]));
  table.define('linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor', (args, context) =>
    linear(args.tensor('input'), args.tensor('weight'), args.optionalTensor('bias'), context.later),
  );
}
