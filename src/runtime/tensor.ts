// Tensor: a strided view of a storage, as in torch.

import type { DType } from '../model/dtype';
import { bytesOfElements, elementsFromBytes, toNumberArray, type ElementArray } from './elements';
import { Storage } from './storage';
import { gather, scatter } from './strided';

export type Shape = readonly number[];

/** Storage + dtype + shape + strides + offset (both in elements). View operators share the storage; writes go through it. */
export class Tensor {
  requiresGrad = false;

  constructor(
    readonly storage: Storage,
    /** Mutable only for torch's in-place metadata operators (`unsqueeze_`, `t_`, `resize_`). */
    public shape: Shape,
    public strides: Shape,
    public offset = 0,
  ) {}

  /** A contiguous tensor over `elements`, which it takes over without a copy. */
  static of(dtype: DType, shape: Shape, elements: ElementArray): Tensor {
    return new Tensor(Storage.of(dtype, elements), shape, contiguousStrides(shape));
  }

  /** A contiguous tensor from little-endian bytes. */
  static fromBytes(dtype: DType, shape: Shape, bytes: Uint8Array): Tensor {
    return Tensor.of(dtype, shape, elementsFromBytes(dtype, bytes));
  }

  static zeros(dtype: DType, shape: Shape): Tensor {
    return new Tensor(Storage.zeros(dtype, elementCount(shape)), shape, contiguousStrides(shape));
  }

  get dtype(): DType {
    return this.storage.dtype;
  }

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  get elementCount(): number {
    return elementCount(this.shape);
  }

  get isContiguous(): boolean {
    let expected = 1;
    for (let d = this.rank - 1; d >= 0; d--) {
      const size = this.shape[d] as number;
      if (size === 1) continue;
      if (size === 0) return true;
      if (this.strides[d] !== expected) return false;
      expected *= size;
    }
    return true;
  }

  /** Whether the elements are its whole storage, in row-major order. */
  get isWhole(): boolean {
    return this.offset === 0 && this.isContiguous && this.elementCount === this.storage.length;
  }

  /** Whether a kernel has yet to compute the elements. */
  get isPromised(): boolean {
    return this.storage.promised !== undefined;
  }

  /** Another view of the same storage. */
  view(shape: Shape, strides: Shape, offset = this.offset): Tensor {
    const result = new Tensor(this.storage, shape, strides, offset);
    result.requiresGrad = this.requiresGrad;
    return result;
  }

  /** Elements in row-major order: a window on the storage where the tensor is contiguous (don't write to it), else a copy. */
  contiguousElements(): ElementArray {
    const { elements } = this.storage;
    if (this.isContiguous) return elements.subarray(this.offset, this.offset + this.elementCount);
    return gather(elements, this.dtype, this.shape, this.strides, this.offset);
  }

  /** Row-major elements as numbers, possibly a window on the storage; halves are widened, int64 become float64. */
  toNumbers(): ArrayLike<number> {
    return toNumberArray(this.dtype, this.contiguousElements());
  }

  /** A contiguous tensor with the same elements: itself, or a copy. */
  contiguous(): Tensor {
    return this.isContiguous ? this : this.clone();
  }

  /** A contiguous copy with a storage of its own. */
  clone(): Tensor {
    const elements = this.contiguousElements();
    const owned = this.isContiguous ? elements.slice() : elements;
    return Tensor.of(this.dtype, this.shape, owned);
  }

  /**
   * Overwrites all elements, given in row-major order in this tensor's dtype; every alias of the storage sees it.
   * With `give` the array is nobody else's and may become the storage's own instead of being copied.
   */
  write(elements: ElementArray, give = false): void {
    if (elements.length !== this.elementCount) throw new Error('wrong number of elements');
    if (give && this.isContiguous && elements.length === this.storage.length) {
      this.storage.replace(elements);
      return;
    }
    scatter(this.storage.elements, elements, this.shape, this.strides, this.offset);
    this.storage.markWritten();
  }

  /** Row-major bytes, little-endian, as a copy. */
  toBytes(): Uint8Array {
    return bytesOfElements(this.contiguousElements()).slice();
  }
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, d) => size === b[d]);
}

export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= Math.max(1, shape[d] as number);
  }
  return strides;
}
