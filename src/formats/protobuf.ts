// Protobuf messages of files of any size: structure is read, long fields that hold no structure are left in the file.

import { PbfReader } from 'pbf';

import { beyondLimit, damaged, type ByteSource } from './byteSource';

/** Messages up to this many bytes are read whole; longer fields of text or bytes stay in the file. */
const MAX_SMALL = 2 ** 16;
const FIRST_WINDOW = 2 ** 12;
const MAX_WINDOW = 2 ** 20;
/** A field of two bytes takes forty times that in memory, and a message more; a graph of 28,000 nodes with all notes has as many. */
const MAX_FIELDS = 2_000_000;
const MAX_MESSAGES = 700_000;
const MAX_DEPTH = 64;

/** Which fields of a message are messages that may be long, by number. */
export type Layout = ReadonlyMap<number, () => Layout>;

/** One field as it stands in the file. */
export class Field {
  /** A long message, already read. */
  message: Message | undefined;
  /** Holds the content of a field that is not long, from `offset` on: a view for each would take more than all else. */
  private holder: Uint8Array | undefined;
  private offset = 0;

  /** `start` and `end` bound the content. */
  constructor(
    readonly number: number,
    /** Of a varint or a fixed-size number, signed; NaN for a length-delimited field. */
    readonly value: number,
    readonly start: number,
    readonly end: number,
  ) {}

  /** Raw four or eight bytes, text, bytes or a message; empty for a varint; undefined where the field is long. */
  get bytes(): Uint8Array | undefined {
    const { holder, offset, start, end } = this;
    return end === start ? none : holder?.subarray(offset, offset + end - start);
  }

  /** Tells where the content lies. */
  hold(holder: Uint8Array, offset: number): void {
    this.holder = holder;
    this.offset = offset;
  }
}

/** The fields of one message, in the order of the file. */
export class Message {
  constructor(
    private readonly reader: ProtobufReader,
    readonly fields: readonly Field[],
  ) {}

  all(number: number): Field[] {
    return this.fields.filter((field) => field.number === number);
  }

  /** The last field of this number, which is the one that counts. */
  last(number: number): Field | undefined {
    return this.fields.findLast((field) => field.number === number);
  }

  int(number: number): number {
    return this.last(number)?.value ?? 0;
  }

  text(number: number): string {
    const field = this.last(number);
    return field === undefined ? '' : this.reader.text(field);
  }

  texts(number: number): string[] {
    return this.all(number).map((field) => this.reader.text(field));
  }

  messages(number: number): Message[] {
    return this.all(number).map((field) => this.reader.message(field));
  }

  /** Repeated whole numbers, packed or not. */
  ints(number: number): number[] {
    return this.all(number).flatMap((field) => (Number.isNaN(field.value) ? this.reader.packed(field) : [field.value]));
  }

  /** A float of four bytes. */
  float(number: number): number | undefined {
    const bytes = this.last(number)?.bytes;
    return bytes?.length === 4 ? new PbfReader(bytes).readFloat() : undefined;
  }
}

