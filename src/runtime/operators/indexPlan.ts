// Indexing with tensors: which storage positions `x[i, :, j]` reads or writes.

import { AppError } from '../../util/errors';
import { allocate, halfToFloat32, isHalf, float32ToHalf, type ElementArray } from '../elements';
import { Tensor, type Shape } from '../tensor';
import { broadcastShapes, expandTo, shapeText, wrapDim } from './support';

/** Storage positions of the elements that an index expression names: outer + middle + inner, in row-major order of `shape`. */
export interface IndexPlan {
  readonly shape: readonly number[];
  /** Positions of the dimensions before the indexed ones. */
  readonly outer: Int32Array;
  /** Positions that the index tensors name. */
  readonly middle: Int32Array;
  /** Positions of the dimensions after the indexed ones. */
  readonly inner: Int32Array;
}

/** Row-major list of the positions that a shape and strides visit. */
export function positions(shape: Shape, strides: Shape, offset = 0): Int32Array {
  let result = Int32Array.of(offset);
  for (let d = 0; d < shape.length; d++) {
    const [size, stride] = [shape[d]!, strides[d]!];
    if (size === 1) continue;
    const next = new Int32Array(result.length * size);
    for (let i = 0, k = 0; i < result.length; i++) {
      for (let j = 0, at = result[i]!; j < size; j++, at += stride) next[k++] = at;
    }
    result = next;
  }
  return result;
}

/**
 * Plans `self[indices]` with torch's rules: masks stand for their true places, index tensors broadcast against each other, and
 * their dimensions stay in place where they are neighbours and come first otherwise.
 * @throws AppError with torch's messages.
 */
export function planIndex(self: Tensor, indices: readonly (Tensor | null)[]): IndexPlan {
  const expanded = expandMasks(self, indices);
  if (expanded.length > self.rank) {
    throw new AppError('bad-input', `too many indices for tensor of dimension ${self.rank} (got ${expanded.length})`);
  }
  const indexed = [...expanded.keys()].filter((d) => expanded[d] !== null);
  const free = [...self.shape.keys()].filter((d) => !indexed.includes(d));
  const given = indexed.map((d) => expanded[d]!);
  const common = commonShape(given);
  let middle = new Int32Array(common.reduce((product, size) => product * size, 1));
  given.forEach((index, i) => {
    const d = indexed[i]!;
    middle = addPositions(middle, expandTo(index, common), self.shape[d]!, self.strides[d]!, d);
  });
  const first = indexed[0] ?? 0;
  const adjacent = indexed.every((d, i) => d === first + i);
  const before = adjacent ? free.filter((d) => d < first) : [];
  const after = adjacent ? free.filter((d) => d >= first) : free;
  const sizes = (dims: readonly number[]): number[] => dims.map((d) => self.shape[d]!);
  const steps = (dims: readonly number[]): number[] => dims.map((d) => self.strides[d]!);
  return {
    shape: [...sizes(before), ...common, ...sizes(after)],
    outer: positions(sizes(before), steps(before), self.offset),
    middle,
    inner: positions(sizes(after), steps(after)),
  };
}

/** The elements that the plan names, as a new tensor. */
export function readPlan(self: Tensor, { shape, outer, middle, inner }: IndexPlan): Tensor {
  const result = allocate(self.dtype, outer.length * middle.length * inner.length);
  const [to, from] = [result, self.storage.elements] as unknown as [Float32Array, Float32Array];
  const length = inner.length;
  const whole = length > 8 && isRun(inner);
  let k = 0;
  for (const start of outer) {
    for (const step of middle) {
      const base = start + step;
      if (whole) to.set(from.subarray(base, base + length), k);
      else for (let i = 0; i < length; i++) to[k + i] = from[base + inner[i]!]!;
      k += length;
    }
  }
  return Tensor.of(self.dtype, shape, result);
}

/** Writes row-major values of self's dtype to the places of the plan, or adds them there. */
export function writePlan(
  self: Tensor,
  { outer, middle, inner }: IndexPlan,
  values: ElementArray,
  accumulate: boolean,
): void {
  const half = isHalf(self.dtype) && accumulate ? self.dtype : undefined;
  const [to, from] = [self.storage.elements, values] as unknown as [Float32Array, Float32Array];
  let k = 0;
  for (const start of outer) {
    for (const step of middle) {
      for (let i = 0, base = start + step; i < inner.length; i++, k++) {
        const at = base + inner[i]!;
        if (!accumulate) to[at] = from[k]!;
        else if (half === undefined) to[at]! += from[k]!;
        else to[at] = addHalves(half, to[at]!, from[k]!);
      }
    }
  }
  self.storage.markWritten();
}

