// A file on disk as a byte source, which notices when somebody writes to it meanwhile.

import { fstatSync, readSync, type BigIntStats } from 'node:fs';
import { open, stat as statOf, type FileHandle } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';

import { checkRange, type ByteSource } from '../formats/byteSource';
import { AppError, toAppError } from '../util/errors';

/** Node reads at most 2 GiB at once. */
const MAX_CHUNK = 2 ** 30;
/** A large checkpoint is thousands of small reads, and a trip through the thread pool costs more than each of them. */
const SMALL = 2 ** 16;

/** Reads block their thread briefly, so that they belong into a worker, or a process of their own. */
export class NodeFile implements ByteSource {
  /** Those that are still being opened too: {@link close} waits for them. */
  private readonly siblings: Promise<NodeFile>[] = [];

  private constructor(
    private readonly handle: FileHandle,
    /** As it was opened. */
    readonly path: string,
    readonly size: number,
    private readonly modified: number,
  ) {}

  /** @throws AppError `file-unreadable`. */
  static async open(file: string): Promise<NodeFile> {
    let handle: FileHandle | undefined;
    try {
      // Asked before it is opened: opening a named pipe waits for a writer.
      if (!(await statOf(file)).isFile())
        throw new AppError('file-unreadable', `${file} is not a file`, 'Name a model file.');
      handle = await open(file, 'r');
      const stat = await handle.stat();
      return new NodeFile(handle, file, stat.size, stat.mtimeMs);
    } catch (error) {
      await handle?.close();
      throw readError(file, error);
    }
  }

  get name(): string {
    return basename(this.path);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    if (this.handle.fd < 0) throw closed(this.name);
    try {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const count = Math.min(length - done, MAX_CHUNK);
        const bytesRead =
          length <= SMALL
            ? readSync(this.handle.fd, bytes, done, count, offset + done)
            : (await this.handle.read(bytes, done, count, offset + done)).bytesRead;
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      // Asked after the read: what was read before a change that is seen here can't be trusted either.
      const stat = fstatSync(this.handle.fd);
      if (done < length || stat.size !== this.size || stat.mtimeMs !== this.modified) throw changed(this.name);
      return bytes;
    } catch (error) {
      throw readError(this.name, error);
    }
  }

  /** True for the stat of this very file, under whatever name. */
  async isSameFile({ dev, ino }: BigIntStats): Promise<boolean> {
    const own = await this.handle.stat({ bigint: true });
    return own.dev === dev && own.ino === ino;
  }

  /** @throws AppError `file-unreadable` where the file was written to, or another one has taken its place, since it was opened. */
  async checkUnchanged(): Promise<void> {
    try {
      const { size, mtimeMs } = await this.handle.stat();
      if (size !== this.size || mtimeMs !== this.modified) throw changed(this.name);
      if (!(await this.isSameFile(await statOf(this.path, { bigint: true })))) throw changed(this.name);
    } catch (error) {
      throw readError(this.name, error);
    }
  }

  async sibling(relativePath: string): Promise<NodeFile> {
    // A file must not lead out of its folder, whichever way the path is written.
    const parts = relativePath.split(/[\\/]/);
    if (isAbsolute(relativePath) || parts.includes('..') || /^[a-zA-Z]:/.test(relativePath) || relativePath === '') {
      throw new AppError('corrupt', `${this.name} names the file '${relativePath}', which is not beside it`);
    }
    if (this.handle.fd < 0) throw closed(this.name);
    const sibling = NodeFile.open(join(dirname(this.path), ...parts));
    this.siblings.push(sibling);
    return sibling;
  }

  /** Reads after this fail. */
  async close(): Promise<void> {
    const siblings = await Promise.allSettled([this.handle.close(), ...this.siblings.splice(0)]);
    for (const sibling of siblings) if (sibling.status === 'fulfilled') await sibling.value?.close();
  }
}

function closed(name: string): AppError {
  return new AppError('file-unreadable', `${name} is already closed`);
}

function changed(name: string): AppError {
  return new AppError('file-unreadable', `${name} changed on disk while it was open`, 'Reload it.');
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read with your permissions',
  EPERM: 'may not be read with your permissions',
  EISDIR: 'is a folder',
};

function readError(file: string, thrown: unknown): AppError {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  const reason = typeof code === 'string' ? reasons[code] : undefined;
  if (thrown instanceof AppError || code === undefined) return toAppError(thrown, 'file-unreadable');
  const text = reason ?? `can't be read (${thrown instanceof Error ? thrown.message : code})`;
  return new AppError('file-unreadable', `${file} ${text}`, 'Check the path and try again.', { cause: thrown });
}
