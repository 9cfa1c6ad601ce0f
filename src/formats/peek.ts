// A file as the formats first see it: its leading bytes, and its zip directory, each read once.

import type { ByteSource, OnRead } from './byteSource';
import { ZipArchive } from './zip';

const HEAD = 1024;

/** The bytes, looked at once for all formats. */
export class Peek {
  private constructor(
    readonly source: ByteSource,
    /** The first bytes, at most a kilobyte. */
    readonly head: Uint8Array,
    /** The directory, where the file is a zip. */
    readonly zip: ZipArchive | undefined,
    /** Who wants to hear how far the objects are read. */
    readonly onRead: OnRead | undefined,
  ) {}

  /** @throws AppError `corrupt` where the file begins as a zip but has no directory. */
  static async at(source: ByteSource, onRead?: OnRead): Promise<Peek> {
    const head = await source.read(0, Math.min(HEAD, source.size));
    const isZip = head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5);
    return new Peek(source, head, isZip ? await ZipArchive.open(source) : undefined, onRead);
  }

  /** The first bytes as text, one character a byte. */
  text(): string {
    return String.fromCharCode(...this.head);
  }

  /** True if the bytes at `offset` are these characters. */
  startsWith(text: string, offset = 0): boolean {
    for (let i = 0; i < text.length; i++) {
      if (this.head[offset + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }
}
