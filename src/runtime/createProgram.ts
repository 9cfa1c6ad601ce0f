// Makes a program of whatever a format handed over.

import type { ModelContents, Program } from './program';
import type { ParserAssets } from './torchscript/parser';

/** Loads the code of the programs without code of their own, the commonest large files, before one is met. */
export async function loadCommonProgram(): Promise<void> {
  await import('./stored/storedProgram');
}

/**
 * The program of a model file. Each kind brings code of its own, so it is loaded when such a file is met.
 * @throws AppError where the file's code can't be read.
 */
export async function createProgram(contents: ModelContents, assets: ParserAssets): Promise<Program> {
  switch (contents.kind) {
    case 'script': {
      const { createScriptProgram } = await import('./torchscript/scriptProgram');
      return createScriptProgram(contents.archive, assets);
    }
    case 'stored': {
      const { StoredProgram } = await import('./stored/storedProgram');
      return new StoredProgram(contents.root, contents);
    }
    case 'executorch': {
      const { ExecuTorchProgram } = await import('./executorch/execuTorchProgram');
      return new ExecuTorchProgram(contents.methods);
    }
    case 'onnx': {
      const { createOnnxProgram } = await import('./onnx/onnxProgram');
      return createOnnxProgram(contents.file);
    }
    case 'exported': {
      const { GraphProgram } = await import('./exported/exportedProgram');
      return new GraphProgram(contents.program);
    }
    case 'several': {
      const { SeveralPrograms } = await import('./severalPrograms');
      const programs: [string, Program][] = [];
      for (const [name, model] of contents.models) programs.push([name, await createProgram(model, assets)]);
      return new SeveralPrograms(programs);
    }
  }
}
