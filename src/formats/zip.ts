// Zip archives by random access: the directory is read once, stored entries by range, deflated ones whole.

import { inflateSync } from 'fflate';

import { beyondLimit, checkRange, damaged, isCount, type ByteSource } from './byteSource';
import { LOCAL_HEADER, readZipDirectory, STORED, type ZipDirectory, type ZipEntry } from './zipDirectory';

const MAX_READ = 2 ** 30;
/** Of an entry that is read whole. torch deflates code alone, and whoever packs a model again has fewer objects than this. */
const MAX_INFLATED = 64 * 2 ** 20;
const MAX_TEXT = 1024;
/** A storage that unpacks to more than that must have some of it in the file: a bomb of kilobytes would take a gigabyte. */
const MAX_RATIO = 50;
const decoder = new TextDecoder('utf-8');
const LOCAL_SIGNATURE = 0x04034b50;

/** A zip file whose directory is read, and whose entries are read when they are needed. */
export class ZipArchive {
  /** The storage that was inflated last: kept for who reads it by ranges, and no other beside it. */
  private inflated: { readonly name: string; readonly bytes: Promise<Uint8Array> } | undefined;

  private constructor(
    readonly source: ByteSource,
    readonly entries: ZipDirectory,
  ) {}

  /** @throws AppError as {@link readZipDirectory} does. */
  static async open(source: ByteSource): Promise<ZipArchive> {
    return new ZipArchive(source, await readZipDirectory(source));
  }

  /** The whole entry, inflated where it is deflated, or undefined where there is none. `limit` is in bytes. */
  async read(name: string, limit = MAX_READ): Promise<Uint8Array | undefined> {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    const most = entry.method === STORED ? limit : Math.min(limit, MAX_INFLATED);
    if (entry.size > most) {
      throw beyondLimit(this.source.name, `its entry ${name} would take ${entry.size} bytes, of at most ${most}`);
    }
    return this.readWhole(entry);
  }

  private async readWhole(entry: ZipEntry): Promise<Uint8Array> {
    const raw = await this.source.read(await this.dataOffset(entry), entry.compressedSize);
    return entry.method === STORED ? raw : this.inflate(entry, raw);
  }

  /** A short entry as text without space around it, or undefined where there is none. @throws AppError as {@link read}. */
  async text(name: string): Promise<string | undefined> {
    const bytes = await this.read(name, MAX_TEXT);
    return bytes === undefined ? undefined : decoder.decode(bytes).trim();
  }

  /** A reader for byte ranges of one entry. A deflated entry is inflated whole. */
  rangeReader(entry: ZipEntry): (offset: number, length: number) => Promise<Uint8Array> {
    let start: number | undefined;
    return async (offset, length) => {
      if (!isCount(offset) || !isCount(length) || offset + length > entry.size) {
        throw damaged(this.source.name, `bytes ${offset} to ${offset + length} lie outside its entry ${entry.name}`);
      }
      if (entry.method !== STORED) return (await this.inflatedStorage(entry)).slice(offset, offset + length);
      start ??= await this.dataOffset(entry);
      return this.source.read(start + offset, length);
    };
  }

  private inflatedStorage(entry: ZipEntry): Promise<Uint8Array> {
    const { name, size, compressedSize } = entry;
    if (this.inflated?.name === name) return this.inflated.bytes;
    if (size > Math.min(MAX_READ, Math.max(MAX_INFLATED, MAX_RATIO * compressedSize)))
      throw beyondLimit(this.source.name, `its entry ${name} would unpack from ${compressedSize} bytes to ${size}`);
    const bytes = this.readWhole(entry);
    this.inflated = { name, bytes };
    return bytes;
  }

  /**
   * Where the entry's bytes begin: behind its local header, whose name and padding only that header knows.
   * @throws AppError `corrupt`.
   */
  async dataOffset(entry: ZipEntry): Promise<number> {
    const bytes = await this.source.read(entry.headerOffset, LOCAL_HEADER);
    const header = new DataView(bytes.buffer, bytes.byteOffset, LOCAL_HEADER);
    if (header.getUint32(0, true) !== LOCAL_SIGNATURE || header.getUint16(8, true) !== entry.method) {
      throw damaged(this.source.name, `its directory and its content disagree on ${entry.name}`);
    }
    const offset = entry.headerOffset + LOCAL_HEADER + header.getUint16(26, true) + header.getUint16(28, true);
    checkRange(this.source, offset, entry.compressedSize);
    return offset;
  }

  private inflate(entry: ZipEntry, raw: Uint8Array): Uint8Array {
    // fflate never grows `out`: what a bomb unpacks to beyond its stated size only fills the one spare byte.
    const out = new Uint8Array(entry.size + 1);
    let result: Uint8Array;
    try {
      result = inflateSync(raw, { out });
    } catch (error) {
      throw damaged(this.source.name, `its entry ${entry.name} can't be unpacked`, error);
    }
    if (result.length !== entry.size)
      throw damaged(this.source.name, `its entry ${entry.name} has not its stated size`);
    return result;
  }
}
