// Files of torch.save before 1.6: five pickles one after the other, then the storages; older still, a tar of such pickles.

import { itemSize, type DType } from '../model/dtype';
import { Storage, type StorageReader, type Value } from '../runtime/program';
import { AppError } from '../util/errors';
import { beyondLimit, checkRange, damaged, type ByteSource } from './byteSource';
import type { Format, OpenedFile } from './format';
import { modeWriter, type WritableModel } from './modeWriter';
import type { Peek } from './peek';
import { unpickleAt } from './pickle';
import { inByteOrder, StorageTable } from './storages';
import { openSaved, writableSaved, type Saved } from './torchSave';
import { TorchSaveHost } from './torchSaveHost';

/** The pickled magic number with which such a file begins. */
const MAGIC = '\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.';
const MAX_PICKLE = 512 * 2 ** 20;
const FIRST_WINDOW = 2 ** 20;
/** Each storage begins with the number of its elements. */
const COUNT_BYTES = 8;

export const legacyTorchSave: Format = {
  name: 'torch.save before PyTorch 1.6',
  extensions: ['pt', 'pth', 'bin', 'ckpt'],
  match: isLegacyTorchSave,
  open,
};

async function open(peek: Peek): Promise<OpenedFile> {
  const { name } = peek.source;
  return { ...openSaved(name, await readLegacyTorchSave(peek)), writer: modeWriter(name, () => writable(peek)) };
}

/** Reads the objects again, for the places of what can be changed. */
async function writable(peek: Peek): Promise<WritableModel> {
  const saved = await readLegacyTorchSave(peek, true);
  // The pickles are read from the start of the file on, so that their offsets are the file's.
  const pickle = { offset: 0 };
  return {
    modules: writableSaved(peek.source.name, saved),
    pickle,
    storages: saved.storages.places(),
    bigEndian: false,
  };
}

export function isLegacyTorchSave(peek: Peek): boolean {
  return peek.startsWith(MAGIC);
}

interface SavedLegacy extends Saved {
  readonly storages: LegacyStorages;
}

/** @throws AppError `corrupt`, `limit-exceeded`. */
export async function readLegacyTorchSave({ source }: Peek, markBooleans = false): Promise<SavedLegacy> {
  // How long the pickles are shows only by reading them, and the storages behind them may be gigabytes.
  for (let window = FIRST_WINDOW; ; window *= 4) {
    const length = Math.min(window, source.size, MAX_PICKLE);
    try {
      return readPickles(source, await source.read(0, length), markBooleans);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'corrupt') || length === source.size) throw error;
      if (length === MAX_PICKLE) throw beyondLimit(source.name, `its pickles take more than ${MAX_PICKLE} bytes`);
    }
  }
}

function readPickles(source: ByteSource, bytes: Uint8Array, markBooleans: boolean): SavedLegacy {
  const storages = new LegacyStorages(source);
  const host = new TorchSaveHost(new StorageTable(storages.find));
  let position = MAGIC.length;
  const next = (what: string, withHost?: TorchSaveHost): Value => {
    const { value, end } = unpickleAt(bytes, position, `${what} of ${source.name}`, withHost, markBooleans);
    position = end;
    return value;
  };
  next('the protocol version');
  next('the system information');
  const value = next('the saved object', host);
  storages.place(next('the list of storages'), position);
  return { value, host, storages };
}

/** The storages behind the pickles, in the order of the list of their keys. */
class LegacyStorages {
  private readonly sizes = new Map<string, { readonly dtype: DType; readonly count: number }>();
  private readonly offsets = new Map<string, number>();
  private readonly made = new Map<Storage, string>();

  constructor(private readonly source: ByteSource) {}

  /** The pickle of the object comes before the list, so that places are known only later; readers ask for them then. */
  readonly find = (key: string, dtype: DType, count: number): Storage => {
    this.sizes.set(key, { dtype, count });
    const storage = Storage.lazy(dtype, count, this.reader(key, dtype, count));
    this.made.set(storage, key);
    return storage;
  };

  /** Where the elements of each storage begin. */
  places(): ReadonlyMap<Storage, { readonly offset: number }> {
    const places = new Map<Storage, { readonly offset: number }>();
    for (const [storage, key] of this.made) {
      const offset = this.offsets.get(key);
      if (offset !== undefined) places.set(storage, { offset: offset + COUNT_BYTES });
    }
    return places;
  }

  place(keys: Value, start: number): void {
    const { name } = this.source;
    if (!Array.isArray(keys)) throw damaged(name, 'it has no list of storages');
    let offset = start;
    for (const key of keys) {
      const size = typeof key === 'string' ? this.sizes.get(key) : undefined;
      // The size of a storage that the object does not use is unknown, and so is where the next one begins.
      if (size === undefined) break;
      this.offsets.set(key as string, offset);
      offset += COUNT_BYTES + size.count * itemSize[size.dtype];
    }
    if (offset > this.source.size)
      throw damaged(name, `its storages should end at byte ${offset} of ${this.source.size}`);
  }

  private reader(key: string, dtype: DType, count: number): StorageReader {
    let checked = false;
    const read: StorageReader = async (offset, length) => {
      const start = this.offsets.get(key);
      if (start === undefined) throw damaged(this.source.name, `its storage ${key} is missing`);
      if (!checked) {
        const header = await this.source.read(start, COUNT_BYTES);
        const stored = new DataView(header.buffer, header.byteOffset).getBigInt64(0, true);
        if (stored !== BigInt(count)) {
          throw damaged(this.source.name, `its storage ${key} has ${stored} elements where ${count} are expected`);
        }
        checked = true;
      }
      checkRange(this.source, start + COUNT_BYTES + offset, length);
      return this.source.read(start + COUNT_BYTES + offset, length);
    };
    return inByteOrder(read, dtype, false);
  }
}
