// NumPy's .npy files: one array each (format versions 1 to 3; numpy.lib.format describes them).

import { readFileSync, statSync, writeFileSync } from 'node:fs';

import { itemSize, type DType } from '../model/dtype';
import type { ForwardInput, OutputArray } from '../protocol/engine';
import { AppError } from '../util/errors';

const magic = '\x93NUMPY';

/** Type descriptions of NumPy by torch's dtypes; bfloat16 has none and is written as float32. */
const descriptions: Readonly<Record<Exclude<DType, 'bfloat16'>, string>> = {
  float16: '<f2',
  float32: '<f4',
  float64: '<f8',
  int8: '|i1',
  int16: '<i2',
  int32: '<i4',
  int64: '<i8',
  uint8: '|u1',
  bool: '|b1',
};

/** @throws AppError `file-unreadable` or `usage` with the reason. */
export function readNpy(file: string): ForwardInput {
  let bytes: Buffer;
  try {
    // A device or a pipe may have no end.
    if (!statSync(file).isFile()) throw new Error('it is no regular file');
    bytes = readFileSync(file);
  } catch (error) {
    throw new AppError('file-unreadable', `${file} can't be read: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
  if (bytes.toString('latin1', 0, 6) !== magic) throw refuse(file, 'it is no .npy file');
  const wide = (bytes[6] as number) >= 2;
  const start = wide ? 12 : 10;
  if (bytes.length < start) throw refuse(file, 'it ends within its header');
  const end = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  if (end > bytes.length) throw refuse(file, 'it ends within its header');
  const header = bytes.toString('latin1', start, end);
  const description = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const dtype = (Object.keys(descriptions) as (keyof typeof descriptions)[]).find(
    (name) => descriptions[name] === description || descriptions[name].replace('|', '<') === description,
  );
  if (dtype === undefined) throw refuse(file, `its element type ${description ?? '(none)'} is not supported`);
  if (!/'fortran_order':\s*False/.test(header))
    throw refuse(file, 'it is in Fortran order; save numpy.ascontiguousarray(x)');
  const sizes = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '';
  const shape = sizes
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  const data = bytes.subarray(end);
  const expected = shape.reduce((product, size) => product * size, itemSize[dtype]);
  if (data.length !== expected)
    throw refuse(file, `it should hold ${expected} bytes of elements and holds ${data.length}`);
  return { kind: 'array', dtype, shape, bytes: new Uint8Array(data) };
}

function refuse(file: string, reason: string): AppError {
  return new AppError('usage', `${file} can't be used as an input: ${reason}`);
}

/** Writes one array. @throws AppError `file-unreadable` where the file can't be written. */
export function writeNpy(file: string, array: OutputArray): void {
  const { dtype, bytes } = array.dtype === 'bfloat16' ? widened(array) : array;
  const shape = array.shape.length === 1 ? `(${String(array.shape[0])},)` : `(${array.shape.join(', ')})`;
  const text = `{'descr': '${descriptions[dtype as keyof typeof descriptions]}', 'fortran_order': False, 'shape': ${shape}, }`;
  // The elements start at a multiple of 64; the header ends with a newline.
  const header = `${text}${' '.repeat(63 - ((10 + text.length) % 64))}\n`;
  const start = Buffer.alloc(10);
  start.write(magic, 'latin1');
  start[6] = 1;
  start.writeUInt16LE(header.length, 8);
  try {
    writeFileSync(file, Buffer.concat([start, Buffer.from(header, 'latin1'), bytes]));
  } catch (error) {
    throw new AppError('file-unreadable', `${file} can't be written: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
}

/** bfloat16 is the upper half of a float32. */
function widened(array: OutputArray): OutputArray {
  const halves = new Uint16Array(array.bytes.slice().buffer);
  const words = Uint32Array.from(halves, (bits) => bits << 16);
  return { ...array, dtype: 'float32', bytes: new Uint8Array(words.buffer) };
}
