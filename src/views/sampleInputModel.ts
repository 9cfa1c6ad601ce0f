// Makes up inputs for a forward. The same shapes give the same values, so that two runs differ only by what the model does.

import { setFloat16 } from '@petamoriken/float16';
import { itemSize } from '../model/dtype';
import type { DType } from '../model/dtype';
import type { ModuleSpec } from '../model/module';
import type { ForwardInput } from '../protocol/engine';
import type { InputShape } from './forwardInputModel';

/** Normal numbers for floating point, indices below `indexLimit` for integers; little-endian bytes. */
export function sampleInputs(shapes: readonly InputShape[], indexLimit: number, seed = 0): readonly ForwardInput[] {
  return shapes.map(({ shape, dtype }, position) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = new Uint8Array(count * itemSize[dtype]);
    const view = new DataView(bytes.buffer);
    const random = mulberry32(seed * 7919 + position + 1);
    const write = writers[dtype];
    const floating = dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
    const limit = dtype === 'bool' ? 2 : Math.min(indexLimit, dtype === 'int8' ? 128 : 256 ** itemSize[dtype]);
    for (let i = 0; i < count; i++) {
      write(view, i * itemSize[dtype], floating ? normal(random) : Math.floor(random() * limit));
    }
    return { kind: 'array', shape, dtype, bytes };
  });
}

/** The smallest table of the model's embeddings: indices below it are safe for each of them. */
export function safeIndexLimit(modules: readonly ModuleSpec[]): number {
  let limit = Infinity;
  for (const { type, parameters } of modules) {
    if (!/^Embedding(Bag)?$/.test(type)) continue;
    const rows = parameters.find((parameter) => parameter.name === 'weight')?.shape[0];
    if (rows !== undefined && rows > 0) limit = Math.min(limit, rows);
  }
  return Number.isFinite(limit) ? limit : 10;
}

const writers: Readonly<Record<DType, (view: DataView, offset: number, value: number) => void>> = {
  float32: (view, offset, value) => {
    view.setFloat32(offset, value, true);
  },
  float64: (view, offset, value) => {
    view.setFloat64(offset, value, true);
  },
  float16: (view, offset, value) => {
    setFloat16(view, offset, value, true);
  },
  bfloat16: (view, offset, value) => {
    view.setUint16(offset, floatBits(value) >>> 16, true);
  },
  int64: (view, offset, value) => {
    view.setBigInt64(offset, BigInt(value), true);
  },
  int32: (view, offset, value) => {
    view.setInt32(offset, value, true);
  },
  int16: (view, offset, value) => {
    view.setInt16(offset, value, true);
  },
  int8: (view, offset, value) => {
    view.setInt8(offset, value);
  },
  uint8: (view, offset, value) => {
    view.setUint8(offset, value);
  },
  bool: (view, offset, value) => {
    view.setUint8(offset, value);
  },
};

const scratch = new DataView(new ArrayBuffer(4));

function floatBits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

/** Box and Muller's way from two uniform numbers to a normal one. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Tommy Ettinger's mulberry32: small, fast and good enough for test inputs. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
