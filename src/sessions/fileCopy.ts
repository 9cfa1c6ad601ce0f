// A copy of a file that differs from it in a few bytes: whole at its place, or not there at all; the original is only read.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

import type { Patch } from '../formats/patch';
import type { OnProgress } from '../protocol/engine';
import { AppError } from '../util/errors';
import type { NodeFile } from './nodeFile';

const CHUNK = 4 * 2 ** 20;

export interface FileCopyOptions {
  readonly target: string;
  readonly overwrite: boolean;
  /** Asked between chunks. */
  readonly isCancelled: () => boolean;
  /** Told the bytes copied; never where the file system shares the blocks of the original. */
  readonly onProgress?: OnProgress;
}

type CopyControl = Pick<FileCopyOptions, 'isCancelled' | 'onProgress'>;

/**
 * Copies `source`, which must not have changed since it was opened, with the patches applied. Memory does not grow with its size.
 * @throws AppError `usage` for a target that is the source itself or that exists, `file-unwritable`, `file-unreadable`, `cancelled`.
 */
export async function copyPatched(
  source: NodeFile,
  patches: readonly Patch[],
  { target, overwrite, ...control }: FileCopyOptions,
): Promise<void> {
  try {
    const place = await checkTarget(source, target, overwrite);
    // In the same folder, so that renaming moves no bytes; the name says whose it is should the machine go down.
    const temporary = path.join(path.dirname(place), `.mode-inspector-${randomBytes(6).toString('hex')}.tmp`);
    try {
      await writeTemporary(source, temporary, patches, control);
      await checkTarget(source, target, overwrite);
      await rename(temporary, place);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    throw writeError(target, error);
  }
}

/** Where the copy really goes: a link is followed, as an editor would. */
async function checkTarget(source: NodeFile, target: string, overwrite: boolean): Promise<string> {
  const known = await stat(target, { bigint: true }).catch(ignoreMissing);
  if (known === undefined) return target;
  if (!known.isFile()) throw new AppError('usage', `${target} is not a file`, 'Name a file for the copy.');
  if (await source.isSameFile(known)) {
    throw new AppError('usage', `${target} is the model's own file, which is never changed`, 'Name another file.');
  }
  if (!overwrite) throw new AppError('usage', `${target} exists already`, 'Name another file, or allow to replace it.');
  return realpath(target);
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}

async function writeTemporary(
  source: NodeFile,
  temporary: string,
  patches: readonly Patch[],
  control: CopyControl,
): Promise<void> {
  let handle = await open(temporary, 'wx+');
  try {
    const { mode } = await handle.stat();
    if (await clone(source, temporary)) {
      // A clone takes over the permissions of the original, which may be read-only.
      await handle.chmod(mode);
    } else {
      await handle.close();
      await rm(temporary, { force: true });
      handle = await open(temporary, 'wx+');
      await copyChunks(source, handle, control);
    }
    for (const { offset, bytes } of patches) await writeAll(handle, bytes, offset);
    await source.checkUnchanged();
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Shares the blocks of the original where the file system can, which takes no time and no room. */
async function clone(source: NodeFile, temporary: string): Promise<boolean> {
  try {
    await source.checkUnchanged();
    await copyFile(source.path, temporary, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (error instanceof AppError) throw error;
    return false;
  }
}

async function copyChunks(
  source: NodeFile,
  handle: FileHandle,
  { isCancelled, onProgress }: CopyControl,
): Promise<void> {
  for (let at = 0; at < source.size; at += CHUNK) {
    if (isCancelled()) throw new AppError('cancelled', 'Saving the copy was cancelled');
    onProgress?.({ step: 'copying', done: at, total: source.size });
    await writeAll(handle, await source.read(at, Math.min(CHUNK, source.size - at)), at);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder does not exist',
  EACCES: 'your permissions do not allow it',
  EPERM: 'your permissions do not allow it',
  EROFS: 'its disk is read-only',
  ENOSPC: 'the disk is full',
};

function writeError(target: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const { code, message } = thrown as NodeJS.ErrnoException;
  const reason = reasons[code ?? ''] ?? message;
  return new AppError('file-unwritable', `${target} can't be written: ${reason}`, 'Choose another place.', {
    cause: thrown,
  });
}
