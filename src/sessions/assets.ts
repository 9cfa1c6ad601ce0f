// Where the WebAssembly of the runtime lies on disk, and how the runtime gets at it.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import type { ParserAssets } from '../runtime/torchscript/parser';

/** Absolute paths of the files that the runtime loads when it first needs them. */
export interface AssetPaths {
  readonly treeSitter: string;
  readonly pythonGrammar: string;
  /** Folder with `ort-wasm-simd-threaded.wasm` and `.mjs`. */
  readonly onnxRuntimeFolder: string;
}

/** The layout of dist/: everything in one folder. */
export function assetsIn(folder: string): AssetPaths {
  return {
    treeSitter: path.join(folder, 'web-tree-sitter.wasm'),
    pythonGrammar: path.join(folder, 'tree-sitter-python.wasm'),
    onnxRuntimeFolder: folder,
  };
}

export function parserAssets(paths: AssetPaths): ParserAssets {
  return {
    treeSitter: () => readFile(paths.treeSitter),
    pythonGrammar: () => readFile(paths.pythonGrammar),
  };
}

/** ONNX Runtime Web joins file names to this text, so it ends with a slash. */
export function onnxRuntimePrefix(paths: AssetPaths): string {
  return `${pathToFileURL(paths.onnxRuntimeFolder).href.replace(/\/$/, '')}/`;
}
