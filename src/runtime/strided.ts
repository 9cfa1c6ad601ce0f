// Copying between strided and row-major order: what `contiguous()` and writes through views come down to.

import type { DType } from '../model/dtype';
import { allocate, type ElementArray } from './elements';

/** Copies a strided view of `source` into a new row-major array. */
export function gather(
  source: ElementArray,
  dtype: DType,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): ElementArray {
  const count = shape.reduce((product, size) => product * size, 1);
  const result = allocate(dtype, count);
  walk(shape, strides, offset, (position, stride, length, index) => {
    copyIn(source as Float32Array, position, stride, length, result as Float32Array, index);
  });
  return result;
}

/** Writes row-major `values` to a strided view of `target`. */
export function scatter(
  target: ElementArray,
  values: ElementArray,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): void {
  // The values may be a window on the target itself (copying between overlapping views).
  const safe = values.buffer === target.buffer ? values.slice() : values;
  walk(shape, strides, offset, (position, stride, length, index) => {
    copyOut(safe as Float32Array, index, length, target as Float32Array, position, stride);
  });
}

// The casts above only say that both arrays are of one class: the loops work for every element type.

function copyIn(
  from: Float32Array,
  position: number,
  stride: number,
  length: number,
  to: Float32Array,
  index: number,
): void {
  if (stride === 1) {
    to.set(from.subarray(position, position + length), index);
    return;
  }
  for (let i = 0, p = position; i < length; i++, p += stride) to[index + i] = from[p] as number;
}

function copyOut(
  from: Float32Array,
  index: number,
  length: number,
  to: Float32Array,
  position: number,
  stride: number,
): void {
  if (stride === 1) {
    to.set(from.subarray(index, index + length), position);
    return;
  }
  for (let i = 0, p = position; i < length; i++, p += stride) to[p] = from[index + i] as number;
}

type VisitRow = (position: number, stride: number, length: number, index: number) => void;

/** Visits the view row by row: storage position, stride and length of each innermost row, and its row-major index. */
function walk(shape: readonly number[], strides: readonly number[], offset: number, visit: VisitRow): void {
  const dims = merged(shape, strides);
  if (dims.some(({ size }) => size === 0)) return;
  const inner = dims.pop() ?? { size: 1, stride: 1 };
  const counters = dims.map(() => 0);
  let position = offset;
  for (let index = 0; ; index += inner.size) {
    visit(position, inner.stride, inner.size, index);
    let d = dims.length - 1;
    for (; d >= 0; d--) {
      const { size, stride } = dims[d] as Dim;
      const next = (counters[d] as number) + 1;
      if (next < size) {
        counters[d] = next;
        position += stride;
        break;
      }
      counters[d] = 0;
      position -= stride * (size - 1);
    }
    if (d < 0) return;
  }
}

interface Dim {
  size: number;
  readonly stride: number;
}

/** Drops dimensions of one and joins neighbours that lie in memory as one, so that rows are as long as possible. */
function merged(shape: readonly number[], strides: readonly number[]): Dim[] {
  const dims: Dim[] = [];
  for (let d = 0; d < shape.length; d++) {
    const size = shape[d] as number;
    const stride = strides[d] as number;
    if (size === 1) continue;
    const previous = dims.at(-1);
    if (previous?.stride === stride * size) dims[dims.length - 1] = { size: previous.size * size, stride };
    else dims.push({ size, stride });
  }
  return dims;
}
