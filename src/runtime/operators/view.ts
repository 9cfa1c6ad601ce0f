// Views: other shapes and strides over the same storage, so that a write through one is seen by all.

import { AppError } from '../../util/errors';
import { contiguousStrides, type Shape, type Tensor } from '../tensor';
import { expandTo, shapeText, wrapDim } from './support';

/** Replaces a -1 in a wanted shape by what is left. @throws AppError with torch's message where the count can't fit. */
export function inferShape(wanted: Shape, count: number): number[] {
  let known = 1;
  let open = -1;
  wanted.forEach((size, d) => {
    if (size === -1) {
      if (open >= 0) throw new AppError('bad-input', 'only one dimension can be inferred');
      open = d;
    } else if (size < 0) {
      throw new AppError('bad-input', `invalid shape dimension ${size} at index ${d} of shape ${shapeText(wanted)}`);
    } else known *= size;
  });
  if (open >= 0 && known === 0) {
    const dimension = 'because the unspecified dimension size -1 can be any value and is ambiguous';
    throw new AppError(
      'bad-input',
      `cannot reshape tensor of ${count} elements into shape ${shapeText(wanted)} ${dimension}`,
    );
  }
  if (open >= 0 ? count % known !== 0 : count !== known) {
    throw new AppError('bad-input', `shape '${shapeText(wanted)}' is invalid for input of size ${count}`);
  }
  return wanted.map((size) => (size === -1 ? count / known : size));
}

/** Strides that show the tensor's elements in another shape, or undefined where only a copy could. */
function viewStrides(tensor: Tensor, shape: Shape): number[] | undefined {
  if (tensor.elementCount === 0) return contiguousStrides(shape);
  // Dimensions that lie in memory as one are chunks; each chunk must be cut exactly by some of the new dimensions.
  const strides = new Array<number>(shape.length);
  let target = shape.length - 1;
  let chunk = 1;
  let base = tensor.strides.at(-1) ?? 1;
  for (let d = tensor.rank - 1; d >= -1; d--) {
    const size = tensor.shape[d];
    const starts = size === undefined || (size !== 1 && tensor.strides[d] !== chunk * base);
    if (starts) {
      let taken = 1;
      while (target >= 0 && (taken < chunk || shape[target] === 1)) {
        strides[target] = taken * base;
        taken *= shape[target]!;
        target--;
      }
      if (taken !== chunk) return undefined;
      if (size === undefined) break;
      chunk = 1;
      base = tensor.strides[d]!;
    }
    chunk *= size;
  }
  return target >= 0 ? undefined : strides;
}

/** `Tensor.view`: never copies. @throws AppError with torch's message where the strides don't allow it. */
export function viewAs(tensor: Tensor, wanted: Shape): Tensor {
  const shape = inferShape(wanted, tensor.elementCount);
  const strides = viewStrides(tensor, shape);
  if (strides === undefined) {
    throw new AppError(
      'bad-input',
      "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
    );
  }
  return tensor.view(shape, strides);
}

/** `Tensor.reshape`: a view where possible, else a copy. */
export function reshape(tensor: Tensor, wanted: Shape): Tensor {
  const shape = inferShape(wanted, tensor.elementCount);
  const strides = viewStrides(tensor, shape);
  return strides === undefined ? tensor.clone().view(shape, contiguousStrides(shape)) : tensor.view(shape, strides);
}

/** Joins dimensions `start` to `end` into one. A tensor without dimensions becomes one of a single element. */
export function flatten(tensor: Tensor, start: number, end: number): Tensor {
  const [from, to] = [wrapDim(start, tensor.rank), wrapDim(end, tensor.rank)];
  if (from > to) throw new AppError('bad-input', 'flatten() has invalid args: start_dim cannot come after end_dim');
  if (tensor.rank === 0) return reshape(tensor, [1]);
  if (from === to) return tensor;
  const joined = tensor.shape.slice(from, to + 1).reduce((product, size) => product * size, 1);
  return reshape(tensor, [...tensor.shape.slice(0, from), joined, ...tensor.shape.slice(to + 1)]);
}

export function permute(tensor: Tensor, dims: readonly number[]): Tensor {
  if (dims.length !== tensor.rank) {
    throw new AppError(
      'bad-input',
      `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${tensor.rank} is not equal to len(dims) = ${dims.length}`,
    );
  }
  const order = dims.map((dim) => wrapDim(dim, tensor.rank));
  if (new Set(order).size !== order.length)
    throw new AppError('bad-input', 'permute(): duplicate dims are not allowed.');
  return tensor.view(
    order.map((d) => tensor.shape[d]!),
    order.map((d) => tensor.strides[d]!),
  );
}

