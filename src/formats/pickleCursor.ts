// Reads the primitive parts of a pickle: numbers, lines and strings, each checked against the end of the bytes.

import type { AppError } from '../util/errors';
import { beyondLimit, damaged } from './byteSource';
import { ShortTexts } from './shortTexts';

const MAX_LINE = 65_536;
/** Hashes have up to 64; longer ones take long to read. */
const MAX_INTEGER_BYTES = 128;
const MAX_DIGITS = 320;
const CHARACTERS_AT_ONCE = 4096;
/** Bytes. */
const MAX_COPIED = 65_536;

export class PickleCursor {
  position = 0;
  readonly texts: ShortTexts;
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    /** Names the pickle in messages: `data.pkl of net.pt`. */
    readonly what: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.texts = new ShortTexts(bytes);
  }

  /** Moves on by `count` bytes and returns where they start. */
  private take(count: number): number {
    const start = this.position;
    const end = start + count;
    if (end > this.bytes.length) throw this.error('it ends in the middle of a value');
    this.position = end;
    return start;
  }

  u8(): number {
    return this.bytes[this.take(1)]!;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** An unsigned 64-bit length; one beyond the bytes is refused by the read that follows. */
  u64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  /** Big-endian, unlike everything else. */
  f64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  /** Long ones are a view, since an array of numpy would take its memory twice; a short view would keep the whole pickle. */
  slice(length: number): Uint8Array {
    const start = this.take(length);
    const { bytes } = this;
    return length > MAX_COPIED ? bytes.subarray(start, start + length) : bytes.slice(start, start + length);
  }

  utf8(length: number): string {
    const start = this.take(length);
    return this.texts.decode(start, start + length);
  }

  /** Python 2 strings: one byte a character, which may be any. */
  latin1(length: number): string {
    const start = this.take(length);
    let text = '';
    for (let i = start; i < this.position; i += CHARACTERS_AT_ONCE)
      text += String.fromCharCode(...this.bytes.subarray(i, Math.min(i + CHARACTERS_AT_ONCE, this.position)));
    return text;
  }

  /** The text up to the end of the line, which is skipped. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw this.error('it ends in the middle of a line');
    if (end - this.position > MAX_LINE) throw beyondLimit(this.what, 'it has an overlong line');
    const text = this.utf8(end - this.position);
    this.position = end + 1;
    return text;
  }

  /** Little-endian two's complement of any length. */
  long(length: number): bigint {
    if (length === 0) return 0n;
    if (length < 0) throw this.error('it has an integer of negative length');
    if (length > MAX_INTEGER_BYTES) throw beyondLimit(this.what, `it has an integer of ${length} bytes`);
    const start = this.take(length);
    let value = 0n;
    let end = start + length;
    for (; end - start >= 8; end -= 8) value = (value << 64n) | this.view.getBigUint64(end - 8, true);
    while (end > start) value = (value << 8n) | BigInt(this.bytes[--end]!);
    return BigInt.asIntN(8 * length, value);
  }

  /** A decimal integer on a line of its own, as protocol 0 writes it; the long form ends in `L`. */
  decimal(): bigint {
    const text = this.line().replace(/L$/, '');
    if (!/^[+-]?\d+$/.test(text) || text.length > MAX_DIGITS) throw this.error('it has an integer that is none');
    return BigInt(text);
  }

  error(reason: string): AppError {
    return damaged(this.what, `${reason} (at byte ${this.position})`);
  }
}
