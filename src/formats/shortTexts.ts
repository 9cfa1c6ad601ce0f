// The many short texts of one run of bytes: names in zip directories and in pickles.

/** Bytes that are decoded at once; a text of ASCII that lies within is cut out of the result. */
const CHUNK = 2 ** 16;
const ASCII_IN_FOUR = 0x7f7f7f7f;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Decodes UTF-8 by range. A call of a decoder costs several times what cutting a string does, and leaves a view of the bytes as
 * garbage; so ASCII, which nearly all names are, is decoded by the chunk.
 */
export class ShortTexts {
  private chunk = '';
  private chunkStart = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The text in the bytes `start` to `end`, which lie within. What is no UTF-8 becomes replacement characters. */
  decode(start: number, end: number): string {
    const { bytes } = this;
    let bits = 0;
    for (let i = start; i < end; i++) bits |= bytes[i]!;
    if (bits >= 0x80 || end - start > CHUNK) return decoder.decode(bytes.subarray(start, end));
    if (start < this.chunkStart || end > this.chunkStart + this.chunk.length) {
      this.chunk = decoder.decode(withoutHighBits(bytes.subarray(start, start + CHUNK)));
      this.chunkStart = start;
    }
    return this.chunk.slice(start - this.chunkStart, end - this.chunkStart);
  }
}

/**
 * Other bytes than ASCII lose their highest bit, so that one byte stays one character; nobody cuts them out. A function of nothing but
 * its loop, which V8 compiles while it runs: whatever came after would make it give that code up again.
 */
function withoutHighBits(bytes: Uint8Array): Uint8Array {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  const copy = new Uint8Array(words.buffer, 0, bytes.length);
  copy.set(bytes);
  for (let i = 0; i < words.length; i++) words[i]! &= ASCII_IN_FOUR;
  return copy;
}
