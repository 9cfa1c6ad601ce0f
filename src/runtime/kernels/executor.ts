// Runs described graphs: keeps one session for each graph, binds weights, and widens the types that kernels lack.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import { convertElements, isHalf } from '../elements';
import type { Storage } from '../storage';
import { Tensor } from '../tensor';
import { UnsupportedKernel, type HostArray, type KernelBackend, type KernelSession, type SessionFile } from './backend';
import { boundBytes, GraphBuilder, type KernelCall } from './graph';
import { encodeModel, type GraphInput } from './onnxModel';
import { SessionCache, type SessionEntry } from './sessionCache';

interface Entry extends SessionEntry {
  /** float64 is computed in float32 here, since the backend has no kernel in double. */
  readonly narrowed: boolean;
}

/** Executes {@link KernelCall}s one after the other. Half-precision inputs are computed in float32 and rounded, as torch does on a CPU. */
export class KernelExecutor {
  private readonly sessions = new SessionCache<Entry>();
  private readonly storageIds = new WeakMap<Storage, number>();
  private nextStorageId = 0;
  private readonly models = new Set<KernelSession>();
  /** Names of graphs that had to be computed in float32 although their inputs are float64. */
  readonly narrowed = new Set<string>();

  /** @param backend is loaded at the first call. */
  constructor(private readonly loadBackend: () => Promise<KernelBackend>) {}

  private backend: Promise<KernelBackend> | undefined;

  /** The outputs of the graph as new contiguous tensors. */
  async run(call: KernelCall): Promise<Tensor[]> {
    const half = call.inputs.find((input) => input !== null && isHalf(input.dtype))?.dtype as
      'float16' | 'bfloat16' | undefined;
    const bound = new Set(call.bound);
    const entry = await this.sessions.get(this.key(call, bound), boundBytes(call), () => this.create(call));
    const feeds: HostArray[] = [];
    call.inputs.forEach((input, i) => {
      if (input !== null && !bound.has(i)) feeds.push(toFeed(input, entry.narrowed));
    });
    const outputs = await entry.session.run(feeds).catch((error: unknown) => {
      throw kernelError(call, error);
    });
    const wide = entry.narrowed && call.inputs.some((input) => input?.dtype === 'float64');
    return outputs.map((output) => {
      const target = output.dtype === 'float32' ? (half ?? (wide ? 'float64' : 'float32')) : output.dtype;
      const elements =
        target === output.dtype ? output.elements : convertElements(output.elements, output.dtype, target);
      return Tensor.of(target, output.shape, elements);
    });
  }

  /** Another forward begins; sessions that it does not use may be given up for those that it needs. */
  startForward(): void {
    this.sessions.startForward();
  }

  /** A session for a whole model; whoever asked for it may release it, else it ends with the executor. @throws AppError */
  async createModel(model: Uint8Array, files: readonly SessionFile[], name: string): Promise<KernelSession> {
    this.backend ??= this.loadBackend();
    const backend = await this.backend;
    try {
      const session = await backend.createSession(model, files);
      this.models.add(session);
      return {
        run: (inputs) => session.run(inputs),
        release: async () => {
          if (this.models.delete(session)) await session.release();
        },
      };
    } catch (error) {
      throw modelError(name, error);
    }
  }

  /** Runs a session of {@link createModel}; tensors go in and come out in the model's order. @throws AppError */
  async runModel(session: KernelSession, inputs: readonly Tensor[], name: string): Promise<Tensor[]> {
    try {
      const outputs = await session.run(
        inputs.map((tensor) => ({ dtype: tensor.dtype, shape: tensor.shape, elements: tensor.contiguousElements() })),
      );
      return outputs.map(({ dtype, shape, elements }) => Tensor.of(dtype, shape, elements));
    } catch (error) {
      throw modelError(name, error);
    }
  }

  /** Frees every session. */
  async dispose(): Promise<void> {
    await this.sessions.clear();
    const models = [...this.models];
    this.models.clear();
    for (const session of models) await session.release();
  }

  private async create(call: KernelCall): Promise<Entry> {
    this.backend ??= this.loadBackend();
    const backend = await this.backend;
    try {
      return { session: await backend.createSession(build(call, false)), narrowed: false };
    } catch (error) {
      if (!(error instanceof UnsupportedKernel)) throw kernelError(call, error);
      if (!call.inputs.some((input) => input?.dtype === 'float64')) throw missing(call, error);
    }
    try {
      const entry = { session: await backend.createSession(build(call, true)), narrowed: true };
      this.narrowed.add(call.name);
      return entry;
    } catch (error) {
      throw error instanceof UnsupportedKernel ? missing(call, error) : kernelError(call, error);
    }
  }

