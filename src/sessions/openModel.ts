// Opens a model file from disk: its format, and its program ready to be described, switched and run.

import { openFile } from '../formats/registry';
import type { ModelFormat, Problem } from '../model/description';
import type { Program } from '../runtime/program';
import type { ParserAssets } from '../runtime/torchscript/parser';
import { createScriptProgram } from '../runtime/torchscript/scriptProgram';
import { NodeFile } from './nodeFile';

/** An opened model file. The file stays open for the tensors and the code that are read later. */
export interface OpenedModel {
  readonly format: ModelFormat;
  /** `null` where the file holds no code that could run. */
  readonly program: Program | null;
  /** What is odd about the file; {@link Program.problems} adds what is odd about its code. */
  readonly problems: readonly Problem[];
  /** Releases the file. What has not been read by then can't be read any more. */
  close(): Promise<void>;
}

/** @throws AppError as {@link openFile} does, and `file-unreadable`. */
export async function openModel(file: string, assets: ParserAssets): Promise<OpenedModel> {
  const source = await NodeFile.open(file);
  try {
    const { format, archive, problems } = await openFile(source);
    return { format, program: await createScriptProgram(archive, assets), problems, close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}
