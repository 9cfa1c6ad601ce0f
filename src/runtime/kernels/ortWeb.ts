// ONNX Runtime Web as kernel backend: WASM with SIMD and threads, the same package for every platform.

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';

import type { DType } from '../../model/dtype';
import { allocate, type ElementArray } from '../elements';
import { UnsupportedKernel, type HostArray, type KernelBackend, type KernelSession } from './backend';

export interface OrtWebOptions {
  /** Folder or URL prefix of `ort-wasm-simd-threaded.wasm` and `.mjs`, with a slash at its end. */
  readonly wasmFolder: string;
  /** Threads of the WASM kernels, at least 1. */
  readonly threads: number;
}

/** Loads ONNX Runtime Web (a quarter of a second, so only when something is to run). */
export async function createOrtWebBackend(options: OrtWebOptions): Promise<KernelBackend> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.wasmPaths = options.wasmFolder;
  ort.env.wasm.numThreads = options.threads;
  ort.env.logLevel = 'error';
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: ['wasm'],
    // One operator a session: there is nothing to fuse, and each arena would keep the memory of its largest run.
    graphOptimizationLevel: 'disabled',
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 4,
  };
  return {
    async createSession(model): Promise<KernelSession> {
      const session = await create(ort.InferenceSession, model, sessionOptions);
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
          const results = await session.run(feeds);
          return fetches.map((name) => toHost(results[name] as OrtTensor));
        },
        release: () => session.release(),
      };
    },
  };
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

/** float32 stands for itself in ONNX Runtime; halves never get here, they are widened before. */
function ortType(input: HostArray): 'float32' {
  return input.dtype as 'float32';
}

function toHost(tensor: OrtTensor): HostArray {
  const dtype = tensor.type as DType;
  // A result without elements may come without data.
  const elements = (tensor.size === 0 ? allocate(dtype, 0) : tensor.data) as ElementArray;
  return { dtype, shape: tensor.dims, elements };
}
