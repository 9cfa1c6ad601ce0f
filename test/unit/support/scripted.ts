// Programs written in a test, as a TorchScript archive would hold them, and kernels that count what they are asked to do.

import path from 'node:path';

import { RunContext } from '../../../src/runtime/context';
import type { KernelBackend } from '../../../src/runtime/kernels/backend';
import { KernelExecutor } from '../../../src/runtime/kernels/executor';
import { createOrtWebBackend } from '../../../src/runtime/kernels/ortWeb';
import { ScriptObject, Tensor } from '../../../src/runtime/program';
import type { Program, ScriptArchive, Value } from '../../../src/runtime/program';
import { Generator } from '../../../src/runtime/random';
import { createScriptProgram } from '../../../src/runtime/torchscript/scriptProgram';
import { onnxRuntimePrefix, parserAssets } from '../../../src/sessions/assets';
import type { AssetPaths } from '../../../src/sessions/assets';

const packages = path.resolve(__dirname, '../../../node_modules');
const assets: AssetPaths = {
  treeSitter: path.join(packages, 'web-tree-sitter/web-tree-sitter.wasm'),
  pythonGrammar: path.join(packages, 'tree-sitter-python/tree-sitter-python.wasm'),
  onnxRuntimeFolder: path.join(packages, 'onnxruntime-web/dist'),
};

let loaded: Promise<KernelBackend> | undefined;
const loadBackend = (): Promise<KernelBackend> =>
  (loaded ??= createOrtWebBackend({ wasmFolder: onnxRuntimePrefix(assets), threads: 1 }));

/** The real kernels, which count, and refuse graphs where a test says so. */
export class CountingKernels {
  sessions = 0;
  runs = 0;
  /** Results that left the kernels. */
  outputs = 0;
  /** Convolutions that were computed. */
  convolutions = 0;
  /** Throws where the model must not become a session. It sees the names of operators as text. */
  refuse: (model: string) => void = () => undefined;
  readonly executor = new KernelExecutor(() => this.backend());

  private async backend(): Promise<KernelBackend> {
    const backend = await loadBackend();
    return {
      createSession: async (model) => {
        const text = Buffer.from(model).toString('latin1');
        this.refuse(text);
        const convolutions = text.split('Conv').length - 1;
        const session = await backend.createSession(model);
        this.sessions++;
        return {
          run: async (inputs) => {
            this.runs++;
            this.convolutions += convolutions;
            const results = await session.run(inputs);
            this.outputs += results.length;
            return results;
          },
          release: () => session.release(),
        };
      },
    };
  }
}

/** A context in which every kernel call runs at once. */
export function eagerContext(executor: KernelExecutor, seed = 0): RunContext {
  const context = new RunContext(executor, new Generator(seed));
  Object.defineProperty(context.deferral, 'program', { get: () => undefined, set: () => undefined });
  return context;
}

/** A program of the classes in `code`, of which `root` is the model. Every line of the code is its own source line. */
export function scripted(code: string, root: ScriptObject): Promise<Program> {
  const archive: ScriptArchive = {
    root,
    constants: [],
    version: 10,
    readCode: (pythonModule) => Promise.resolve(pythonModule === '__torch__' ? code : undefined),
    readSourceMap: () =>
      Promise.resolve({
        locate: (offset: number) => ({ file: 'net.py', line: code.slice(0, offset).split('\n').length }),
      }),
  };
  return createScriptProgram(archive, parserAssets(assets));
}

/** A module in eval with these attributes. */
export function module(className: string, attributes: Readonly<Record<string, Value>> = {}): ScriptObject {
  return new ScriptObject(`__torch__.${className}`, new Map([['training', false], ...Object.entries(attributes)]));
}

/** Values that differ from each other, a weight of a layer where `requiresGrad` says so. */
export function tensor(shape: readonly number[], requiresGrad = false): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const result = Tensor.of(
    'float32',
    shape,
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + shape.length)),
  );
  result.requiresGrad = requiresGrad;
  return result;
}
