// Python's stack traces as text, which exporters note for each call.

import { isTorchFile, type SourceLocation } from './module';

export interface StackFrame extends SourceLocation {
  readonly function: string;
}

/** Frames of `File "net.py", line 12, in forward`, outermost first. */
export function parseStackTrace(text: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const [, file = '', line = '', name = ''] of text.matchAll(/^\s*File "([^"\n]*)", line (\d+), in ([^\n]*)$/gm)) {
    // Code that torch generated while exporting has no file.
    if (!file.startsWith('<')) frames.push({ file, line: Number(line), function: name.trim() });
  }
  return frames;
}

/** The innermost frame of the user's own source. */
export function userLine(frames: readonly StackFrame[]): SourceLocation | undefined {
  const frame = frames.findLast(({ file }) => !isTorchFile(file));
  return frame === undefined ? undefined : { file: frame.file, line: frame.line };
}
