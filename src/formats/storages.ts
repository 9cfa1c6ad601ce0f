// Tensors over the storages of a torch archive: shared, read when needed, and checked against what the file really holds.

import { itemSize, type DType } from '../model/dtype';
import { itemsOf, OpaqueValue, Storage, Tensor, Tuple, type StorageReader, type Value } from '../runtime/program';
import { isCount } from './byteSource';
import { argument } from './pickleValues';
import type { ZipArchive } from './zip';
import type { ZipEntry } from './zipDirectory';

const storageTypes: ReadonlyMap<string, DType> = new Map([
  ['torch.FloatStorage', 'float32'],
  ['torch.DoubleStorage', 'float64'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ShortStorage', 'int16'],
  ['torch.CharStorage', 'int8'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.BoolStorage', 'bool'],
]);

/** The element type of `torch.FloatStorage` and its kin. */
export function dtypeOfStorage(typeName: string): DType | undefined {
  return storageTypes.get(typeName);
}

const MAX_RANK = 64;
/** A view may be larger than its storage (`expand`), but a reader of it must be able to allocate it. */
const MAX_EXPANDED = 2 ** 28;

/** A tensor that can't be shown: its kind is unknown, or the file contradicts itself. `reason` is a sentence without its end. */
export class UnreadableTensor extends OpaqueValue {
  constructor(override readonly reason: string) {
    super('Tensor', reason);
  }
}

/** A storage as the pickle names it. */
class StorageReference extends OpaqueValue {
  constructor(readonly storage: Storage | string) {
    super('Storage');
  }
}

/** Finds the elements of a storage in the file; a sentence without its end says why they can't be had. */
export type FindStorage = (key: string, dtype: DType, count: number) => Storage | string;

/** Resolves the persistent ids of a pickle: what torch keeps outside of it. */
export interface PersistentObjects {
  reference(id: Value): Value;
  /** The storage of the id `('storage', type, key, device, count)`, or why there is none; absent where ids are of another kind. */
  storage?(type: string, key: string, count: number): Storage | string;
}

/** The storages of one pickle. Tensors that share a storage in the file share one {@link Storage}. */
export class StorageTable implements PersistentObjects {
  /** By type, then by key. */
  private readonly known = new Map<string, Map<string, Storage | string>>();

  constructor(private readonly find: FindStorage) {}

  /** Resolves torch's persistent id: `('storage', FloatStorage, key, device, element count)`. */
  reference(id: Value): Value {
    const type = argument(id, 1);
    const key = argument(id, 2);
    const count = argument(id, 4);
    if (
      argument(id, 0) !== 'storage' ||
      !(type instanceof OpaqueValue) ||
      typeof key !== 'string' ||
      typeof count !== 'bigint'
    ) {
      return new StorageReference('it refers to a storage in an unknown way');
    }
    // Only the first versions of torch wrote views of storages: (key, offset, size).
    if (argument(id, 5) instanceof Tuple) return new StorageReference('its storage is a part of another one');
    return new StorageReference(this.storage(type.typeName, key, Number(count)));
  }

  storage(type: string, key: string, count: number): Storage | string {
    // One storage may be viewed with two dtypes; then the two do not see each other's writes.
    let ofType = this.known.get(type);
    if (ofType === undefined) this.known.set(type, (ofType = new Map<string, Storage | string>()));
    let storage = ofType.get(key);
    if (storage === undefined) ofType.set(key, (storage = this.make(type, key, count)));
    return storage;
  }

  protected make(type: string, key: string, count: number): Storage | string {
    const dtype = dtypeOfStorage(type);
    if (dtype === undefined) return `tensors of ${type} are not supported`;
    if (!isCount(count)) return `its storage ${key} has an impossible size`;
    return this.find(key, dtype, count);
  }
}

export interface ZipStorageOptions {
  /** The folder of the storages with its slash: `net/data/`. */
  readonly folder: string;
  readonly bigEndian: boolean;
  /** Told which entry holds a storage. */
  readonly found?: (storage: Storage, entry: ZipEntry) => void;
}

/** What torch notes beside its storages; without a note they are little-endian. @param root the archive's folder with its slash. */
export async function isBigEndian(zip: ZipArchive, root: string): Promise<boolean> {
  return (await zip.text(`${root}byteorder`)) === 'big';
}

/** Storages that are entries of a zip archive, named by their keys. */
export function zipStorages(zip: ZipArchive, options: ZipStorageOptions): StorageTable {
  return new ZipStorages(zip, options);
}

/** Knows its storages by the numbers of their entries: a pickle names them in the order in which they stand in the file. */
class ZipStorages extends StorageTable {
  /** By type, then by the number of the entry. */
  private readonly ofType = new Map<string, (Storage | undefined)[]>();
  private readonly readers = new Map<DType, StorageReader>();
  /** The number of the entry that was asked for last; undefined where there is none. */
  private index: number | undefined;

  constructor(
    private readonly zip: ZipArchive,
    private readonly options: ZipStorageOptions,
  ) {
    super((key, dtype, count) => this.open(key, dtype, count));
  }

  override storage(type: string, key: string, count: number): Storage | string {
    this.index = this.zip.entries.find(this.options.folder, key, (this.index ?? -1) + 1);
    let known = this.ofType.get(type);
    if (known === undefined) this.ofType.set(type, (known = []));
    const storage = (this.index === undefined ? undefined : known[this.index]) ?? this.make(type, key, count);
    if (this.index !== undefined && typeof storage !== 'string') known[this.index] = storage;
    return storage;
  }

  private open(key: string, dtype: DType, count: number): Storage | string {
    const { zip, options, index } = this;
    if (index === undefined) return `its storage ${key} is missing in the file`;
    const size = zip.entries.sizeAt(index);
    if (count * itemSize[dtype] > size)
      return `its storage ${key} should hold ${count} elements, but has ${size} bytes`;
    let reader = this.readers.get(dtype);
    if (reader === undefined) this.readers.set(dtype, (reader = readerOfEntries(zip, dtype, options.bigEndian)));
    const storage = Storage.lazy(dtype, count, reader, index);
    options.found?.(storage, zip.entries.at(index));
    return storage;
  }
}

/** Reads from any entry, by its number; what it needs to know of one is made at the first read, since most are never read. */
function readerOfEntries(zip: ZipArchive, dtype: DType, bigEndian: boolean): StorageReader {
  const readers = new Map<number, StorageReader>();
  return (offset, length, index) => {
    let reader = readers.get(index);
    if (reader === undefined)
      readers.set(index, (reader = inByteOrder(zip.rangeReader(zip.entries.at(index)), dtype, bigEndian)));
    return reader(offset, length, index);
  };
}

/** A reader of little-endian elements, whatever the file's byte order is. */
export function inByteOrder(read: StorageReader, dtype: DType, bigEndian: boolean): StorageReader {
  const size = itemSize[dtype];
  return bigEndian && size > 1 ? swapping(read, size) : read;
}

/**
 * A strided view of a referenced storage, as `torch._utils._rebuild_tensor_v2` makes it; an {@link UnreadableTensor} where offset,
 * shape and strides do not fit into the storage.
 */
export function rebuildTensor(reference: Value, offset: Value, size: Value, stride: Value, requiresGrad: Value): Value {
  if (!(reference instanceof StorageReference)) return new UnreadableTensor('it has no storage');
  const tensor = viewOf(reference.storage, toCount(offset), toCounts(size), toCounts(stride));
  if (tensor instanceof Tensor) tensor.requiresGrad = requiresGrad === true;
  return tensor;
}

/** A strided view of a storage, or why there is none; undefined stands for numbers that are impossible. */
export function viewOf(
  storage: Storage | string,
  start: number | undefined,
  shape: readonly number[] | undefined,
  strides: readonly number[] | undefined,
): Tensor | UnreadableTensor {
  if (typeof storage === 'string') return new UnreadableTensor(storage);
  if (start === undefined || shape === undefined || strides?.length !== shape.length || shape.length > MAX_RANK) {
    return new UnreadableTensor('its shape is impossible');
  }
  let last = start;
  let elements = 1;
  for (let d = 0; d < shape.length; d++) {
    elements *= shape[d]!;
    last += (shape[d]! - 1) * strides[d]!;
  }
  if (elements > 0 && last >= storage.length) {
    return new UnreadableTensor(`it reaches to element ${last} of a storage of ${storage.length}`);
  }
  if (elements > Math.max(storage.length, MAX_EXPANDED)) return new UnreadableTensor(`it has ${elements} elements`);
  return new Tensor(storage, shape, strides, elements > 0 ? start : 0);
}

function toCount(value: Value): number | undefined {
  if (typeof value !== 'bigint') return undefined;
  const count = Number(value);
  return isCount(count) ? count : undefined;
}

function toCounts(value: Value): number[] | undefined {
  const items = itemsOf(value);
  if (items === undefined) return undefined;
  // Of the right size from the start: an array that grows has room for seventeen, and a large file has many of them.
  const counts = new Array<number>(items.length);
  for (let i = 0; i < items.length; i++) {
    const count = toCount(items[i]!);
    if (count === undefined) return undefined;
    counts[i] = count;
  }
  return counts;
}

/** Turns big-endian elements round. */
function swapping(read: StorageReader, size: number): StorageReader {
  return async (offset, length, place) => {
    const bytes = (await read(offset, length, place)).slice();
    swapBytes(bytes, size);
    return bytes;
  };
}

/** Turns the bytes of each element of `size` bytes round, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  if (size === 1) return;
  for (let i = 0; i + size <= bytes.length; i += size) bytes.subarray(i, i + size).reverse();
}
