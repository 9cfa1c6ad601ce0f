// Random access to the bytes of a file, wherever it is: on disk, in a browser, in memory.

import { AppError } from '../util/errors';

/** A file's bytes, read by range. It must not change while it is open. */
export interface ByteSource {
  /** Base name, for messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`. @throws AppError `corrupt` outside the file, `file-unreadable` if reading fails. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Another file of the same model, by its path relative to this one's folder; it is closed together with this one. Absent where
   * the bytes come from nowhere. @throws AppError `file-unreadable`, `corrupt` for a path that leaves the folder.
   */
  sibling?(relativePath: string): Promise<ByteSource>;
}

/** Told how many of the bytes that hold a file's objects are read. */
export type OnRead = (done: number, total: number) => void;

/** Checks a range against the size of its source. @throws AppError `corrupt`. */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (isCount(offset) && isCount(length) && offset + length <= source.size) return;
  throw damaged(source.name, `it points to bytes ${offset} to ${offset + length} of ${source.size}`);
}

/** Bytes in memory as a source. */
export class MemorySource implements ByteSource {
  constructor(
    readonly name: string,
    private readonly bytes: Uint8Array,
  ) {}

  get size(): number {
    return this.bytes.length;
  }

  // Async, so that a bad range rejects as it does for a file.
  // eslint-disable-next-line @typescript-eslint/require-await
  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    // A copy, as a file would give: tensors write to the bytes that they were read from.
    return this.bytes.slice(offset, offset + length);
  }
}

/** The error for bytes that contradict their format; `reason` completes "NAME is damaged or incomplete: …". */
export function damaged(name: string, reason: string, cause?: unknown): AppError {
  return new AppError(
    'corrupt',
    `${name} is damaged or incomplete: ${reason}`,
    'Save or download the file again.',
    cause === undefined ? undefined : { cause },
  );
}

/** The error for a count or size beyond what a sane file has; `reason` completes "NAME is beyond the safe limits: …". */
export function beyondLimit(name: string, reason: string): AppError {
  return new AppError(
    'limit-exceeded',
    `${name} is beyond the safe limits: ${reason}`,
    'If the file is really that large, please report it with its figures.',
  );
}

/** A whole number that counts something: not negative, and exact as a JavaScript number. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
