// A file on disk as a byte source, which notices when somebody writes to it meanwhile.

import { open, stat as statOf, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';

import { checkRange, type ByteSource } from '../formats/byteSource';
import { AppError, toAppError } from '../util/errors';

/** Node reads at most 2 GiB at once. */
const MAX_CHUNK = 2 ** 30;

export class NodeFile implements ByteSource {
  private constructor(
    private readonly handle: FileHandle,
    readonly name: string,
    readonly size: number,
    private readonly modified: number,
  ) {}

  /** @throws AppError `file-unreadable`. */
  static async open(file: string): Promise<NodeFile> {
    const name = basename(file);
    let handle: FileHandle | undefined;
    try {
      // Asked before it is opened: opening a named pipe waits for a writer.
      if (!(await statOf(file)).isFile())
        throw new AppError('file-unreadable', `${file} is not a file`, 'Name a model file.');
      handle = await open(file, 'r');
      const stat = await handle.stat();
      return new NodeFile(handle, name, stat.size, stat.mtimeMs);
    } catch (error) {
      await handle?.close();
      throw readError(file, error);
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    try {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await this.handle.read(bytes, done, Math.min(length - done, MAX_CHUNK), offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      // Asked after the read: what was read before a change that is seen here can't be trusted either.
      const stat = await this.handle.stat();
      if (done < length || stat.size !== this.size || stat.mtimeMs !== this.modified) throw changed(this.name);
      return bytes;
    } catch (error) {
      throw readError(this.name, error);
    }
  }

  /** Reads after this fail. */
  async close(): Promise<void> {
    await this.handle.close();
  }
}

function changed(name: string): AppError {
  return new AppError('file-unreadable', `${name} changed on disk while it was open`, 'Reload it.');
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read with your permissions',
  EPERM: 'may not be read with your permissions',
  EISDIR: 'is a folder',
  EBADF: 'is already closed',
};

function readError(file: string, thrown: unknown): AppError {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  const reason = typeof code === 'string' ? reasons[code] : undefined;
  if (thrown instanceof AppError || code === undefined) return toAppError(thrown, 'file-unreadable');
  const text = reason ?? `can't be read (${thrown instanceof Error ? thrown.message : code})`;
  return new AppError('file-unreadable', `${file} ${text}`, 'Check the path and try again.', { cause: thrown });
}
