// Opens a model file with the project's reader and the bundled runtime, in this process.

import path from 'node:path';

import { KernelExecutor } from '../../src/runtime/kernels/executor';
import { createOrtWebBackend } from '../../src/runtime/kernels/ortWeb';
import type { Program } from '../../src/runtime/program';
import { onnxRuntimePrefix, parserAssets } from '../../src/sessions/assets';
import type { AssetPaths } from '../../src/sessions/assets';
import type { ParserAssets } from '../../src/runtime/torchscript/parser';
import { openModel } from '../../src/sessions/openModel';

const packages = path.resolve(__dirname, '../../node_modules');
export const paths: AssetPaths = {
  treeSitter: path.join(packages, 'web-tree-sitter/web-tree-sitter.wasm'),
  pythonGrammar: path.join(packages, 'tree-sitter-python/tree-sitter-python.wasm'),
  onnxRuntimeFolder: path.join(packages, 'onnxruntime-web/dist'),
};

export const assets: ParserAssets = parserAssets(paths);

let backend: ReturnType<typeof createOrtWebBackend> | undefined;
const loadBackend = () => (backend ??= createOrtWebBackend({ wasmFolder: onnxRuntimePrefix(paths), threads: 1 }));

/** Closes the file and frees the kernels afterwards. @throws AppError as opening does. */
export async function withProgram<T>(
  file: string,
  use: (program: Program, executor: KernelExecutor) => Promise<T>,
): Promise<T> {
  const executor = new KernelExecutor(loadBackend);
  const model = await openModel(file, assets);
  try {
    return await use(model.program, executor);
  } finally {
    await model.close();
    await executor.dispose();
  }
}
