// Products over named or several dimensions: einsum, tensordot, inner, kron, chains, cross products.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { kernel, type KernelCall } from '../kernels/graph';
import { resultType } from '../scalarTypes';
import { Tensor, elementCount } from '../tensor';
import type { Arguments } from './arguments';
import { cat } from './join';
import { matmul } from './matmul';
import { binary } from './elementwise';
import type { OperatorTable } from './registry';
import { broadcastShapes, cast, expandTo, operand, shapeText, wrapDim } from './support';
import { narrow, permute, reshape, unsqueeze } from './view';

/** `torch.einsum` by ONNX's Einsum, which reads the same equations. */
function einsum(args: Arguments): KernelCall {
  const equation = args.string('equation').replaceAll(' ', '');
  const tensors = args.tensors('tensors');
  const [left = ''] = equation.split('->');
  const terms = left.split(',');
  if (terms.length !== tensors.length) {
    throw new AppError(
      'bad-input',
      `einsum(): ${terms.length > tensors.length ? 'more' : 'fewer'} operands were provided in the equation than in the list: ${terms.length} and ${tensors.length}`,
    );
  }
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    checkTerm(term, tensors[i]!, i, sizes);
  });
  const dtype = resultType(tensors);
  return kernel(
    'Einsum',
    tensors.map((tensor) => cast(tensor, dtype)),
    { equation },
  );
}

function checkTerm(term: string, tensor: Tensor, number: number, sizes: Map<string, number>): void {
  const labels = term.replace('...', '');
  if (labels.length > tensor.rank || (!term.includes('...') && labels.length !== tensor.rank)) {
    throw new AppError(
      'bad-input',
      `einsum(): the number of subscripts in the equation (${labels.length}) does not match the number of dimensions (${tensor.rank}) for operand ${number} and no ellipsis was given`,
    );
  }
  const before = term.includes('...') ? term.indexOf('...') : labels.length;
  [...labels].forEach((label, i) => {
    const size = tensor.shape[i < before ? i : tensor.rank - labels.length + i]!;
    const known = sizes.get(label) ?? 1;
    if (known !== 1 && size !== 1 && known !== size) {
      throw new AppError(
        'bad-input',
        `einsum(): subscript ${label} has size ${size} for operand ${number} which does not broadcast with previously seen size ${known}`,
      );
    }
    sizes.set(label, Math.max(known, size));
  });
}

/** Contracts the named dimensions: one matrix product of both sides folded into matrices. */
async function tensordot(
  a: Tensor,
  b: Tensor,
  dimsA: readonly number[],
  dimsB: readonly number[],
  context: RunContext,
): Promise<Tensor> {
  const [left, right] = [dimsA.map((dim) => wrapDim(dim, a.rank)), dimsB.map((dim) => wrapDim(dim, b.rank))];
  if (left.length !== right.length) throw new AppError('bad-input', 'both dimension lists should have same length');
  left.forEach((d, i) => {
    if (a.shape[d] === b.shape[right[i]!]) return;
    throw new AppError(
      'bad-input',
      `contracted dimensions need to match, but first has size ${a.shape[d]!} in dim ${d} and second has size ${b.shape[right[i]!]!} in dim ${right[i]!}`,
    );
  });
  const freeA = [...a.shape.keys()].filter((d) => !left.includes(d));
  const freeB = [...b.shape.keys()].filter((d) => !right.includes(d));
  const inner = elementCount(left.map((d) => a.shape[d]!));
  const [shapeA, shapeB] = [freeA.map((d) => a.shape[d]!), freeB.map((d) => b.shape[d]!)];
  const matrixA = reshape(permute(a, [...freeA, ...left]), [elementCount(shapeA), inner]);
  const matrixB = reshape(permute(b, [...right, ...freeB]), [inner, elementCount(shapeB)]);
  return reshape(await matmul(matrixA, matrixB, context), [...shapeA, ...shapeB]);
}

/** The Kronecker product: every element of `a` times all of `b`. */
async function kron(a: Tensor, b: Tensor, context: RunContext): Promise<Tensor> {
  const rank = Math.max(a.rank, b.rank);
  const padded = (tensor: Tensor): number[] => [...new Array<number>(rank - tensor.rank).fill(1), ...tensor.shape];
  const [shapeA, shapeB] = [padded(a), padded(b)];
  const left = reshape(
    a,
    shapeA.flatMap((size) => [size, 1]),
  );
  const right = reshape(
    b,
    shapeB.flatMap((size) => [1, size]),
  );
  return reshape(
    await context.run(binary('Mul', left, right)),
    shapeA.map((size, d) => size * shapeB[d]!),
  );
}

