// ONNX Runtime Web as kernel backend: WASM with SIMD and threads, the same package for every platform.

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';

import { itemSize, type DType } from '../../model/dtype';
import { allocate, type ElementArray } from '../elements';
import { UnsupportedKernel, type HostArray, type KernelBackend, type KernelSession, type SessionFile } from './backend';

export interface OrtWebOptions {
  /** Folder or URL prefix of `ort-wasm-simd-threaded.wasm` and `.mjs`, with a slash at its end. */
  readonly wasmFolder: string;
  /** Threads of the WASM kernels, at least 1. */
  readonly threads: number;
}

/**
 * What goes wrong comes as an error. Only fatal messages are printed: standard error belongs to the command line, which promises one
 * sentence. A run has a level of its own, which is not that of its session.
 */
const FATAL = 4;
const runOptions: InferenceSession.RunOptions = { logSeverityLevel: FATAL };

/** Loads ONNX Runtime Web (a quarter of a second, so only when something is to run). */
export async function createOrtWebBackend(options: OrtWebOptions): Promise<KernelBackend> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.wasmPaths = options.wasmFolder;
  ort.env.wasm.numThreads = options.threads;
  ort.env.logLevel = 'fatal';
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: ['wasm'],
    // One operator a session: there is nothing to fuse, and each arena would keep the memory of its largest run.
    graphOptimizationLevel: 'disabled',
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: FATAL,
  };
  const graphOptions = (files: readonly SessionFile[]): InferenceSession.SessionOptions => ({
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: FATAL,
    externalData: files.map(({ path, bytes }) => ({ path, data: bytes })),
  });
  return {
    async createSession(model, files): Promise<KernelSession> {
      const session =
        files === undefined
          ? await create(ort.InferenceSession, model, sessionOptions)
          : await createGraph(ort.InferenceSession, model, graphOptions(files));
      const fetches = session.outputNames;
      return {
        async run(inputs) {
          const feeds: Record<string, OrtTensor> = {};
          inputs.forEach((input, i) => {
            feeds[session.inputNames[i] as string] = new ort.Tensor(
              ortType(input),
              input.elements as Float32Array,
              input.shape,
            );
          });
          const results = await session.run(feeds, runOptions);
          return fetches.map((name) => toHost(results[name] as OrtTensor));
        },
        release: () => session.release(),
      };
    },
  };
}

/**
 * ONNX Runtime's optimizer loses values of some valid graphs whose equal constants are one behind Identity nodes, as torch's older
 * exporter writes them. Such a graph runs as it stands.
 */
async function createGraph(
  factory: typeof InferenceSession,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    return await create(factory, model, options);
  } catch (error) {
    if (!/Invalid model\. Node input .* is not/.test(String(error))) throw error;
    return create(factory, model, { ...options, graphOptimizationLevel: 'disabled' });
  }
}

async function create(
  factory: typeof InferenceSession,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    return await factory.create(model, options);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // ONNX Runtime's own words for ORT_NOT_IMPLEMENTED and for types that its schema check refuses.
    if (/NOT_IMPLEMENTED|Could not find an implementation|Type Error|INVALID_GRAPH.*type/i.test(message)) {
      throw new UnsupportedKernel(message, { cause: error });
    }
    throw error;
  }
}

/** float32 stands for all types that ONNX Runtime calls as torch does; it refuses bfloat16 itself. */
function ortType(input: HostArray): 'float32' {
  return input.dtype as 'float32';
}

function toHost(tensor: OrtTensor): HostArray {
  if (!(tensor.type in itemSize)) throw new UnsupportedKernel(`A tensor of type ${tensor.type} can't be read`);
  const dtype = tensor.type as DType;
  // A result without elements may come without data.
  if (tensor.size === 0) return { dtype, shape: tensor.dims, elements: allocate(dtype, 0) };
  const data = tensor.data as ElementArray;
  // A newer engine has float16 arrays of its own; here they are their bits.
  const elements = dtype === 'float16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
  return { dtype, shape: tensor.dims, elements };
}
