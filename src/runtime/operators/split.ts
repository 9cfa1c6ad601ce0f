// Cutting a tensor into a list of views.

import { AppError } from '../../util/errors';
import type { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { shapeText, wrapDim } from './support';
import { narrow, select, slice } from './view';

/** Pieces of the given sizes along a dimension. @throws AppError with torch's message where they don't sum up to it. */
export function splitWithSizes(tensor: Tensor, sizes: readonly number[], dim: number): Tensor[] {
  const d = wrapDim(dim, tensor.rank);
  const length = tensor.shape[d] ?? 1;
  if (sizes.some((size) => size < 0) || sizes.reduce((sum, size) => sum + size, 0) !== length) {
    throw new AppError(
      'bad-input',
      `split_with_sizes expects split_sizes to sum exactly to ${length} (input tensor's size at dimension ${dim}), but got split_sizes=${shapeText(sizes)}`,
    );
  }
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return narrow(tensor, d, start - size, size);
  });
}

/** Pieces of one size; the last may be smaller. */
export function splitBySize(tensor: Tensor, size: number, dim: number): Tensor[] {
  if (tensor.rank === 0) throw new AppError('bad-input', 'split expects at least a 1-dimensional tensor');
  const length = tensor.shape[wrapDim(dim, tensor.rank)]!;
  if (size < 0 || (size === 0 && length > 0)) {
    throw new AppError('bad-input', `split expects split_size be non-negative, but got split_size=${size}`);
  }
  const count = size === 0 ? 1 : Math.max(1, Math.ceil(length / size));
  return splitWithSizes(
    tensor,
    Array.from({ length: count }, (_, i) => Math.min(size, length - i * size)),
    dim,
  );
}

/** At most `chunks` pieces of one size. */
export function chunk(tensor: Tensor, chunks: number, dim: number): Tensor[] {
  if (tensor.rank === 0) throw new AppError('bad-input', 'chunk expects at least a 1-dimensional tensor');
  if (chunks <= 0) throw new AppError('bad-input', `chunk expects \`chunks\` to be greater than 0, got: ${chunks}`);
  const length = tensor.shape[wrapDim(dim, tensor.rank)]!;
  if (length === 0) return splitWithSizes(tensor, new Array<number>(chunks).fill(0), dim);
  return splitBySize(tensor, Math.ceil(length / chunks), dim);
}

/** One view for each place along a dimension. */
export function unbind(tensor: Tensor, dim: number): Tensor[] {
  if (tensor.rank === 0) throw new AppError('bad-input', 'Dimension specified as 0 but tensor has no dimensions');
  const d = wrapDim(dim, tensor.rank);
  return Array.from({ length: tensor.shape[d]! }, (_, i) => select(tensor, d, i));
}

/** `torch.tensor_split`: `sections` pieces that differ by one place at most. */
function splitSections(tensor: Tensor, sections: number, dim: number): Tensor[] {
  if (tensor.rank === 0)
    throw new AppError(
      'bad-input',
      'tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims',
    );
  if (sections <= 0) throw new AppError('bad-input', `number of sections must be larger than 0, got ${sections}`);
  const length = tensor.shape[wrapDim(dim, tensor.rank)]!;
  const [small, longer] = [Math.floor(length / sections), length % sections];
  return splitWithSizes(
    tensor,
    Array.from({ length: sections }, (_, i) => (i < longer ? small + 1 : small)),
    dim,
  );
}

/** Cuts before each of the indices. */
function splitIndices(tensor: Tensor, indices: readonly number[], dim: number): Tensor[] {
  const starts = [0, ...indices];
  return starts.map((start, i) => slice(tensor, dim, start, starts[i + 1] ?? null, 1));
}

function splitByTensor(args: Arguments): Tensor[] {
  const [self, given, dim] = [args.tensor('self'), args.tensor('tensor_indices_or_sections'), args.int('dim')];
  const numbers = Array.from(given.toNumbers());
  return given.rank === 0 ? splitSections(self, numbers[0]!, dim) : splitIndices(self, numbers, dim);
}

export function defineSplits(table: OperatorTable): void {
  const define = (schema: string, cut: (self: Tensor, args: Arguments) => Tensor[]): void => {
    table.define(schema, (args) => cut(args.tensor('self'), args));
  };
  const bySize = (self: Tensor, args: Arguments): Tensor[] =>
    splitBySize(self, args.int('split_size'), args.int('dim'));
  const bySizes =
    (name: string) =>
    (self: Tensor, args: Arguments): Tensor[] =>
      splitWithSizes(self, args.ints(name), args.int('dim'));
  const byChunks = (self: Tensor, args: Arguments): Tensor[] => chunk(self, args.int('chunks'), args.int('dim'));
  define('split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]', bySize);
  define('split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]', bySizes('split_size'));
  define('split(Tensor(a -> *) self, int[] split_sizes, int dim=0) -> Tensor(a)[]', bySizes('split_sizes'));
  define(
    'split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]',
    bySizes('split_sizes'),
  );
  define('chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]', byChunks);
  define('unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]', bySize);
  define('unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]', bySizes('split_sizes'));
  define('unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]', byChunks);
  define('unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]', (self, args) => unbind(self, args.int('dim')));
  define('tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]', (self, args) =>
    splitSections(self, args.int('sections'), args.int('dim')),
  );
  define('tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]', (self, args) =>
    splitIndices(self, args.ints('indices'), args.int('dim')),
  );
  table.define(
    'tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]',
    splitByTensor,
  );
  const directions: readonly [string, (self: Tensor) => number][] = [
    ['hsplit', (self) => (self.rank === 1 ? 0 : 1)],
    ['vsplit', () => 0],
    ['dsplit', () => 2],
  ];
  for (const [name, dimOf] of directions) {
    define(`${name}.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]`, (self, args) =>
      splitSections(self, args.int('sections'), dimOf(self)),
    );
    define(`${name}.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]`, (self, args) =>
      splitIndices(self, args.ints('indices'), dimOf(self)),
    );
  }
}
