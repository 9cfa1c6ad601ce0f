// Tables of FlatBuffers, every access checked: the files are not trusted, and Google's package for JavaScript has no verifier.

import { beyondLimit, damaged } from './byteSource';

/**
 * Of all lists and texts that are read, together: any number of offsets may point to one list, so that a small file can unfold
 * without end.
 */
const MAX_READ = 16 * 2 ** 20;

/** The buffer that its tables share. */
interface Buffer {
  /** Of the file, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of lists and texts that were read. */
  read: number;
}

/** A table at a position of a buffer; fields are numbered in the order of the schema. */
export class FlatTable {
  private constructor(
    private readonly buffer: Buffer,
    private readonly position: number,
  ) {}

  /**
   * The table that a whole buffer is.
   * @param name of the file, for messages.
   * @throws AppError `corrupt` and `limit-exceeded`, as every access does.
   */
  static root(name: string, bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const buffer = { name, bytes, view, read: 0 };
    return new FlatTable(buffer, new FlatTable(buffer, 0).uint(0));
  }

  /** One byte; `otherwise` where the field is left out. */
  byte(field: number, otherwise = 0): number {
    const place = this.place(field);
    return place === undefined ? otherwise : this.buffer.view.getUint8(this.checked(place, 1));
  }

  int(field: number, otherwise = 0): number {
    const place = this.place(field);
    return place === undefined ? otherwise : this.buffer.view.getInt32(this.checked(place, 4), true);
  }

  text(field: number): string {
    const place = this.place(field);
    if (place === undefined) return '';
    const start = this.target(place);
    const length = this.uint(start);
    this.count(length);
    return decoder.decode(this.buffer.bytes.subarray(start + 4, this.checked(start + 4, length) + length));
  }

  table(field: number): FlatTable | undefined {
    const place = this.place(field);
    return place === undefined ? undefined : new FlatTable(this.buffer, this.target(place));
  }

  tables(field: number): FlatTable[] {
    return this.items(field).map((place) => new FlatTable(this.buffer, this.target(place)));
  }

  ints(field: number): number[] {
    return this.items(field).map((place) => this.buffer.view.getInt32(place, true));
  }

  /** Places of the items of a vector whose items have four bytes. */
  private items(field: number): number[] {
    const place = this.place(field);
    if (place === undefined) return [];
    const start = this.target(place);
    const count = this.uint(start);
    this.checked(start + 4, 4 * count);
    this.count(4 * count);
    return Array.from({ length: count }, (_, i) => start + 4 + 4 * i);
  }

  /** Where a field stands; undefined where it is left out. */
  private place(field: number): number | undefined {
    const table = this.position - this.buffer.view.getInt32(this.checked(this.position, 4), true);
    const size = this.buffer.view.getUint16(this.checked(table, 2), true);
    const entry = 4 + 2 * field;
    if (entry + 2 > size) return undefined;
    const offset = this.buffer.view.getUint16(this.checked(table + entry, 2), true);
    return offset === 0 ? undefined : this.position + offset;
  }

  /** What an offset at `place` points to. */
  private target(place: number): number {
    return place + this.uint(place);
  }

  private uint(place: number): number {
    return this.buffer.view.getUint32(this.checked(place, 4), true);
  }

  private checked(place: number, length: number): number {
    const { name, bytes } = this.buffer;
    if (place >= 0 && place + length <= bytes.length) return place;
    throw damaged(name, `it points to byte ${place + length} of ${bytes.length}`);
  }

  private count(length: number): void {
    this.buffer.read += length;
    if (this.buffer.read > MAX_READ)
      throw beyondLimit(this.buffer.name, `its lists and texts take more than ${MAX_READ} bytes`);
  }
}

const decoder = new TextDecoder('utf-8');
