// Tables of FlatBuffers, every access checked: the files are not trusted, and Google's package for JavaScript has no verifier.

import { beyondLimit, damaged } from './byteSource';

const MAX_ITEMS = 10_000_000;

/** A table at a position of a buffer; fields are numbered in the order of the schema. */
export class FlatTable {
  private readonly view: DataView;

  /** @param name of the file, for messages. */
  constructor(
    private readonly name: string,
    private readonly bytes: Uint8Array,
    private readonly position: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The table that a whole buffer is. @throws AppError `corrupt`, as every access does. */
  static root(name: string, bytes: Uint8Array): FlatTable {
    return new FlatTable(name, bytes, new FlatTable(name, bytes, 0).uint(0));
  }

  /** One byte; `otherwise` where the field is left out. */
  byte(field: number, otherwise = 0): number {
    const place = this.place(field);
    return place === undefined ? otherwise : this.view.getUint8(this.checked(place, 1));
  }

  int(field: number, otherwise = 0): number {
    const place = this.place(field);
    return place === undefined ? otherwise : this.view.getInt32(this.checked(place, 4), true);
  }

  text(field: number): string {
    const place = this.place(field);
    if (place === undefined) return '';
    const start = this.target(place);
    const length = this.uint(start);
    return decoder.decode(this.bytes.subarray(start + 4, this.checked(start + 4, length) + length));
  }

  table(field: number): FlatTable | undefined {
    const place = this.place(field);
    return place === undefined ? undefined : new FlatTable(this.name, this.bytes, this.target(place));
  }

  tables(field: number): FlatTable[] {
    return this.items(field).map((place) => new FlatTable(this.name, this.bytes, this.target(place)));
  }

  ints(field: number): number[] {
    return this.items(field).map((place) => this.view.getInt32(place, true));
  }

  /** Places of the items of a vector whose items have four bytes. */
  private items(field: number): number[] {
    const place = this.place(field);
    if (place === undefined) return [];
    const start = this.target(place);
    const count = this.uint(start);
    if (count > MAX_ITEMS) throw beyondLimit(this.name, `a list in it has ${count} items`);
    this.checked(start + 4, 4 * count);
    return Array.from({ length: count }, (_, i) => start + 4 + 4 * i);
  }

  /** Where a field stands; undefined where it is left out. */
  private place(field: number): number | undefined {
    const table = this.position - this.view.getInt32(this.checked(this.position, 4), true);
    const size = this.view.getUint16(this.checked(table, 2), true);
    const entry = 4 + 2 * field;
    if (entry + 2 > size) return undefined;
    const offset = this.view.getUint16(this.checked(table + entry, 2), true);
    return offset === 0 ? undefined : this.position + offset;
  }

  /** What an offset at `place` points to. */
  private target(place: number): number {
    return place + this.uint(place);
  }

  private uint(place: number): number {
    return this.view.getUint32(this.checked(place, 4), true);
  }

  private checked(place: number, length: number): number {
    if (place >= 0 && place + length <= this.bytes.length) return place;
    throw damaged(this.name, `it points to byte ${place + length} of ${this.bytes.length}`);
  }
}

const decoder = new TextDecoder('utf-8');
