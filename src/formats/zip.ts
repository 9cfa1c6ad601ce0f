// Zip archives by random access: the directory is read once, stored entries by range, deflated ones whole.

import type { Reader } from '@zip.js/zip.js';
import { inflateSync } from 'fflate';

import { AppError } from '../util/errors';
import { beyondLimit, checkRange, damaged, isCount, type ByteSource } from './byteSource';

const MAX_ENTRIES = 2_000_000;
const MAX_NAME = 4096;
const MAX_DIRECTORY = 512 * 2 ** 20;
const MAX_INFLATED = 2 ** 30;
/** No deflate stream expands further than this. */
const MAX_RATIO = 1032;
const LOCAL_HEADER = 30;
const LOCAL_SIGNATURE = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/** One file in the archive, as the directory describes it. Sizes and the offset of the local header are in bytes. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly compressedSize: number;
  readonly method: number;
  readonly headerOffset: number;
}

/** The directory of a zip file. Entries with one name twice, or that overlap, or that reach outside the file are refused. */
export class ZipArchive {
  private constructor(
    readonly source: ByteSource,
    readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {}

  /** @throws AppError `corrupt` for a truncated or contradictory directory, `limit-exceeded` for an absurd one. */
  static async open(source: ByteSource): Promise<ZipArchive> {
    const entries = await readDirectory(source);
    checkPlacement(source, entries);
    return new ZipArchive(source, entries);
  }

  /** The whole entry, inflated where it is deflated, or undefined where there is none. `limit` is in bytes. */
  async read(name: string, limit = MAX_INFLATED): Promise<Uint8Array | undefined> {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.size > limit) {
      throw beyondLimit(this.source.name, `its entry ${name} would take ${entry.size} bytes, of at most ${limit}`);
    }
    const raw = await this.source.read(await this.dataOffset(entry), entry.compressedSize);
    return entry.method === STORED ? raw : this.inflate(entry, raw);
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
      return (await inflated)?.subarray(offset, offset + length) ?? new Uint8Array();
    };
  }

  /** Where the entry's bytes begin: behind its local header, whose name and padding only that header knows. */
  private async dataOffset(entry: ZipEntry): Promise<number> {
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
    if (result.length !== entry.size) throw damaged(this.source.name, `its entry ${entry.name} has not its stated size`);
    return result;
  }
}

async function readDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  // Loaded on first use: it is the largest part of opening a small file. This entry point has neither writer nor workers.
  const { ZipReader } = await import('@zip.js/zip.js/lib/zip-core-reader.js');
  const reader = new ZipReader(directoryReader(source), { useWebWorkers: false });
  const entries = new Map<string, ZipEntry>();
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      const { filename: name, compressionMethod: method } = entry;
      if (entries.size >= MAX_ENTRIES) throw beyondLimit(source.name, `it has more than ${MAX_ENTRIES} entries`);
      if (name.length > MAX_NAME) throw beyondLimit(source.name, 'it has an entry with an overlong name');
      if (entries.has(name)) throw damaged(source.name, `it has two entries named ${name}`);
      if (entry.directory) continue;
      if (entry.encrypted) {
        throw new AppError('unsupported-format', `${source.name} is encrypted`, 'Unpack it with its password first.');
      }
      // A copy of the few fields that matter: the library's objects are large, and archives have many thousands.
      const { uncompressedSize: size, compressedSize, offset: headerOffset } = entry;
      entries.set(name, checkEntry(source, { name, size, compressedSize, method, headerOffset }));
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw damaged(source.name, `its zip directory can't be read (${error instanceof Error ? error.message : 'unknown'})`, error);
  }
  return entries;
}

/** What zip.js asks of a reader; it expects short reads, rather than errors, beyond the end. */
function directoryReader(source: ByteSource): Reader<unknown> {
  const reader = {
    size: source.size,
    readUint8Array: async (offset: number, length: number): Promise<Uint8Array> => {
      const count = Math.max(0, Math.min(length, source.size - offset));
      if (count > MAX_DIRECTORY) throw beyondLimit(source.name, `its zip directory takes ${count} bytes`);
      return count === 0 ? new Uint8Array() : source.read(offset, count);
    },
  };
  return reader as unknown as Reader<unknown>;
}

function checkEntry(source: ByteSource, entry: ZipEntry): ZipEntry {
  const { name, size, compressedSize, method, headerOffset } = entry;
  if (method !== STORED && method !== DEFLATED) {
    throw new AppError(
      'unsupported-format',
      `${source.name} packs ${name} with zip method ${method}`,
      'Pack it again with the methods stored or deflate.',
    );
  }
  if (!isCount(size)) throw damaged(source.name, `its entry ${name} has an impossible size`);
  checkRange(source, headerOffset, LOCAL_HEADER + compressedSize);
  if (method === STORED ? size !== compressedSize : size > compressedSize * MAX_RATIO + LOCAL_HEADER) {
    throw damaged(source.name, `its entry ${name} states ${size} bytes but has ${compressedSize}`);
  }
  return entry;
}

/** Entries that share bytes are how small files pretend to be large ones; no honest writer makes them. */
function checkPlacement(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>): void {
  const ordered = [...entries.values()].sort((a, b) => a.headerOffset - b.headerOffset);
  let end = 0;
  for (const { name, headerOffset, compressedSize } of ordered) {
    if (headerOffset < end) throw damaged(source.name, `its entry ${name} overlaps another one`);
    end = headerOffset + LOCAL_HEADER + compressedSize;
  }
}