/** A product of several matrices; vectors may stand at the ends. */
async function chain(tensors: readonly Tensor[], context: RunContext): Promise<Tensor> {
  const [first, ...rest] = tensors;
  if (first === undefined) throw new AppError('bad-input', 'multi_dot(): expected at least 2 tensors but got 0');
  let result = first;
  for (const tensor of rest) result = await matmul(result, tensor, context);
  return result;
}

async function power(self: Tensor, n: number, context: RunContext): Promise<Tensor> {
  const size = self.shape.at(-1) ?? 0;
  if (self.rank < 2 || size !== self.shape.at(-2)) {
    throw new AppError(
      'bad-input',
      `linalg.matrix_power: A must be batches of square matrices, but they are ${self.shape.at(-2) ?? 0} by ${size} matrices`,
    );
  }
  if (n < 0) throw new AppError('unsupported-operator', 'matrix_power with a negative exponent is not supported');
  const identity = Tensor.zeros(self.dtype, [size, size]);
  const one = operand(1, self.dtype);
  identity.view([size], [size + 1]).write(expandTo(one, [size]).contiguousElements());
  let result: Tensor | undefined;
  let base = self;
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = result === undefined ? base : await matmul(result, base, context);
    if (left > 1) base = await matmul(base, base, context);
  }
  return result === undefined ? expandTo(identity, self.shape).clone() : result === self ? self.clone() : result;
}

/** a × b along a dimension of three. */
async function cross(a: Tensor, b: Tensor, dim: number, context: RunContext): Promise<Tensor> {
  const shape = broadcastShapes(a.shape, b.shape);
  const d = wrapDim(dim, shape.length);
  if (shape[d] !== 3)
    throw new AppError(
      'bad-input',
      `linalg.cross: inputs dimension ${dim} must have length 3. Got ${a.shape[d] ?? 0} and ${b.shape[d] ?? 0}`,
    );
  const turned = (tensor: Tensor, by: number): Tensor => {
    const full = expandTo(tensor, shape);
    return cat([narrow(full, d, by, 3 - by), narrow(full, d, 0, by)], d);
  };
  const plus = await context.run(binary('Mul', turned(a, 1), turned(b, 2)));
  const minus = await context.run(binary('Mul', turned(a, 2), turned(b, 1)));
  return context.run(binary('Sub', plus, minus));
}

export function defineContractions(table: OperatorTable): void {
  table.define('einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor', einsum);
  table.define('tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor', (args, context) =>
    tensordot(args.tensor('self'), args.tensor('other'), args.ints('dims_self'), args.ints('dims_other'), context),
  );
  table.define('inner(Tensor self, Tensor other) -> Tensor', async (args, context) => {
    const [a, b] = [args.tensor('self'), args.tensor('other')];
    if (a.rank === 0 || b.rank === 0) return binary('Mul', a, b);
    if (a.shape.at(-1) !== b.shape.at(-1)) {
      throw new AppError(
        'bad-input',
        `inner() the last dimension must match on both input tensors but got shapes ${shapeText(a.shape)} and ${shapeText(b.shape)}`,
      );
    }
    return tensordot(a, b, [-1], [-1], context);
  });
  table.define('kron(Tensor self, Tensor other) -> Tensor', (args, context) =>
    kron(args.tensor('self'), args.tensor('other'), context),
  );
  table.define('chain_matmul(Tensor[] matrices) -> Tensor', (args, context) =>
    chain(args.tensors('matrices'), context),
  );
  table.define('linalg_multi_dot(Tensor[] tensors) -> Tensor', (args, context) =>
    chain(args.tensors('tensors'), context),
  );
  for (const name of ['matrix_power', 'linalg_matrix_power']) {
    table.define(`${name}(Tensor self, int n) -> Tensor`, (args, context) =>
      power(args.tensor('self'), args.int('n'), context),
    );
  }
  table.define('linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor', (args, context) =>
    cross(args.tensor('self'), args.tensor('other'), args.int('dim'), context),
  );
  table.define('cross(Tensor self, Tensor other, int? dim=None) -> Tensor', (args, context) => {
    const self = args.tensor('self');
    // Without a dimension torch takes the first that has three places.
    return cross(self, args.tensor('other'), args.optionalInt('dim') ?? self.shape.indexOf(3), context);
  });
  table.define('linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor', async (args, context) => {
    const [x, y, dim] = [args.tensor('x'), args.tensor('y'), args.int('dim')];
    const shape = broadcastShapes(x.shape, y.shape);
    const d = wrapDim(dim, shape.length);
    const order = [...[...shape.keys()].filter((i) => i !== d), d];
    const [left, right] = [x, y].map((tensor) => permute(expandTo(tensor, shape), order)) as [Tensor, Tensor];
    const result = await matmul(unsqueeze(left, -2), unsqueeze(right, -1), context);
    return reshape(result, result.shape.slice(0, -2));
  });
}
