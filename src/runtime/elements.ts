// Typed arrays behind tensors: one array class a dtype, and conversion between dtypes as torch's `to` does it.

import { getFloat16, setFloat16 } from '@petamoriken/float16';

import { itemSize, type DType } from '../model/dtype';
import { AppError } from '../util/errors';

/** Elements of one dtype. float16 and bfloat16 are kept as their bits, bool as 0 and 1. */
export type ElementArray =
  Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** The kernels' whole memory: no operator could use a larger tensor. */
const maxBytes = 2 ** 32;

/** A zeroed array of `length` elements. @throws AppError `out-of-memory` for one that no kernel could take. */
export function allocate(dtype: DType, length: number): ElementArray {
  if (length * itemSize[dtype] > maxBytes) {
    const gibibytes = Number(((length * itemSize[dtype]) / 2 ** 30).toPrecision(3));
    throw new AppError(
      'out-of-memory',
      `A tensor of ${gibibytes} GiB is needed, and none may have more than ${maxBytes / 2 ** 30}`,
      'Try a smaller input.',
    );
  }
  return new constructors[dtype](length);
}

/** Reads little-endian bytes as elements; copies only where the bytes are not aligned. */
export function elementsFromBytes(dtype: DType, bytes: Uint8Array): ElementArray {
  const size = itemSize[dtype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new constructors[dtype](
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(bytes.byteLength / size),
  );
}

/** The bytes of the elements, without a copy. */
export function bytesOfElements(elements: ElementArray): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}

export function isFloating(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || isHalf(dtype);
}

export function isHalf(dtype: DType): dtype is 'float16' | 'bfloat16' {
  return dtype === 'float16' || dtype === 'bfloat16';
}

/** Bits of each half-precision element -> float32. */
export function halfToFloat32(dtype: 'float16' | 'bfloat16', bits: Uint16Array): Float32Array {
  const result = new Float32Array(bits.length);
  if (dtype === 'bfloat16') {
    // bfloat16 is the upper half of a float32.
    const words = new Uint32Array(result.buffer);
    for (let i = 0; i < bits.length; i++) words[i] = (bits[i] as number) << 16;
    return result;
  }
  const view = new DataView(bits.buffer, bits.byteOffset, bits.byteLength);
  for (let i = 0; i < bits.length; i++) result[i] = getFloat16(view, 2 * i, true);
  return result;
}

/** Rounds to the nearest half-precision value, ties to even, as torch does. */
export function float32ToHalf(dtype: 'float16' | 'bfloat16', values: ArrayLike<number>): Uint16Array {
  const result = new Uint16Array(values.length);
  if (dtype === 'bfloat16') {
    const value = new Float32Array(1);
    const word = new Uint32Array(value.buffer);
    for (let i = 0; i < values.length; i++) {
      value[0] = values[i] as number;
      const bits = word[0] as number;
      result[i] = Number.isNaN(value[0]) ? 0x7fc0 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    }
    return result;
  }
  const view = new DataView(result.buffer);
  for (let i = 0; i < values.length; i++) setFloat16(view, 2 * i, values[i] as number, true);
  return result;
}

/** Elements as numbers; int64 beyond 2^53 lose their lowest bits. Arrays that already hold numbers are returned as they are. */
export function toNumberArray(dtype: DType, elements: ElementArray): Exclude<ElementArray, BigInt64Array> {
  if (isHalf(dtype)) return halfToFloat32(dtype, elements as Uint16Array);
  if (elements instanceof BigInt64Array) return Float64Array.from(elements, Number);
  return elements;
}

/** Converts as `Tensor.to(dtype)`: floats to integers by truncation, integers by wrapping, anything but zero to true. */
export function convertElements(elements: ElementArray, from: DType, to: DType): ElementArray {
  if (from === to) return elements.slice();
  if (to === 'int64' && elements instanceof BigInt64Array) return elements.slice();
  const result = allocate(to, elements.length);
  if (elements instanceof BigInt64Array && to !== 'bool' && !isFloating(to)) {
    for (let i = 0; i < elements.length; i++) result[i] = Number(BigInt.asIntN(32, elements[i] as bigint));
    return result;
  }
  const numbers = toNumberArray(from, elements);
  if (isHalf(to)) return float32ToHalf(to, numbers);
  for (let i = 0; i < numbers.length; i++) writeNumber(result, to, i, numbers[i] as number);
  return result;
}

/** Stores a JavaScript number as an element of `dtype`. */
export function writeNumber(target: ElementArray, dtype: DType, index: number, value: number): void {
  if (target instanceof BigInt64Array)
    target[index] = Number.isFinite(value) ? BigInt(Math.trunc(value)) : -(2n ** 63n);
  else if (dtype === 'bool') target[index] = value !== 0 ? 1 : 0;
  else if (isHalf(dtype)) target[index] = float32ToHalf(dtype, [value])[0] as number;
  else if (isFloating(dtype)) target[index] = value;
  else target[index] = Math.trunc(value);
}

/** Reads one element as a JavaScript number. */
export function readNumber(elements: ElementArray, dtype: DType, index: number): number {
  if (isHalf(dtype)) return halfToFloat32(dtype, (elements as Uint16Array).subarray(index, index + 1))[0] as number;
  return Number(elements[index]);
}