export function transpose(tensor: Tensor, dim0: number, dim1: number): Tensor {
  const [a, b] = [wrapDim(dim0, tensor.rank), wrapDim(dim1, tensor.rank)];
  const order = tensor.shape.map((_, d) => (d === a ? b : d === b ? a : d));
  return permute(tensor, order);
}

/** Moves dimensions to other places; the others keep their order. */
export function moveDims(tensor: Tensor, source: readonly number[], destination: readonly number[]): Tensor {
  if (source.length !== destination.length) {
    throw new AppError(
      'bad-input',
      `movedim: Invalid source or destination dims: source (${shapeText(source)} dims) should contain the same number of dims as destination (${shapeText(destination)} dims)`,
    );
  }
  const from = source.map((dim) => wrapDim(dim, tensor.rank));
  const to = destination.map((dim) => wrapDim(dim, tensor.rank));
  const order = new Array<number>(tensor.rank).fill(-1);
  to.forEach((place, i) => (order[place] = from[i]!));
  const rest = tensor.shape.map((_, d) => d).filter((d) => !from.includes(d));
  return permute(
    tensor,
    order.map((d) => (d < 0 ? rest.shift()! : d)),
  );
}

/** Drops dimensions of size one: all, or those named. */
export function squeeze(tensor: Tensor, dims?: readonly number[]): Tensor {
  const named = dims?.map((dim) => wrapDim(dim, tensor.rank));
  const kept = tensor.shape.map((_, d) => d).filter((d) => tensor.shape[d] !== 1 || named?.includes(d) === false);
  return tensor.view(
    kept.map((d) => tensor.shape[d]!),
    kept.map((d) => tensor.strides[d]!),
  );
}

export function unsqueeze(tensor: Tensor, dim: number): Tensor {
  const place = wrapDim(dim, tensor.rank + 1);
  const stride = place < tensor.rank ? tensor.shape[place]! * tensor.strides[place]! : 1;
  return tensor.view(
    [...tensor.shape.slice(0, place), 1, ...tensor.shape.slice(place)],
    [...tensor.strides.slice(0, place), stride, ...tensor.strides.slice(place)],
  );
}

/** `Tensor.expand`; -1 keeps a size. */
export function expand(tensor: Tensor, sizes: Shape): Tensor {
  const lead = sizes.length - tensor.rank;
  if (lead < 0) {
    throw new AppError(
      'bad-input',
      `expand(torch.FloatTensor{${shapeText(tensor.shape)}}, size=${shapeText(sizes)}): the number of sizes provided (${sizes.length}) must be greater or equal to the number of dimensions in the tensor (${tensor.rank})`,
    );
  }
  const shape = sizes.map((size, d) => {
    const own = tensor.shape[d - lead];
    if (size === -1 && own !== undefined) return own;
    if (size === -1) {
      throw new AppError(
        'bad-input',
        `The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ${d}`,
      );
    }
    if (own !== undefined && own !== size && own !== 1) {
      throw new AppError(
        'bad-input',
        `The expanded size of the tensor (${size}) must match the existing size (${own}) at non-singleton dimension ${d}.  Target sizes: ${shapeText(sizes)}.  Tensor sizes: ${shapeText(tensor.shape)}`,
      );
    }
    return size;
  });
  return expandTo(tensor, shape);
}

/** One place along a dimension, which disappears. @throws AppError with torch's message where the index is out of range. */
export function select(tensor: Tensor, dim: number, index: number): Tensor {
  if (tensor.rank === 0) throw new AppError('bad-input', 'select() cannot be applied to a 0-dim tensor.');
  const d = wrapDim(dim, tensor.rank);
  const size = tensor.shape[d]!;
  if (index < -size || index >= size) {
    throw new AppError(
      'bad-input',
      `select(): index ${index} out of range for tensor of size ${shapeText(tensor.shape)} at dimension ${d}`,
    );
  }
  const at = index < 0 ? index + size : index;
  const without = (list: readonly number[]): number[] => list.filter((_, i) => i !== d);
  return tensor.view(without(tensor.shape), without(tensor.strides), tensor.offset + at * tensor.strides[d]!);
}

