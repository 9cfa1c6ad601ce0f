// Zip archives by random access: the directory is read once, stored entries by range, deflated ones whole.

import { inflateSync } from 'fflate';

import { beyondLimit, checkRange, damaged, isCount, type ByteSource } from './byteSource';
import { LOCAL_HEADER, readZipDirectory, STORED, type ZipDirectory, type ZipEntry } from './zipDirectory';

const MAX_INFLATED = 2 ** 30;
const MAX_TEXT = 1024;
/** An entry that unpacks to more than this must have some of it in the file: a bomb of kilobytes would take a gigabyte. */
const ALWAYS_INFLATED = 64 * 2 ** 20;
/** Objects of torch shrink to a thirty-fifth. */
const MAX_RATIO = 50;
const decoder = new TextDecoder('utf-8');
const LOCAL_SIGNATURE = 0x04034b50;

/** A zip file whose directory is read, and whose entries are read when they are needed. */
export class ZipArchive {
  private constructor(
    readonly source: ByteSource,
    readonly entries: ZipDirectory,
  ) {}

  /** @throws AppError as {@link readZipDirectory} does. */
  static async open(source: ByteSource): Promise<ZipArchive> {
    return new ZipArchive(source, await readZipDirectory(source));
  }

  /** The whole entry, inflated where it is deflated, or undefined where there is none. `limit` is in bytes. */
  async read(name: string, limit = MAX_INFLATED): Promise<Uint8Array | undefined> {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.size > limit) {
      throw beyondLimit(this.source.name, `its entry ${name} would take ${entry.size} bytes, of at most ${limit}`);
    }
    if (entry.size > Math.max(ALWAYS_INFLATED, MAX_RATIO * entry.compressedSize)) {
      throw beyondLimit(
        this.source.name,
        `its entry ${name} would unpack from ${entry.compressedSize} bytes to ${entry.size}`,
      );
    }
    const raw = await this.source.read(await this.dataOffset(entry), entry.compressedSize);
    return entry.method === STORED ? raw : this.inflate(entry, raw);
  }

  /** A short entry as text without space around it, or undefined where there is none. @throws AppError as {@link read}. */
  async text(name: string): Promise<string | undefined> {
    const bytes = await this.read(name, MAX_TEXT);
    return bytes === undefined ? undefined : decoder.decode(bytes).trim();
  }

  /** A reader for byte ranges of one entry. A deflated entry is inflated at the first read and kept. */
  rangeReader(entry: ZipEntry): (offset: number, length: number) => Promise<Uint8Array> {
    let start: number | undefined;
    let inflated: Promise<Uint8Array | undefined> | undefined;
    return async (offset, length) => {
      if (!isCount(offset) || !isCount(length) || offset + length > entry.size) {
        throw damaged(this.source.name, `bytes ${offset} to ${offset + length} lie outside its entry ${entry.name}`);
      }
      if (entry.method === STORED) {
        start ??= await this.dataOffset(entry);
        return this.source.read(start + offset, length);
      }
      inflated ??= this.read(entry.name);
      return (await inflated)?.slice(offset, offset + length) ?? new Uint8Array();
    };
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
