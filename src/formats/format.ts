// What a file format is: how it is told, and what it hands over.

import type { ModelFormat, Problem } from '../model/description';
import type { ModelContents } from '../runtime/program';
import type { ModeWriter } from './modeWriter';
import type { Peek } from './peek';

/** A model file whose objects are read; tensors and code are read from the source when they are needed, so keep it open. */
export interface OpenedFile {
  readonly format: ModelFormat;
  readonly contents: ModelContents;
  /** What is odd about the file and did not stop it from being read. */
  readonly problems: readonly Problem[];
  /** Finds what a copy with other modes changes; absent where the layout stores none. */
  readonly writer?: ModeWriter;
}

export interface Format {
  /** As people call it: `TorchScript`. */
  readonly name: string;
  /** Usual endings of its files, without the dot, in small letters. */
  readonly extensions: readonly string[];
  /** Looks at what is already read, and never throws. */
  match(peek: Peek): boolean;
  /** Reads the objects; tensors stay in the file. @throws AppError */
  open(peek: Peek): Promise<OpenedFile>;
}
