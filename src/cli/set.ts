// `mode-inspector set FILE -o COPY`: a copy of the file that differs from it in the modes alone.

import type { Engine, SaveCopyOptions, SaveCopyResult } from '../protocol/engine';
import type { SetCommand } from './arguments';

/** What was written, as text or JSON. @throws AppError where the file can't be read, stores no mode, or the copy can't be written. */
export async function set(engine: Engine, command: SetCommand): Promise<string> {
  const { file, json, modes, copy } = command;
  await engine.request('open', { file });
  await engine.request('setTraining', { changes: modes });
  const result = await saveCopy(engine, copy);
  if (json) return JSON.stringify({ schema: 1, file, copy: copy.file, ...result }, undefined, 2);
  return [copySentence(copy.file, result), ...result.problems.map(({ message }) => message)].join('\n');
}

/** Ctrl-C ends the writing and leaves no half file, nor a temporary one. */
export async function saveCopy(engine: Engine, options: SaveCopyOptions): Promise<SaveCopyResult> {
  const cancel = (): void => {
    engine.cancel();
  };
  process.once('SIGINT', cancel);
  try {
    return await engine.request('saveCopy', options);
  } finally {
    process.off('SIGINT', cancel);
  }
}

export function copySentence(file: string, { changed, statistics }: SaveCopyResult): string {
  const flags = changed.length === 1 ? '1 flag differs' : `${changed.length} flags differ`;
  const layers = statistics.length === 1 ? '1 layer' : `${statistics.length} layers`;
  const moved = statistics.length === 0 ? '' : `, and the running statistics of ${layers}`;
  return `Wrote ${file}: ${flags}${moved}.`;
}