  private key(call: KernelCall, bound: ReadonlySet<number>): string {
    const inputs = call.inputs.map((input, i) => {
      if (input === null) return '-';
      const type = `${input.dtype}/${input.rank}`;
      return bound.has(i) ? `${type}=${this.boundKey(input)}` : type;
    });
    return `${call.name}|${JSON.stringify(call.parameters)}|${inputs.join()}`;
  }

  /** Identity of the elements of a bound tensor: a write to its storage makes a new session. */
  private boundKey(tensor: Tensor): string {
    let id = this.storageIds.get(tensor.storage);
    if (id === undefined) this.storageIds.set(tensor.storage, (id = this.nextStorageId++));
    return `${id}.${tensor.storage.version}.${tensor.offset}.${tensor.shape.join('x')}.${tensor.strides.join('x')}`;
  }
}

function build(call: KernelCall, narrow: boolean): Uint8Array {
  const graph = new GraphBuilder();
  const inputs: GraphInput[] = [];
  const bound = new Set(call.bound);
  const names = call.inputs.map((input, i) => {
    if (input === null) return '';
    const dtype = kernelDtype(input.dtype, narrow);
    if (bound.has(i)) return graph.constant(dtype === input.dtype ? input : convert(input, dtype));
    const name = graph.fresh();
    inputs.push({ name, dtype, rank: input.rank });
    return name;
  });
  const outputs = call.describe(graph, names, call.parameters);
  return encodeModel(graph, inputs, typeof outputs === 'string' ? [outputs] : outputs);
}

function kernelDtype(dtype: DType, narrow: boolean): DType {
  return isHalf(dtype) || (narrow && dtype === 'float64') ? 'float32' : dtype;
}

function convert(tensor: Tensor, dtype: DType): Tensor {
  return Tensor.of(dtype, tensor.shape, convertElements(tensor.contiguousElements(), tensor.dtype, dtype));
}

function toFeed(tensor: Tensor, narrow: boolean): HostArray {
  const dtype = kernelDtype(tensor.dtype, narrow);
  const elements = tensor.contiguousElements();
  return {
    dtype,
    shape: tensor.shape,
    elements: dtype === tensor.dtype ? elements : convertElements(elements, tensor.dtype, dtype),
  };
}

function missing(call: KernelCall, cause: unknown): AppError {
  const types = call.inputs.map((input) => input?.dtype ?? 'none').join(', ');
  return new AppError(
    'unsupported-operator',
    `The kernels have no ${call.name} for ${types}`,
    'Convert the model to float32.',
    {
      cause,
    },
  );
}

/** What ONNX Runtime says when sizes overflow or the WASM heap (4 GiB) is full. */
const memoryMessage =
  /bad_alloc|SafeInt|too large|[Oo]ut of memory|Failed to allocate|memory access out of bounds|Aborted\(/;

function kernelError(call: KernelCall, cause: unknown): AppError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const shapes = call.inputs.map((input) => (input === null ? 'none' : `[${input.shape.join(', ')}]`)).join(', ');
  if (memoryMessage.test(message)) {
    const words = `${call.name} needs more memory than the runtime has, for inputs of shapes ${shapes}`;
    return new AppError('out-of-memory', words, 'Try a smaller input.', { cause });
  }
  const reason = withoutSources(message);
  return new AppError('bad-input', `${call.name} can't take inputs of shapes ${shapes}: ${reason}`, undefined, {
    cause,
  });
}

/** ONNX Runtime's messages begin with its own source files and functions. */
function withoutSources(message: string): string {
  return message
    .replace(/^.*(Status Message: |ERROR_MESSAGE: )/s, '')
    .replace(/^\S+\.(?:h|cc):\d+ [^\s(]+(?:\([^)]*\))? /, '')
    .trim();
}

/** What ONNX Runtime says of an operator, a version or a type that it doesn't have. */
const missingMessage =
  /NOT_IMPLEMENTED|not a registered function|No opset import|No Op registered|under development|Unsupported model IR|unsupported data type|does not support double/;

function modelError(name: string, cause: unknown): AppError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (memoryMessage.test(message)) {
    const words = `${name} needs more memory than the runtime has`;
    return new AppError('out-of-memory', words, 'Try a smaller input.', { cause });
  }
  const reason = withoutSources(message).replace(/^.*?(Fatal error: |(?=ONNX Runtime only))/s, '');
  if (cause instanceof UnsupportedKernel || missingMessage.test(message)) {
    return new AppError('unsupported-operator', `The runtime can't run ${name}: ${reason}`, undefined, { cause });
  }
  return new AppError('bad-input', `${name} can't be run with these inputs: ${reason}`, undefined, { cause });
}
