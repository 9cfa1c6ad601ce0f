// The directory of a zip file. Written for torch's archives: torch always adds a zip64 end record, without the markers by which
// zip.js decides to look at it, so that zip.js refuses an archive whose first entry has a name of 30 characters; and it takes 25 us
// an entry, where large models have tens of thousands.

import { AppError } from '../util/errors';
import { beyondLimit, checkRange, damaged, type ByteSource } from './byteSource';
import { ShortTexts } from './shortTexts';

/** 600,000 entries as torch names them; a checkpoint of 100,000 parameters with an optimizer's state has 400,000. */
const MAX_DIRECTORY = 48 * 2 ** 20;
const MAX_NAME = 4096;
/** No deflate stream expands further than this. */
const MAX_RATIO = 1032;

const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
const MAX_COMMENT = 65_535;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_SIZE = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_SIZE = 56;
const RECORD_SIGNATURE = 0x02014b50;
const RECORD_SIZE = 46;
const ZIP64_EXTRA = 1;
const UNKNOWN = 0xffffffff;
const ENCRYPTED = 1;

/** Size of a local header without its name and padding. */
export const LOCAL_HEADER = 30;
export const STORED = 0;
const DEFLATED = 8;

/** One file in the archive, as the directory describes it. Sizes and the offset of the local header are in bytes. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly compressedSize: number;
  readonly method: number;
  readonly headerOffset: number;
  /** Where the directory's own record of the entry begins. */
  readonly recordOffset: number;
}

/** The files in an archive by name, folders left out, in the order of the directory. Its records are kept as bytes and read anew. */
export class ZipDirectory {
  private readonly view: DataView;
  private readonly texts: ShortTexts;
  private readonly names: string[] = [];
  /** Those that end in no digit; see {@link keysOfNoStorage}. */
  private readonly otherNames: string[] = [];
  /** Where the records of these begin in the bytes. */
  private readonly positions: number[] = [];
  private readonly indices = new Map<string, number>();
  private ordered = true;
  /** Behind the entry that stands last in the file so far. */
  private end = 0;

  /** @param bytes of the directory, which begins at `offset` in the file. */
  constructor(
    private readonly source: ByteSource,
    private readonly bytes: Uint8Array,
    private readonly offset: number,
  ) {
    this.view = viewOf(bytes);
    this.texts = new ShortTexts(bytes);
  }

  get size(): number {
    return this.names.length;
  }

  /** In the order of the directory. */
  keys(): readonly string[] {
    return this.names;
  }

  /** The same without names that end in a digit, as those of storages do: the few by which a format knows its files. */
  keysOfNoStorage(): readonly string[] {
    return this.otherNames;
  }

  has(name: string): boolean {
    return this.indices.has(name);
  }

  get(name: string): ZipEntry | undefined {
    const index = this.indices.get(name);
    return index === undefined ? undefined : this.at(index);
  }

  /** The entry of that number, in the order of the directory. */
  at(index: number): ZipEntry {
    return this.entry(this.names[index]!, this.positions[index]!);
  }

  /** Its size, unpacked, in bytes. */
  sizeAt(index: number): number {
    const size = this.view.getUint32(this.positions[index]! + 24, true);
    return size === UNKNOWN ? this.at(index).size : size;
  }

  /**
   * The number of the entry with this name in the folder, which is given with its slash; undefined where there is none.
   * @param guess is tried first: what is asked for in order needs no look into a table.
   */
  find(folder: string, name: string, guess: number): number | undefined {
    const guessed = this.names[guess];
    if (guessed?.length === folder.length + name.length && guessed.endsWith(name) && guessed.startsWith(folder))
      return guess;
    return this.indices.get(folder + name);
  }

  /** Takes up and checks `count` records; see {@link readZipDirectory}. */
  readAll(count: number): void {
    const { source, bytes, view } = this;
    let position = 0;
    for (let i = 0; i < count; i++) {
      if (position + RECORD_SIZE > bytes.length || view.getUint32(position, true) !== RECORD_SIGNATURE) {
        throw damaged(source.name, `its zip directory ends after ${i} of ${count} entries`);
      }
      const nameEnd = position + RECORD_SIZE + view.getUint16(position + 28, true);
      const next = nameEnd + view.getUint16(position + 30, true) + view.getUint16(position + 32, true);
      if (next > bytes.length) throw damaged(source.name, 'its zip directory ends in the middle of an entry');
      this.readRecord(position, nameEnd);
      position = next;
    }
    if (!this.ordered) this.checkPlacement();
  }

  private readRecord(position: number, nameEnd: number): void {
    const { source, view, names } = this;
    const nameStart = position + RECORD_SIZE;
    if (nameEnd - nameStart > MAX_NAME) throw beyondLimit(source.name, 'it has an entry with an overlong name');
    const name = this.texts.decode(nameStart, nameEnd);
    const compressedSize = view.getUint32(position + 20, true);
    const size = view.getUint32(position + 24, true);
    const headerOffset = view.getUint32(position + 42, true);
    const end = headerOffset + LOCAL_HEADER + compressedSize;
    // Most entries are a storage behind the one before, for which this is all that can be wrong.
    if (
      view.getUint16(position + 10, true) !== STORED ||
      (view.getUint16(position + 8, true) & ENCRYPTED) !== 0 ||
      size !== compressedSize ||
      size === 0 ||
      size === UNKNOWN ||
      headerOffset === UNKNOWN ||
      headerOffset < this.end ||
      end > source.size
    ) {
      const entry = this.entry(name, position);
      if (entry.size === 0 && name.endsWith('/')) return;
      checkEntry(source, entry, (view.getUint16(position + 8, true) & ENCRYPTED) !== 0);
      if (entry.headerOffset < this.end) this.ordered = false;
      this.end = Math.max(this.end, endOf(entry));
    } else {
      this.end = end;
    }
    this.positions.push(position);
    if (!isDigit(this.bytes[nameEnd - 1])) this.otherNames.push(name);
    if (this.indices.set(name, names.length).size !== names.push(name)) {
      throw damaged(source.name, `it has two entries named ${name}`);
    }
  }

