// safetensors files: a JSON header with the name, dtype, shape and place of each tensor, then their bytes.

import { itemSize, type DType } from '../model/dtype';
import { contiguousStrides, Storage, type Value } from '../runtime/program';
import { beyondLimit, checkRange, damaged, isCount, type ByteSource } from './byteSource';
import type { Format } from './format';
import { JsonValue } from './jsonValue';
import type { Peek } from './peek';
import { modulesOfNames } from './stateDict';
import { UnreadableTensor, viewOf } from './storages';

/** What the reference implementation allows too. */
const MAX_HEADER = 100_000_000;
const LENGTH_BYTES = 8;

const dtypes: ReadonlyMap<string, DType> = new Map([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);

export const safetensors: Format = {
  name: 'safetensors',
  extensions: ['safetensors'],
  match: isSafetensors,
  async open({ source }) {
    const root = modulesOfNames(await readSafetensors(source), source.name);
    return {
      format: 'safetensors',
      contents: {
        kind: 'stored',
        root,
        modeNote: 'The mode is not stored in this file: safetensors hold tensors only.',
      },
      problems: [],
    };
  },
};

/** A length of eight bytes, then a JSON object of that length. */
export function isSafetensors({ head, source }: Peek): boolean {
  const length = headerLength(head);
  return length !== undefined && length >= 2 && length <= source.size - LENGTH_BYTES && head[LENGTH_BYTES] === 0x7b;
}

/**
 * The tensors by name; their elements stay in the file. One of a dtype that can't be shown is an {@link UnreadableTensor}.
 * @throws AppError `corrupt`, `limit-exceeded`.
 */
export async function readSafetensors(source: ByteSource): Promise<ReadonlyMap<string, Value>> {
  const length = headerLength(await source.read(0, Math.min(LENGTH_BYTES, source.size)));
  if (length === undefined) throw damaged(source.name, 'it has no header');
  if (length > MAX_HEADER) throw beyondLimit(source.name, `its header takes ${length} bytes`);
  checkRange(source, LENGTH_BYTES, length);
  const header = JsonValue.parse(await source.read(LENGTH_BYTES, length), source.name);
  const tensors = new Map<string, Value>();
  for (const [name, entry] of header.entries()) {
    if (name !== '__metadata__') tensors.set(name, tensorOf(source, LENGTH_BYTES + length, entry));
  }
  return tensors;
}

function headerLength(head: Uint8Array): number | undefined {
  if (head.length < LENGTH_BYTES) return undefined;
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  return isCount(length) ? length : undefined;
}

function tensorOf(source: ByteSource, dataStart: number, entry: JsonValue): Value {
  const kind = entry.field('dtype').string();
  const dtype = dtypes.get(kind);
  const shape = counts(entry.field('shape'));
  const [begin, end, ...more] = counts(entry.field('data_offsets'));
  if (begin === undefined || end === undefined || more.length > 0 || begin > end)
    throw entry.error('without a begin and an end');
  checkRange(source, dataStart + begin, end - begin);
  if (dtype === undefined) return new UnreadableTensor(`tensors of ${kind} are not supported`);
  const count = shape.reduce((product, size) => product * size, 1);
  if (count * itemSize[dtype] !== end - begin)
    throw damaged(source.name, 'the shape and the size of a tensor disagree');
  const storage = Storage.lazy(dtype, count, (offset, size) => source.read(dataStart + begin + offset, size));
  return viewOf(storage, 0, shape, contiguousStrides(shape));
}

function counts(json: JsonValue): number[] {
  return json.items().map((item) => item.count());
}
