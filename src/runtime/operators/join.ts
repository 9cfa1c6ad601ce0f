// Putting tensors together: cat, stack and their relatives, repeat, tile.

import { AppError } from '../../util/errors';
import { convertElements } from '../elements';
import { promoteTypes, resultType } from '../scalarTypes';
import { Tensor, contiguousStrides } from '../tensor';
import type { Arguments } from './arguments';
import { indexSelect } from './indexPlan';
import type { OperatorTable } from './registry';
import { shapeText, wrapDim } from './support';
import { expand, narrow, reshape, unsqueeze } from './view';

/** `torch.cat`. Tensors of shape [0] are left out, as torch does for old programs. @throws AppError with torch's messages. */
export function cat(tensors: readonly Tensor[], dim: number): Tensor {
  if (tensors.length === 0) throw new AppError('bad-input', 'torch.cat(): expected a non-empty list of Tensors');
  tensors.forEach((tensor, i) => {
    if (tensor.rank === 0)
      throw new AppError('bad-input', `zero-dimensional tensor (at position ${i}) cannot be concatenated`);
  });
  const dtype = resultType(tensors);
  const parts = tensors.filter((tensor) => tensor.rank !== 1 || tensor.shape[0] !== 0);
  const [first] = parts;
  if (first === undefined) return Tensor.zeros(dtype, [0]);
  const d = wrapDim(dim, first.rank);
  let length = 0;
  for (const part of parts) {
    checkFits(first, part, d, tensors.indexOf(part));
    length += part.shape[d]!;
  }
  const result = Tensor.zeros(
    dtype,
    first.shape.map((size, i) => (i === d ? length : size)),
  );
  let start = 0;
  for (const part of parts) {
    const elements = part.contiguousElements();
    const converted = part.dtype === dtype ? elements : convertElements(elements, part.dtype, dtype);
    narrow(result, d, start, part.shape[d]!).write(converted);
    start += part.shape[d]!;
  }
  return result;
}

function checkFits(first: Tensor, part: Tensor, dim: number, number: number): void {
  if (part.rank !== first.rank) {
    throw new AppError('bad-input', `Tensors must have same number of dimensions: got ${first.rank} and ${part.rank}`);
  }
  const wrong = part.shape.findIndex((size, i) => i !== dim && size !== first.shape[i]);
  if (wrong < 0) return;
  throw new AppError(
    'bad-input',
    `Sizes of tensors must match except in dimension ${dim}. Expected size ${first.shape[wrong]!} but got size ${part.shape[wrong]!} for tensor number ${number} in the list.`,
  );
}

/** `torch.stack`: a new dimension that counts the tensors. */
export function stack(tensors: readonly Tensor[], dim: number): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new AppError('bad-input', 'stack expects a non-empty TensorList');
  tensors.forEach((tensor, i) => {
    if (shapeText(tensor.shape) !== shapeText(first.shape)) {
      throw new AppError(
        'bad-input',
        `stack expects each tensor to be equal size, but got ${shapeText(first.shape)} at entry 0 and ${shapeText(tensor.shape)} at entry ${i}`,
      );
    }
  });
  const place = wrapDim(dim, first.rank + 1);
  return cat(
    tensors.map((tensor) => unsqueeze(tensor, place)),
    place,
  );
}

/** `Tensor.repeat`: the whole tensor several times along each dimension. */
export function repeat(tensor: Tensor, repeats: readonly number[]): Tensor {
  if (repeats.length < tensor.rank) {
    throw new AppError(
      'bad-input',
      'Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor',
    );
  }
  if (repeats.some((count) => count < 0))
    throw new AppError('bad-input', 'Trying to create tensor with negative dimension');
  const lead = repeats.length - tensor.rank;
  const shape = repeats.map((_, d) => tensor.shape[d - lead] ?? 1);
  // Each dimension is seen twice: how often (stride 0), and itself.
  const doubled = tensor.view(
    repeats.flatMap((count, d) => [count, shape[d]!]),
    repeats.flatMap((_, d) => [0, tensor.strides[d - lead] ?? 0]),
  );
  return copyAs(
    doubled,
    repeats.map((count, d) => count * shape[d]!),
  );
}

/** A contiguous copy of the elements in a shape of the same size. */
export function copyAs(tensor: Tensor, shape: readonly number[]): Tensor {
  return tensor.clone().view(shape, contiguousStrides(shape));
}

function repeatEach(args: Arguments): Tensor {
  const given = args.tensor('self');
  const dim = args.optionalInt('dim');
  const self = dim === null ? reshape(given, [-1]) : given.rank === 0 ? reshape(given, [1]) : given;
  const d = wrapDim(dim ?? 0, self.rank);
  const repeats = args.value('repeats');
  if (!(repeats instanceof Tensor)) return repeatAlike(self, Number(repeats), d);
  if (repeats.elementCount === 1) return repeatAlike(self, repeats.toNumbers()[0]!, d);
  if (repeats.elementCount !== self.shape[d]) {
    throw new AppError(
      'bad-input',
      `repeats must have the same size as input along dim, but got repeats.size(0) = ${repeats.elementCount} and input.size(${d}) = ${self.shape[d]!}`,
    );
  }
  return indexSelect(self, d, repeatedIndices(repeats));
}