function addHalves(dtype: 'float16' | 'bfloat16', a: number, b: number): number {
  const [left = 0, right = 0] = halfToFloat32(dtype, Uint16Array.of(a, b));
  return float32ToHalf(dtype, [left + right])[0]!;
}

function isRun(list: Int32Array): boolean {
  for (let i = 0; i < list.length; i++) if (list[i] !== i) return false;
  return true;
}

function expandMasks(self: Tensor, indices: readonly (Tensor | null)[]): (Tensor | null)[] {
  const result: (Tensor | null)[] = [];
  for (const index of indices) {
    if (index === null) result.push(null);
    else if (index.dtype === 'bool' || index.dtype === 'uint8') {
      if (index.rank === 0)
        throw new AppError('unsupported-operator', 'A mask without dimensions as an index is not supported');
      index.shape.forEach((size, d) => {
        if (size === self.shape[result.length + d]) return;
        throw new AppError(
          'bad-input',
          `The shape of the mask ${shapeText(index.shape)} at index ${d} does not match the shape of the indexed tensor ${shapeText(self.shape)} at index ${result.length + d}`,
        );
      });
      result.push(...truePlaces(index));
    } else if (index.dtype === 'int64' || index.dtype === 'int32') result.push(index);
    else throw new AppError('bad-input', 'tensors used as indices must be long, int, byte or bool tensors');
  }
  return result;
}

/** For each dimension of a mask the coordinates of what is not zero, in row-major order. */
export function truePlaces(mask: Tensor): Tensor[] {
  const elements = mask.contiguousElements();
  let count = 0;
  // Negative zero is zero, but its bits in a half are not.
  const isSet = (i: number): boolean =>
    isHalf(mask.dtype) ? ((elements[i] as number) & 0x7fff) !== 0 : Boolean(elements[i]);
  for (let i = 0; i < elements.length; i++) if (isSet(i)) count++;
  const places = mask.shape.map(() => new BigInt64Array(count));
  for (let i = 0, k = 0; i < elements.length; i++) {
    if (!isSet(i)) continue;
    let rest = i;
    for (let d = mask.rank - 1; d >= 0; d--) {
      const size = mask.shape[d]!;
      places[d]![k] = BigInt(rest % size);
      rest = Math.floor(rest / size);
    }
    k++;
  }
  return places.map((list) => Tensor.of('int64', [count], list));
}

function commonShape(given: readonly Tensor[]): number[] {
  try {
    return given.map((index) => index.shape).reduce<number[]>(broadcastShapes, []);
  } catch {
    const shapes = given.map((index) => shapeText(index.shape)).join(', ');
    throw new AppError(
      'bad-input',
      `shape mismatch: indexing tensors could not be broadcast together with shapes ${shapes}`,
    );
  }
}

function addPositions(
  sum: Int32Array<ArrayBuffer>,
  index: Tensor,
  size: number,
  stride: number,
  dim: number,
): Int32Array<ArrayBuffer> {
  const numbers = index.toNumbers();
  for (let i = 0; i < numbers.length; i++) {
    const at = numbers[i]!;
    if (at < -size || at >= size) throw outOfBounds(at, dim, size);
    sum[i]! += (at < 0 ? at + size : at) * stride;
  }
  return sum;
}

export function outOfBounds(index: number, dim: number, size: number): AppError {
  return new AppError('bad-input', `index ${index} is out of bounds for dimension ${dim} with size ${size}`);
}

/** Plans `index_select` and its relatives: a vector of indices along one dimension, none of them negative. */
export function planDim(self: Tensor, dim: number, index: Tensor): IndexPlan {
  if (index.rank > 1) throw new AppError('bad-input', 'Index is supposed to be an empty tensor or a vector');
  if (index.dtype !== 'int64' && index.dtype !== 'int32')
    throw new AppError('bad-input', 'Expected dtype int32 or int64 for index');
  const d = wrapDim(dim, self.rank);
  const size = self.shape[d] ?? 1;
  const numbers = index.toNumbers();
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i]! < 0 || numbers[i]! >= size) throw new AppError('bad-input', 'index out of range in self');
  }
  const vector = index.rank === 0 ? index.view([1], [1]) : index;
  const whole = self.rank === 0 ? self.view([1], [1]) : self;
  return planIndex(whole, [...new Array<null>(d).fill(null), vector]);
}

/** `torch.index_select`. */
export function indexSelect(self: Tensor, dim: number, index: Tensor): Tensor {
  const result = readPlan(self, planDim(self, dim, index));
  return self.rank === 0 ? result.view([], []) : result;
}
