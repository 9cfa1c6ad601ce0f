// The files of weights beside an ONNX model: opened when a tensor names them, read when its elements are needed.

import type { TensorBytes } from '../runtime/program';
import type { Problem } from '../model/description';
import { AppError, toAppError } from '../util/errors';
import { beyondLimit, damaged, type ByteSource } from './byteSource';

const MAX_FILES = 10_000;

/** All files of weights of one model. */
export class WeightFiles {
  private readonly files = new Map<string, Promise<ByteSource>>();

  constructor(private readonly model: ByteSource) {}

  /** Bytes of a tensor in the file at `location`, which is relative to the model's folder. @throws AppError for an unsafe one. */
  data(location: string, offset: number, byteLength: number): TensorBytes {
    // Begun now, so that a missing file is told when the model is opened.
    void this.open(location);
    return {
      byteLength,
      read: async (start, length) => (await this.open(location)).read(offset + start, length),
    };
  }

  /** The files that can't be opened. */
  async problems(): Promise<Problem[]> {
    const problems: Problem[] = [];
    for (const file of this.files.values()) {
      try {
        await file;
      } catch (error) {
        problems.push({ message: `The file of the weights can't be read: ${toAppError(error, 'corrupt').oneLine}` });
      }
    }
    return problems;
  }

  private open(location: string): Promise<ByteSource> {
    const known = this.files.get(location);
    if (known !== undefined) return known;
    if (this.files.size >= MAX_FILES) throw beyondLimit(this.model.name, `it names more than ${MAX_FILES} other files`);
    const path = safePath(location);
    if (path === undefined) throw damaged(this.model.name, `its weights lie outside its folder, at '${location}'`);
    const opened = this.model.sibling?.(path) ?? Promise.reject(alone(this.model.name, location));
    // Whoever reads it is told; nobody may be, when the model is only looked at.
    opened.catch(() => undefined);
    this.files.set(location, opened);
    return opened;
  }
}

/** A path below the model's folder, with single slashes; undefined for one that leads elsewhere. */
function safePath(location: string): string | undefined {
  if (location === '' || /[\0\\:]/.test(location) || location.startsWith('/')) return undefined;
  const parts = location.split('/').filter((part) => part !== '' && part !== '.');
  return parts.length === 0 || parts.includes('..') ? undefined : parts.join('/');
}

function alone(name: string, location: string): AppError {
  return new AppError(
    'file-unreadable',
    `The weights of ${name} lie in '${location}', which is not at hand`,
    'Put it into the same folder.',
  );
}