function repeatAlike(self: Tensor, count: number, d: number): Tensor {
  if (count < 0) throw new AppError('bad-input', 'Repeats must be non-negative');
  const sizes = unsqueeze(self, d + 1).shape.map((size, i) => (i === d + 1 ? count : size));
  return copyAs(
    expand(unsqueeze(self, d + 1), sizes),
    self.shape.map((size, i) => (i === d ? size * count : size)),
  );
}

/** [2, 0, 1] -> [0, 0, 2] */
function repeatedIndices(repeats: Tensor): Tensor {
  const counts = Array.from(repeats.toNumbers());
  if (counts.some((count) => count < 0)) throw new AppError('bad-input', 'repeats can not be negative');
  const result = new BigInt64Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  counts.forEach((count, i) => {
    result.fill(BigInt(i), at, at + count);
    at += count;
  });
  return Tensor.of('int64', [result.length], result);
}

function blockDiagonal(tensors: readonly Tensor[]): Tensor {
  const blocks = tensors.map((tensor) => (tensor.rank === 2 ? tensor : reshape(tensor, [1, -1])));
  const dtype = blocks.map((block) => block.dtype).reduce(promoteTypes);
  const total = (d: number): number => blocks.reduce((sum, block) => sum + block.shape[d]!, 0);
  const result = Tensor.zeros(dtype, [total(0), total(1)]);
  let [row, column] = [0, 0];
  for (const block of blocks) {
    const [rows = 0, columns = 0] = block.shape;
    const place = narrow(narrow(result, 0, row, rows), 1, column, columns);
    place.write(convertElements(block.contiguousElements(), block.dtype, dtype));
    row += rows;
    column += columns;
  }
  return result;
}

/** Every way to take one element of each of the vectors. */
function cartesianProduct(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first !== undefined && tensors.length === 1) return first;
  const sizes = tensors.map((tensor) => tensor.elementCount);
  const grids = tensors.map((tensor, d) =>
    expand(
      reshape(
        tensor,
        sizes.map((_, i) => (i === d ? -1 : 1)),
      ),
      sizes,
    ),
  );
  return stack(
    grids.map((grid) => reshape(grid, [-1])),
    1,
  );
}

/** Every choice of `r` elements in order. */
function combinations(args: Arguments): Tensor {
  const [self, r, again] = [args.tensor('self'), args.int('r'), args.bool('with_replacement')];
  const rows: number[][] = [];
  const extend = (row: readonly number[], from: number): void => {
    if (row.length === r) rows.push([...row]);
    else for (let i = from; i < self.elementCount; i++) extend([...row, i], again ? i : i + 1);
  };
  extend([], 0);
  const index = Tensor.of('int64', [rows.length * r], BigInt64Array.from(rows.flat(), BigInt));
  return indexSelect(self, 0, index).view([rows.length, r], [r, 1]);
}

export function defineJoins(table: OperatorTable): void {
  for (const name of ['cat', 'concat', 'concatenate']) {
    table.define(`${name}(Tensor[] tensors, int dim=0) -> Tensor`, (args) =>
      cat(args.tensors('tensors'), args.int('dim')),
    );
  }
  table.define('stack(Tensor[] tensors, int dim=0) -> Tensor', (args) =>
    stack(args.tensors('tensors'), args.int('dim')),
  );
  const atLeast =
    (rank: number): ((tensor: Tensor) => Tensor) =>
    (tensor) => {
      if (tensor.rank >= rank) return tensor;
      if (tensor.rank === 0) return reshape(tensor, new Array<number>(rank).fill(1));
      const row = tensor.rank === 1 && rank > 1 ? unsqueeze(tensor, 0) : tensor;
      return rank === 3 ? unsqueeze(row, -1) : row;
    };
  const joined = (name: string, prepare: (tensor: Tensor) => Tensor, dimOf: (first: Tensor) => number): void => {
    table.define(`${name}(Tensor[] tensors) -> Tensor`, (args) => {
      const tensors = args.tensors('tensors').map(prepare);
      return cat(tensors, tensors[0] === undefined ? 0 : dimOf(tensors[0]));
    });
  };
  joined('hstack', atLeast(1), (first) => (first.rank === 1 ? 0 : 1));
  joined('vstack', atLeast(2), () => 0);
  joined('row_stack', atLeast(2), () => 0);
  joined('dstack', atLeast(3), () => 2);
  joined(
    'column_stack',
    (tensor) => (tensor.rank <= 1 ? reshape(tensor, [-1, 1]) : tensor),
    () => 1,
  );
  table.define('repeat(Tensor self, SymInt[] repeats) -> Tensor', (args) =>
    repeat(args.tensor('self'), args.ints('repeats')),
  );
  table.define('tile(Tensor self, SymInt[] dims) -> Tensor', (args) => {
    const [self, dims] = [args.tensor('self'), args.ints('dims')];
    return repeat(self, [...new Array<number>(Math.max(0, self.rank - dims.length)).fill(1), ...dims]);
  });
  table.define(
    'repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor',
    repeatEach,
  );
  table.define(
    'repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor',
    repeatEach,
  );
  // Last, since it would take the number of the others for its output_size.
  table.define('repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor', (args) =>
    repeatedIndices(args.tensor('repeats')),
  );
  table.define('block_diag(Tensor[] tensors) -> Tensor', (args) => blockDiagonal(args.tensors('tensors')));
  table.define('cartesian_prod(Tensor[] tensors) -> Tensor', (args) => cartesianProduct(args.tensors('tensors')));
  table.define('combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor', combinations);
}
