// Opens a model file from disk: its format, and its program ready to be described, switched and run.

import type { ModeWriter } from '../formats/modeWriter';
import { openFile } from '../formats/registry';
import type { ModelFormat, Problem } from '../model/description';
import type { OnProgress } from '../protocol/engine';
import { createProgram } from '../runtime/createProgram';
import type { Program } from '../runtime/program';
import type { ParserAssets } from '../runtime/torchscript/parser';
import { NodeFile } from './nodeFile';

/** An opened model file. The file stays open for the tensors and the code that are read later. */
export interface OpenedModel {
  readonly format: ModelFormat;
  readonly program: Program;
  /** What is odd about the file; {@link Program.problems} adds what is odd about its contents. */
  readonly problems: readonly Problem[];
  /** Its bytes. */
  readonly source: NodeFile;
  /** Finds what a copy with other modes changes; absent where the file stores none. */
  readonly writer?: ModeWriter;
  /** Releases the file. What has not been read by then can't be read any more. */
  close(): Promise<void>;
}

/** @throws AppError as {@link openFile} does, and `file-unreadable`. */
export async function openModel(file: string, assets: ParserAssets, onProgress?: OnProgress): Promise<OpenedModel> {
  const source = await NodeFile.open(file);
  try {
    const { contents, ...opened } = await openFile(source, (done, total) =>
      onProgress?.({ step: 'reading', done, total }),
    );
    return { ...opened, source, program: await createProgram(contents, assets), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}
