// The real engine in this process, on the packages as npm installed them.

import path from 'node:path';
import type { Engine } from '../../../src/protocol/engine';
import { createEngine } from '../../../src/sessions/engine';

const modules = path.join(__dirname, '..', '..', '..', 'node_modules');

/** A file of test/fixtures. */
export const fixture = (name: string): string => path.join(__dirname, '..', '..', 'fixtures', name);

/** The caller disposes it. */
export function realEngine(): Engine {
  return createEngine({
    threads: 1,
    assets: {
      treeSitter: path.join(modules, 'web-tree-sitter', 'web-tree-sitter.wasm'),
      pythonGrammar: path.join(modules, 'tree-sitter-python', 'tree-sitter-python.wasm'),
      onnxRuntimeFolder: path.join(modules, 'onnxruntime-web', 'dist'),
    },
  });
}
