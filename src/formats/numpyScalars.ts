// Numbers of NumPy as Python's own: options computed with NumPy are pickled as `numpy.core.multiarray.scalar(dtype, bytes)`.

import { Tuple, type Value } from '../runtime/program';
import { argument, PickleBytes, PickleObject } from './pickleValues';

type Read = (view: DataView, little: boolean) => Value;

const readers: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['f4', (view, little) => view.getFloat32(0, little)],
  ['f8', (view, little) => view.getFloat64(0, little)],
  ['i1', (view) => BigInt(view.getInt8(0))],
  ['i2', (view, little) => BigInt(view.getInt16(0, little))],
  ['i4', (view, little) => BigInt(view.getInt32(0, little))],
  ['i8', (view, little) => view.getBigInt64(0, little)],
  ['u1', (view) => BigInt(view.getUint8(0))],
  ['u4', (view, little) => BigInt(view.getUint32(0, little))],
  ['b1', (view) => view.getUint8(0) !== 0],
]);

/** The number behind a call of NumPy's `scalar`; undefined for every other call and for types that Python lacks. */
export function numpyScalar(callable: string, args: Value): Value | undefined {
  if (!/^numpy\.(?:_?core)\.multiarray\.scalar$/.test(callable)) return undefined;
  const dtype = argument(args, 0);
  if (!(dtype instanceof PickleObject) || dtype.typeName !== 'numpy.dtype') return undefined;
  const kind = argument(dtype.args, 0);
  if (typeof kind !== 'string') return undefined;
  const read = readers.get(kind);
  const bytes = bytesOf(argument(args, 1));
  if (read === undefined || bytes?.length !== Number(kind.slice(1))) return undefined;
  // The state is (version, byte order, …).
  const order = dtype.state instanceof Tuple ? dtype.state.items[1] : '<';
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), order !== '>');
}

/** Bytes, or what old protocols write in their place: `_codecs.encode(text, 'latin1')`. */
function bytesOf(value: Value | undefined): Uint8Array | undefined {
  if (value instanceof PickleBytes) return value.bytes;
  if (!(value instanceof PickleObject) || value.typeName !== '_codecs.encode') return undefined;
  const text = argument(value.args, 0);
  return typeof text === 'string' ? Uint8Array.from(text, (character) => character.charCodeAt(0)) : undefined;
}
