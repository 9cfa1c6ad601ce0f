// The formats that can be opened, one line each. The first that matches opens the file.

import type { ByteSource, OnRead } from './byteSource';
import { exportedProgram } from './exportedProgram';
import type { Format, OpenedFile } from './format';
import { execuTorch } from './executorch';
import { legacyTorchSave } from './legacyTorchSave';
import { onnx } from './onnx';
import { unrecognised } from './otherFiles';
import { Peek } from './peek';
import { safetensors } from './safetensors';
import { shardIndex } from './shards';
import { tarTorchSave } from './tarTorchSave';
import { torchSave } from './torchSave';
import { torchScript } from './torchscript';

/** In the order in which they are asked. */
export const formats: readonly Format[] = [
  torchScript,
  exportedProgram,
  torchSave,
  legacyTorchSave,
  tarTorchSave,
  safetensors,
  shardIndex,
  onnx,
  execuTorch,
];

/**
 * Opens a model file of any known format.
 * @throws AppError `not-a-model` and `unsupported-format` with what the file seems to be, `corrupt`, `limit-exceeded`, or as the
 * source does.
 * @param onRead hears how far the reading of objects is, in bytes of them, where it takes long enough to say so.
 */
export async function openFile(source: ByteSource, onRead?: OnRead): Promise<OpenedFile> {
  const peek = await Peek.at(source, onRead);
  const format = formats.find((candidate) => candidate.match(peek));
  if (format === undefined) throw unrecognised(peek);
  return format.open(peek);
}