/** Reads the messages of one file. */
export class ProtobufReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;
  private windowSize = FIRST_WINDOW;
  private windowReader = new PbfReader(none);
  private fieldCount = 0;
  private messageCount = 0;

  constructor(readonly source: ByteSource) {}

  /** The message at these bytes, and the long messages in it. @throws AppError `corrupt`, `limit-exceeded`. */
  async read(start: number, end: number, layout: Layout, depth = 0): Promise<Message> {
    if (depth > MAX_DEPTH) throw beyondLimit(this.source.name, `its messages are nested more than ${MAX_DEPTH} deep`);
    if (end - start <= MAX_SMALL) return new Message(this, this.split(await this.bytes(start, end - start), start));
    const fields: Field[] = [];
    for (let position = start; position < end;) {
      const first = Math.min(LONGEST_HEADER, end - position);
      if (!this.inWindow(position, first)) await this.moveWindow(position, first);
      this.windowReader.pos = position - this.windowStart;
      const field = this.field(this.windowReader, this.windowStart, end);
      position = field.end;
      const length = field.end - field.start;
      if (length > MAX_SMALL) {
        const child = layout.get(field.number);
        if (child !== undefined) field.message = await this.read(field.start, field.end, child(), depth + 1);
      } else {
        if (!this.inWindow(field.start, length)) await this.moveWindow(field.start, length);
        field.hold(this.window, field.start - this.windowStart);
      }
      fields.push(field);
    }
    return new Message(this, fields);
  }

  /** A field as a message. @throws AppError `corrupt`, `limit-exceeded`. */
  message(field: Field): Message {
    if (++this.messageCount > MAX_MESSAGES)
      throw beyondLimit(this.source.name, `it has more than ${MAX_MESSAGES} messages`);
    return field.message ?? new Message(this, this.split(this.contentOf(field), field.start));
  }

  text(field: Field): string {
    return field.end === field.start ? '' : decoder.decode(this.contentOf(field));
  }

  packed(field: Field): number[] {
    return this.packedIn(this.contentOf(field));
  }

  /** Whole numbers that were packed into these bytes, as many as there are; those of 64 bits lose their lowest. */
  packedIn(bytes: Uint8Array): number[] {
    const reader = new PbfReader(bytes);
    const values: number[] = [];
    while (reader.pos < bytes.length) values.push(this.varint(reader, 0));
    return values;
  }

  /** The same, exact in all 64 bits: exporters write INT64_MAX for an end that is open. */
  packedWide(bytes: Uint8Array): bigint[] {
    const values: bigint[] = [];
    let value = 0n;
    let shift = 0n;
    for (const byte of bytes) {
      if (shift > 63n) throw this.brokenList();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte >= 0x80) continue;
      values.push(BigInt.asIntN(64, value));
      value = 0n;
      shift = 0n;
    }
    if (shift > 0n) throw this.brokenList();
    return values;
  }

  private brokenList(): Error {
    return damaged(
      this.source.name,
      'a list of whole numbers in it ends in the middle of one, or has one beyond 64 bits',
    );
  }

  private contentOf({ bytes, start, end }: Field): Uint8Array {
    if (bytes === undefined) {
      throw beyondLimit(this.source.name, `a text or list in it has ${end - start} bytes, at byte ${start}`);
    }
    return bytes;
  }

  private split(bytes: Uint8Array, start: number): Field[] {
    const fields: Field[] = [];
    for (const reader = new PbfReader(bytes); reader.pos < bytes.length;) {
      const field = this.field(reader, start, start + bytes.length);
      field.hold(bytes, field.start - start);
      fields.push(field);
      reader.pos = field.end - start;
    }
    return fields;
  }

  /** The field at the place of the reader, whose bytes begin at `base` of the file; its content must end by `limit`. */
  private field(reader: PbfReader, base: number, limit: number): Field {
    if (++this.fieldCount > MAX_FIELDS) throw beyondLimit(this.source.name, `it has more than ${MAX_FIELDS} fields`);
    const position = base + reader.pos;
    const tag = this.varint(reader, base);
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (number < 1) throw this.broken(position);
    // The value of a varint stands between start and end, and is not needed as bytes.
    const value = kind === VARINT || kind === DELIMITED ? this.varint(reader, base) : NaN;
    const length = kind === DELIMITED ? value : (fixedSizes[kind] ?? NaN);
    const start = base + reader.pos;
    const end = start + length;
    if (!(length >= 0) || !(end <= limit)) throw this.broken(position);
    return new Field(number, kind === VARINT ? value : NaN, start, end);
  }

  private varint(reader: PbfReader, base: number): number {
    const position = base + reader.pos;
    let value = NaN;
    try {
      value = reader.readVarint(true);
    } catch {
      // More than ten bytes.
    }
    if (Number.isNaN(value) || reader.pos > reader.length) throw this.broken(position);
    return value;
  }

  private broken(position: number): Error {
    return damaged(this.source.name, `there is no protobuf field at byte ${position}`);
  }

  private async bytes(start: number, length: number): Promise<Uint8Array> {
    if (!this.inWindow(start, length)) await this.moveWindow(start, length);
    return this.window.subarray(start - this.windowStart, start - this.windowStart + length);
  }

  /** Asked first, since waiting takes longer than reading a short field. */
  private inWindow(start: number, length: number): boolean {
    const offset = start - this.windowStart;
    return length === 0 || (offset >= 0 && offset + length <= this.window.length);
  }

  /** The window grows while reading goes on, and is small again after a jump over a tensor. */
  private async moveWindow(start: number, length: number): Promise<void> {
    const offset = start - this.windowStart;
    const follows = offset >= 0 && offset <= this.window.length;
    this.windowSize = follows ? Math.min(MAX_WINDOW, 2 * this.windowSize) : FIRST_WINDOW;
    const size = Math.min(Math.max(length, this.windowSize), this.source.size - start);
    this.window = await this.source.read(start, Math.max(size, length));
    this.windowReader = new PbfReader(this.window);
    this.windowStart = start;
  }
}

const none = new Uint8Array(0);
/** A tag and a length, ten bytes each. */
const LONGEST_HEADER = 20;
const VARINT = 0;
const DELIMITED = 2;
/** Bytes of the content by wire type; of a varint nothing is left once it is read. */
const fixedSizes: Readonly<Record<number, number>> = { 0: 0, 1: 8, 5: 4 };
const decoder = new TextDecoder('utf-8');
