// Going through a tensor along dimensions: the rows that a reduction, a sort or a running sum works on.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { ElementArray } from '../elements';
import { contiguousStrides, elementCount, Tensor, type Shape } from '../tensor';
import { shapeText, wrapDim } from './support';

/** Dimensions counted from the front, in ascending order; all of them where none are given. @throws AppError for one given twice. */
export function reducedDims(dims: readonly number[] | null, rank: number): number[] {
  if (dims === null || dims.length === 0) return Array.from({ length: rank }, (_, d) => d);
  const wrapped = dims.map((dim) => wrapDim(dim, rank));
  wrapped.forEach((dim, i) => {
    if (wrapped.indexOf(dim) !== i)
      throw new AppError('bad-input', `dim ${dim} appears multiple times in the list of dims`);
  });
  // A tensor without dimensions has none to reduce, although torch lets programs say 0 or -1.
  return rank === 0 ? [] : wrapped.sort((a, b) => a - b);
}

/** The shape that is left when dimensions are reduced to one element. */
export function reducedShape(shape: Shape, dims: readonly number[], keepdim: boolean): number[] {
  if (keepdim) return shape.map((size, d) => (dims.includes(d) ? 1 : size));
  return shape.filter((_, d) => !dims.includes(d));
}

/** A contiguous tensor's elements in another shape. */
export function reshaped(tensor: Tensor, shape: Shape): Tensor {
  return tensor.contiguous().view(shape, contiguousStrides(shape), tensor.isContiguous ? tensor.offset : 0);
}

export interface Rows {
  /** Row-major: one row after the other. Possibly a window on the tensor's storage. */
  readonly elements: ElementArray;
  /** The same as numbers; int64 lose their lowest bits. */
  readonly numbers: ArrayLike<number>;
  readonly count: number;
  readonly length: number;
}

/** What orders the elements: int64 keep all their digits, and every comparison means the same for BigInts. */
export function orderedValues({ elements, numbers }: Rows): ArrayLike<number> {
  return (elements instanceof BigInt64Array ? elements : numbers) as ArrayLike<number>;
}

/** Torch's refusal to reduce nothing to one of its elements; `dim` is null for a reduction of the whole tensor. */
export function checkNotEmpty(name: string, self: Tensor, dim: number | null): void {
  if (dim === null ? self.elementCount > 0 : self.shape[dim] !== 0) return;
  const what =
    dim === null
      ? "reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
      : `reduction dim ${dim} to have non-zero size.`;
  throw new AppError('bad-input', `${name}(): Expected ${what}`, `The tensor has the shape ${shapeText(self.shape)}.`);
}

/** The elements along `dims` as rows, ordered by the other dimensions. */
export function rowsOf(tensor: Tensor, dims: readonly number[]): Rows {
  const order = lastOrder(tensor.rank, dims);
  const moved = permuted(tensor, order);
  const length = elementCount(dims.map((d) => tensor.shape[d] as number));
  const count = elementCount(tensor.shape.filter((_, d) => !dims.includes(d)));
  const contiguous = moved.contiguous();
  return { elements: contiguous.contiguousElements(), numbers: contiguous.toNumbers(), count, length };
}

/** The tensor of rows along one dimension, put back in place; the rows may be of another length than the original's. */
export function fromRows(dtype: DType, elements: ElementArray, shape: Shape, dim: number, length: number): Tensor {
  const rank = shape.length;
  if (rank === 0) return Tensor.of(dtype, [], elements);
  const order = lastOrder(rank, [dim]);
  const sizes = shape.map((size, d) => (d === dim ? length : size));
  const moved = Tensor.of(
    dtype,
    order.map((d) => sizes[d] as number),
    elements,
  );
  const back = new Array<number>(rank);
  order.forEach((d, i) => (back[d] = i));
  return permuted(moved, back).contiguous();
}

function lastOrder(rank: number, dims: readonly number[]): number[] {
  const all = Array.from({ length: rank }, (_, d) => d);
  return [...all.filter((d) => !dims.includes(d)), ...dims];
}

function permuted(tensor: Tensor, order: readonly number[]): Tensor {
  return tensor.view(
    order.map((d) => tensor.shape[d] as number),
    order.map((d) => tensor.strides[d] as number),
  );
}