  /** Entries that share bytes are how small files pretend to be large ones; no honest writer makes them. */
  private checkPlacement(): void {
    const entries = this.names.map((_, index) => this.at(index));
    entries.sort((a, b) => a.headerOffset - b.headerOffset);
    let end = 0;
    for (const entry of entries) {
      if (entry.headerOffset < end) throw damaged(this.source.name, `its entry ${entry.name} overlaps another one`);
      end = endOf(entry);
    }
  }

  private entry(name: string, position: number): ZipEntry {
    const { view } = this;
    let compressedSize = view.getUint32(position + 20, true);
    let size = view.getUint32(position + 24, true);
    let headerOffset = view.getUint32(position + 42, true);
    if (size === UNKNOWN || compressedSize === UNKNOWN || headerOffset === UNKNOWN) {
      // The zip64 field holds, in this order, just those numbers that did not fit.
      const extra = position + RECORD_SIZE + view.getUint16(position + 28, true);
      let at = findExtra(view, extra, extra + view.getUint16(position + 30, true));
      const wide = (narrow: number): number => {
        if (narrow !== UNKNOWN || at === undefined || at + 8 > view.byteLength) return narrow;
        at += 8;
        return Number(view.getBigUint64(at - 8, true));
      };
      size = wide(size);
      compressedSize = wide(compressedSize);
      headerOffset = wide(headerOffset);
    }
    const method = view.getUint16(position + 10, true);
    return { name, size, compressedSize, method, headerOffset, recordOffset: this.offset + position };
  }
}

/**
 * Reads and checks the directory of a zip file.
 * @throws AppError `corrupt` where the end is missing or entries repeat a name, overlap or leave the file; `unsupported-format` for
 * encryption and compression methods other than deflate; `limit-exceeded` for absurd sizes.
 */
export async function readZipDirectory(source: ByteSource): Promise<ZipDirectory> {
  const { offset, size, count } = await findDirectory(source);
  if (size > MAX_DIRECTORY) throw beyondLimit(source.name, `its zip directory takes ${size} bytes`);
  checkRange(source, offset, size);
  const directory = new ZipDirectory(source, await source.read(offset, size), offset);
  directory.readAll(count);
  return directory;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** The end record is found from the back; a comment may follow it. A zip64 end record before it is the more exact one. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailOffset = Math.max(0, source.size - END_SIZE - MAX_COMMENT - LOCATOR_SIZE);
  const tail = await source.read(tailOffset, source.size - tailOffset);
  const view = viewOf(tail);
  for (let end = tail.length - END_SIZE; end >= 0; end--) {
    if (view.getUint32(end, true) !== END_SIGNATURE) continue;
    if (end + END_SIZE + view.getUint16(end + 20, true) !== tail.length) continue;
    const locator = end - LOCATOR_SIZE;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_SIGNATURE) {
      const end64 = viewOf(await source.read(Number(view.getBigUint64(locator + 8, true)), END64_SIZE));
      if (end64.getUint32(0, true) !== END64_SIGNATURE) throw damaged(source.name, 'its zip64 end record is missing');
      return {
        offset: Number(end64.getBigUint64(48, true)),
        size: Number(end64.getBigUint64(40, true)),
        count: Number(end64.getBigUint64(32, true)),
      };
    }
    return {
      offset: view.getUint32(end + 16, true),
      size: view.getUint32(end + 12, true),
      count: view.getUint16(end + 10, true),
    };
  }
  throw damaged(source.name, 'the end of its zip directory is missing');
}

function isDigit(character: number | undefined): boolean {
  return character !== undefined && character >= 0x30 && character <= 0x39;
}

/** Where the content of the zip64 field begins, or undefined. */
function findExtra(view: DataView, start: number, end: number): number | undefined {
  for (let at = start; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) === ZIP64_EXTRA) return at + 4;
  }
  return undefined;
}

function checkEntry(source: ByteSource, entry: ZipEntry, isEncrypted: boolean): void {
  const { name, size, compressedSize, method, headerOffset } = entry;
  if (isEncrypted) {
    throw new AppError('unsupported-format', `${source.name} is encrypted`, 'Unpack it with its password first.');
  }
  if (method !== STORED && method !== DEFLATED) {
    throw new AppError(
      'unsupported-format',
      `${source.name} packs ${name} with zip method ${method}`,
      'Pack it again with the methods stored or deflate.',
    );
  }
  checkRange(source, headerOffset, LOCAL_HEADER + compressedSize);
  if (method === STORED ? size !== compressedSize : size > compressedSize * MAX_RATIO + LOCAL_HEADER) {
    throw damaged(source.name, `its entry ${name} states ${size} bytes but has ${compressedSize}`);
  }
}

/** Behind the entry's bytes, as far as the directory tells. */
function endOf({ headerOffset, compressedSize }: ZipEntry): number {
  return headerOffset + LOCAL_HEADER + compressedSize;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