/** Places `start` to `end` (exclusive, clamped as Python does) in steps along a dimension. */
export function slice(tensor: Tensor, dim: number, start: number | null, end: number | null, step: number): Tensor {
  if (tensor.rank === 0) throw new AppError('bad-input', 'slice() cannot be applied to a 0-dim tensor.');
  if (step <= 0) throw new AppError('bad-input', 'slice step must be positive');
  const d = wrapDim(dim, tensor.rank);
  const size = tensor.shape[d]!;
  const clamp = (index: number): number => Math.min(size, Math.max(0, index < 0 ? index + size : index));
  const from = clamp(start ?? 0);
  const to = Math.max(from, clamp(end ?? size));
  return along(tensor, d, Math.ceil((to - from) / step), tensor.strides[d]! * step, from);
}

/** `length` places from `start` along a dimension. @throws AppError with torch's message where they don't exist. */
export function narrow(tensor: Tensor, dim: number, start: number, length: number): Tensor {
  if (tensor.rank === 0) throw new AppError('bad-input', 'narrow() cannot be applied to a 0-dim tensor.');
  if (length < 0) throw new AppError('bad-input', 'narrow(): length must be non-negative.');
  const d = wrapDim(dim, tensor.rank);
  const size = tensor.shape[d]!;
  const from = start < 0 ? start + size : start;
  if (from < 0 || from > size || from + length > size) {
    throw new AppError('bad-input', `start (${start}) + length (${length}) exceeds dimension size (${size}).`);
  }
  return along(tensor, d, length, tensor.strides[d]!, from);
}

function along(tensor: Tensor, d: number, size: number, stride: number, from: number): Tensor {
  return tensor.view(
    tensor.shape.map((old, i) => (i === d ? size : old)),
    tensor.strides.map((old, i) => (i === d ? stride : old)),
    tensor.offset + from * tensor.strides[d]!,
  );
}

/** The diagonal of two dimensions as a new last one. */
export function diagonal(tensor: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const [a, b] = [wrapDim(dim1, tensor.rank), wrapDim(dim2, tensor.rank)];
  if (a === b) throw new AppError('bad-input', `diagonal dimensions cannot be identical ${dim1}, ${dim2}`);
  const [rows, columns, down, right] = [tensor.shape[a]!, tensor.shape[b]!, tensor.strides[a]!, tensor.strides[b]!];
  const length = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns));
  const start = length === 0 ? 0 : offset >= 0 ? offset * right : -offset * down;
  const others = tensor.shape.map((_, d) => d).filter((d) => d !== a && d !== b);
  return tensor.view(
    [...others.map((d) => tensor.shape[d]!), length],
    [...others.map((d) => tensor.strides[d]!), down + right],
    tensor.offset + start,
  );
}

/** Windows of `size` places, `step` apart, along a dimension, as a new last dimension. */
export function unfold(tensor: Tensor, dimension: number, size: number, step: number): Tensor {
  const d = wrapDim(dimension, tensor.rank);
  const length = tensor.shape[d] ?? 1;
  if (size > length) {
    throw new AppError('bad-input', `maximum size for tensor at dimension ${d} is ${length} but size is ${size}`);
  }
  if (step <= 0) throw new AppError('bad-input', `step is ${step} but must be > 0`);
  const stride = tensor.strides[d] ?? 1;
  return tensor.view(
    [...tensor.shape.map((old, i) => (i === d ? Math.floor((length - size) / step) + 1 : old)), size],
    [...tensor.strides.map((old, i) => (i === d ? stride * step : old)), stride],
  );
}

/** Strides given outright. @throws AppError where they reach beyond the storage. */
export function asStrided(tensor: Tensor, shape: Shape, strides: Shape, offset: number): Tensor {
  const last = shape.reduce((position, size, d) => position + (size - 1) * strides[d]!, offset);
  const empty = shape.includes(0);
  if (strides.some((stride) => stride < 0)) {
    throw new AppError(
      'bad-input',
      `as_strided: Negative strides are not supported at the moment, got strides: ${shapeText(strides)}`,
    );
  }
  if (!empty && (offset < 0 || last >= tensor.storage.length)) {
    throw new AppError(
      'bad-input',
      `setStorage: sizes ${shapeText(shape)}, strides ${shapeText(strides)}, storage offset ${offset} are out of bounds for storage of ${tensor.storage.length} elements`,
    );
  }
  return tensor.view(shape, strides, offset);
}
