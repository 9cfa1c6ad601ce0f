// The oldest files of torch.save: a tar archive with the entries `storages`, `tensors` and `pickle`.

import { itemSize } from '../model/dtype';
import { OpaqueValue, Storage, type Value } from '../runtime/program';
import { AppError } from '../util/errors';
import { beyondLimit, checkRange, damaged, isCount, type ByteSource } from './byteSource';
import type { Format, OpenedFile } from './format';
import { modeWriter, type WritableModel } from './modeWriter';
import type { Peek } from './peek';
import { unpickle, unpickleAt } from './pickle';
import { argument } from './pickleValues';
import { dtypeOfStorage, viewOf } from './storages';
import { openSaved, writableSaved, type Saved } from './torchSave';
import { TorchSaveHost } from './torchSaveHost';

const BLOCK = 512;
const MAX_ENTRIES = 10_000;
const MAX_PICKLE = 256 * 2 ** 20;
/** Each is read by itself. ResNet-152, which those versions had, has 932. */
const MAX_TENSORS = 20_000;
const MAX_RANK = 64;
/** The pickles between the storages are a key, a device and a class. */
const WINDOW = 4096;

export const tarTorchSave: Format = {
  name: 'torch.save of the first PyTorch versions (tar)',
  extensions: ['pt', 'pth', 'pth.tar', 'pt.tar'],
  // Which tar it is shows its directory; other tars are refused with their name when they are opened.
  match: (peek) => peek.startsWith('ustar', 257),
  open,
};

async function open({ source }: Peek): Promise<OpenedFile> {
  const { name } = source;
  return { ...openSaved(name, await readTar(source)), writer: modeWriter(name, () => writable(source)) };
}

/** Reads the objects again, for the places of what can be changed. */
async function writable(source: ByteSource): Promise<WritableModel> {
  const { places, pickle, ...saved } = await readTar(source, true);
  return { modules: writableSaved(source.name, saved), pickle, storages: places, bigEndian: false };
}

interface SavedTar extends Saved {
  readonly pickle: Extent;
  /** Where the elements of each storage begin. */
  readonly places: ReadonlyMap<Storage, { readonly offset: number }>;
}

async function readTar(source: ByteSource, markBooleans = false): Promise<SavedTar> {
  const entries = await readDirectory(source);
  const [storages, tensors, pickle] = ['storages', 'tensors', 'pickle'].map((name) => entries.get(name));
  if (storages === undefined || tensors === undefined || pickle === undefined) {
    throw new AppError(
      'unsupported-format',
      `${source.name} is a tar archive that torch.save did not write`,
      'Unpack it first; it may hold a model.',
    );
  }
  const places = new Map<Storage, { readonly offset: number }>();
  const tensorsById = await readTensors(source, tensors, await readStorages(source, storages, places));
  if (pickle.size > MAX_PICKLE) throw beyondLimit(source.name, `its pickle takes ${pickle.size} bytes`);
  const bytes = await source.read(pickle.offset, pickle.size);
  // A container's class travels with its source: (class, file, source). Tensors are named by a number, as text.
  const persistents = { reference: (id: Value): Value => argument(id, 0) ?? tensorsById.get(keyOf(id)) ?? null };
  const host = new TorchSaveHost(persistents);
  const value = unpickle(bytes, `pickle of ${source.name}`, host, markBooleans);
  return { value, host, pickle, places };
}

