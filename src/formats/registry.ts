// The formats that can be opened, one line each. The first that matches opens the file.

import type { ModelFormat, Problem } from '../model/description';
import type { ScriptArchive } from '../runtime/program';
import type { ByteSource } from './byteSource';
import { unrecognised } from './otherFiles';
import { Peek } from './peek';
import { isTorchScript, openTorchScript, type OpenedArchive } from './torchscript';

/** A model file whose objects are read; tensors and code are read from the source when they are needed, so keep it open. */
export interface OpenedFile {
  readonly format: ModelFormat;
  readonly archive: ScriptArchive;
  readonly problems: readonly Problem[];
}

interface Format {
  readonly format: ModelFormat;
  /** Looks at what is already read, and never throws. */
  match(peek: Peek): boolean;
  open(peek: Peek): Promise<OpenedArchive>;
}

const formats: readonly Format[] = [{ format: 'torchscript', match: isTorchScript, open: openTorchScript }];

/**
 * Opens a model file of any known format.
 * @throws AppError `not-a-model` and `unsupported-format` with what the file seems to be, `corrupt`, `limit-exceeded`, or as the
 * source does.
 */
export async function openFile(source: ByteSource): Promise<OpenedFile> {
  const peek = await Peek.at(source);
  const format = formats.find((candidate) => candidate.match(peek));
  if (format === undefined) throw await unrecognised(peek);
  return { format: format.format, ...(await format.open(peek)) };
}
