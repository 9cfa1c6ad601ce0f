// Tensors of ONNX files: their elements stay where they are, in the model file or in a file of weights beside it.

import type { OnnxTensor, TensorBytes } from '../runtime/program';
import { beyondLimit, damaged, isCount, type ByteSource } from './byteSource';
import type { WeightFiles } from './onnxWeights';
import type { Field, Message, ProtobufReader } from './protobuf';

/** Fields of `TensorProto`. */
const DIMS = 1;
const DATA_TYPE = 2;
const NAME = 8;
const RAW_DATA = 9;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;
const EXTERNAL = 1;

const MAX_RANK = 64;
/** Lists of varints are read whole to be decoded. */
const MAX_PACKED = 2 ** 28;

/** `TensorProto.DataType` of the types whose elements are not plain numbers of whole bytes, and of some that are. */
const STRING = 8;
const UNDEFINED = 0;

/** Bytes of one element by `TensorProto.DataType`; the types of four and two bits are packed. */
const elementSizes: readonly (number | undefined)[] = [
  undefined,
  ...[4, 1, 1, 2, 2, 4, 8, undefined, 1, 2, 8, 4, 8, 8, 16, 2, 1, 1, 1, 1, 0.5, 0.5, 0.5, 1, 0.25, 0.25],
];

/** The tensor of a `TensorProto` between `start` and `end` of the file. @throws AppError `corrupt`, `limit-exceeded`. */
export function readTensor(
  message: Message,
  extent: Pick<Field, 'start' | 'end' | 'bytes'>,
  reader: ProtobufReader,
  weights: WeightFiles,
): OnnxTensor {
  const name = message.text(NAME);
  const shape = message.ints(DIMS);
  const type = message.int(DATA_TYPE);
  const file = reader.source.name;
  if (shape.length > MAX_RANK) throw beyondLimit(file, `its tensor '${name}' has ${shape.length} dimensions`);
  if (!shape.every(isCount)) throw damaged(file, `its tensor '${name}' has the shape [${shape.join(', ')}]`);
  const size = elementSizes[type];
  const count = shape.reduce((product, length) => product * length, 1);
  const byteLength = size === undefined ? undefined : Math.ceil(count * size);
  if (byteLength !== undefined && !Number.isSafeInteger(byteLength)) {
    throw beyondLimit(file, `its tensor '${name}' has the shape [${shape.join(', ')}]`);
  }
  const { source } = reader;
  return {
    name,
    type,
    shape,
    data: byteLength === undefined ? undefined : dataOf(message, name, type, byteLength, reader, weights),
    encoded: () => extent.bytes ?? source.read(extent.start, extent.end - extent.start),
  };
}

function dataOf(
  message: Message,
  name: string,
  type: number,
  byteLength: number,
  reader: ProtobufReader,
  weights: WeightFiles,
): TensorBytes | undefined {
  if (type === UNDEFINED || type === STRING) return undefined;
  const { source } = reader;
  const checked = (length: number): void => {
    if (length === byteLength) return;
    throw damaged(source.name, `its tensor '${name}' has ${length} bytes, and its shape needs ${byteLength}`);
  };
  if (message.int(DATA_LOCATION) === EXTERNAL) {
    const place = externalPlace(message, name, byteLength, reader);
    checked(place.length);
    return weights.data(place.location, place.offset, place.length);
  }
  const raw = message.last(RAW_DATA);
  if (raw !== undefined) {
    checked(raw.end - raw.start);
    return ranges(source, raw.start, byteLength);
  }
  return typedData(message, name, type, byteLength, reader, checked);
}

function ranges(source: ByteSource, start: number, byteLength: number): TensorBytes {
  return { byteLength, read: (offset, length) => source.read(start + offset, length) };
}

interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** `location`, `offset` and `length` of the entries; the length may be left out. */
function externalPlace(message: Message, name: string, byteLength: number, reader: ProtobufReader): ExternalPlace {
  const entries = new Map(message.messages(EXTERNAL_DATA).map((entry) => [entry.text(1), entry.text(2)]));
  const number = (key: string, otherwise: number): number => {
    const text = entries.get(key);
    const value = text === undefined ? otherwise : /^\d+$/.test(text) ? Number(text) : NaN;
    if (isCount(value)) return value;
    throw damaged(reader.source.name, `its tensor '${name}' lies at ${key} '${String(text)}' of another file`);
  };
  const location = entries.get('location') ?? '';
  return { location, offset: number('offset', 0), length: number('length', byteLength) };
}

/** Field with the elements by data type, and how a varint in it becomes bytes. */
const typedFields: Readonly<Record<number, readonly [field: number, kind: 'fixed' | 'varint', size: number]>> = {
  1: [4, 'fixed', 4],
  14: [4, 'fixed', 4],
  2: [5, 'varint', 1],
  3: [5, 'varint', 1],
  4: [5, 'varint', 2],
  5: [5, 'varint', 2],
  6: [5, 'varint', 4],
  9: [5, 'varint', 1],
  10: [5, 'varint', 2],
  16: [5, 'varint', 2],
  7: [7, 'varint', 8],
  11: [10, 'fixed', 8],
  15: [10, 'fixed', 8],
  12: [11, 'varint', 4],
  13: [11, 'varint', 8],
};

/** Elements in a list of their own kind. A short one is decoded at once; a long list of floats is read where it lies. */
function typedData(
  message: Message,
  name: string,
  type: number,
  byteLength: number,
  reader: ProtobufReader,
  checked: (length: number) => void,
): TensorBytes | undefined {
  const typed = typedFields[type];
  const fields = typed === undefined ? [] : message.all(typed[0]);
  if (fields.length === 0) {
    // A tensor without elements has no list either.
    if (byteLength === 0) return { byteLength, read: () => Promise.resolve(new Uint8Array(0)) };
    throw damaged(reader.source.name, `its tensor '${name}' has no elements`);
  }
  const [, kind, size] = typed!;
  const [only] = fields as [Field];
  if (kind === 'fixed' && fields.length === 1) {
    checked(only.end - only.start);
    return ranges(reader.source, only.start, byteLength);
  }
  const total = fields.reduce((sum, { start, end }) => sum + end - start, 0);
  if (total > MAX_PACKED) throw beyondLimit(reader.source.name, `the list of its tensor '${name}' has ${total} bytes`);
  let decoded: Promise<Uint8Array> | undefined;
  const decode = async (): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for (const field of fields) {
      const isNumber = !Number.isNaN(field.value);
      const bytes = isNumber ? new Uint8Array(0) : await reader.source.read(field.start, field.end - field.start);
      if (kind === 'fixed') parts.push(bytes);
      else if (size === 8) parts.push(wideLittleEndian(isNumber ? [wide(field.value)] : reader.packedWide(bytes)));
      else parts.push(littleEndian(isNumber ? [field.value] : reader.packedIn(bytes), size));
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    checked(whole.length);
    return whole;
  };
  return {
    byteLength,
    read: async (offset, length) => (await (decoded ??= decode())).slice(offset, offset + length),
  };
}

/** A number that stands alone was read as a double; one past the end of its type is the last of it. */
function wide(value: number): bigint {
  return value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value);
}

function wideLittleEndian(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setBigInt64(8 * i, value, true);
  });
  return bytes;
}

function littleEndian(values: readonly number[], size: number): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (size === 4) view.setInt32(4 * i, value, true);
    else if (size === 2) view.setInt16(2 * i, value, true);
    else view.setInt8(i, value);
  });
  return bytes;
}