/** A stretch of the file, in bytes. */
interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** Entries by name. A header takes a block: the name at byte 0, the size in octal digits at byte 124. */
async function readDirectory(source: ByteSource): Promise<ReadonlyMap<string, Extent>> {
  const entries = new Map<string, Extent>();
  for (let offset = 0; offset + BLOCK <= source.size;) {
    const header = String.fromCharCode(...(await source.read(offset, BLOCK)));
    const name = header.slice(0, 100).replace(/\0.*$/s, '');
    if (name === '') break;
    const digits = /^[ 0]*([0-7]*)[ \0]/.exec(header.slice(124, 136))?.[1];
    if (digits === undefined) throw damaged(source.name, `the size of its entry ${name} is no number`);
    const size = digits === '' ? 0 : parseInt(digits, 8);
    checkRange(source, offset + BLOCK, size);
    entries.set(name.replace(/^\.\//, ''), { offset: offset + BLOCK, size });
    if (entries.size > MAX_ENTRIES) throw beyondLimit(source.name, `it has more than ${MAX_ENTRIES} entries`);
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}

/** The number of storages, then for each a pickled (key, device, class), the number of its elements, and the elements. */
async function readStorages(
  source: ByteSource,
  extent: Extent,
  places: Map<Storage, { readonly offset: number }>,
): Promise<ReadonlyMap<string, Storage | string>> {
  const cursor = new EntryCursor(source, 'storages', extent);
  const storages = new Map<string, Storage | string>();
  for (let left = await cursor.count(MAX_TENSORS); left > 0; left--) {
    const description = await cursor.pickle();
    const [key, type] = [argument(description, 0), argument(description, 2)];
    const dtype = type instanceof OpaqueValue ? dtypeOfStorage(type.typeName) : undefined;
    // Without the size of an element nothing behind it can be found.
    if (dtype === undefined) throw damaged(source.name, 'it has a storage of an unknown type');
    const count = Number((await cursor.integers(1))[0]);
    const start = cursor.position;
    cursor.skip(count * itemSize[dtype]);
    const storage = Storage.lazy(dtype, count, (offset, length) => source.read(start + offset, length));
    storages.set(keyOf(key), storage);
    places.set(storage, { offset: start });
  }
  // Views of storages came behind; torch 0.2 and later write none.
  const views = await cursor.pickle();
  for (const view of Array.isArray(views) ? views : [])
    storages.set(keyOf(argument(view, 0)), 'its storage is a part of another one');
  return storages;
}

/** The number of tensors, then for each a pickled (key, storage, class), its rank as 8 bytes, sizes, strides and offset. */
async function readTensors(
  source: ByteSource,
  extent: Extent,
  storages: ReadonlyMap<string, Storage | string>,
): Promise<ReadonlyMap<string, Value>> {
  const cursor = new EntryCursor(source, 'tensors', extent);
  const tensors = new Map<string, Value>();
  for (let left = await cursor.count(MAX_TENSORS); left > 0; left--) {
    const description = await cursor.pickle();
    // Only the lower half of the rank's bytes was ever meant.
    const rank = Number(BigInt.asUintN(32, (await cursor.integers(1))[0]!));
    if (rank > MAX_RANK) throw damaged(source.name, `it has a tensor of ${rank} dimensions`);
    const numbers = (await cursor.integers(2 * rank + 1)).map(Number);
    const storage = storages.get(keyOf(argument(description, 1))) ?? 'its storage is missing in the file';
    const view = numbers.every(isCount)
      ? viewOf(storage, numbers[2 * rank], numbers.slice(0, rank), numbers.slice(rank, 2 * rank))
      : viewOf(storage, undefined, undefined, undefined);
    tensors.set(keyOf(argument(description, 0)), view);
  }
  return tensors;
}

/** Storages and tensors are named by numbers, which the pickle of the object writes as text. */
function keyOf(value: Value | undefined): string {
  return typeof value === 'bigint' || typeof value === 'string' ? String(value) : '';
}

/** Reads pickles and numbers that stand between the elements of storages. */
class EntryCursor {
  position: number;
  private readonly end: number;

  constructor(
    private readonly source: ByteSource,
    private readonly entry: string,
    { offset, size }: Extent,
  ) {
    this.position = offset;
    this.end = offset + size;
  }

  async pickle(): Promise<Value> {
    const bytes = await this.source.read(this.position, Math.min(WINDOW, this.end - this.position));
    const { value, end } = unpickleAt(bytes, 0, `${this.entry} of ${this.source.name}`);
    this.position += end;
    return value;
  }

  /** A pickled number of things. */
  async count(limit: number): Promise<number> {
    const value = await this.pickle();
    if (typeof value !== 'bigint' || value < 0n) throw damaged(this.source.name, `its ${this.entry} have no number`);
    if (value > limit) throw beyondLimit(this.source.name, `it has ${value} ${this.entry}`);
    return Number(value);
  }

  /** Little-endian, 8 bytes each. */
  async integers(count: number): Promise<bigint[]> {
    const bytes = await this.source.read(this.position, count * 8);
    this.skip(count * 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: count }, (_, i) => view.getBigInt64(i * 8, true));
  }

  skip(length: number): void {
    if (!isCount(length) || this.position + length > this.end) {
      throw damaged(this.source.name, `its ${this.entry} end in the middle`);
    }
    this.position += length;
  }
}
