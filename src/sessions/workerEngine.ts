// The engine in a worker thread: matches answers to requests, cancels through shared memory, survives the worker's death.

import { Worker } from 'node:worker_threads';
import { AppError, fromErrorData, toAppError } from '../util/errors';
import { Emitter } from '../util/event';
import type { Event } from '../util/event';
import type { Log } from '../util/log';
import type { Engine, EngineMethod, EngineRequests, OnProgress } from '../protocol/engine';
import { parseFromWorker } from '../protocol/worker';
import type { FromWorker, ToWorker, WorkerSetup } from '../protocol/worker';
import { ModuleUnpacker } from './packedModules';
import { withItems } from './resultParts';

/** An engine that may die on its own; after `onDidFail` every request is refused with the same error. */
export interface SessionEngine extends Engine {
  readonly onDidFail: Event<AppError>;
}

export interface WorkerEngineOptions {
  /** Path of the built worker, dist/worker.mjs. */
  readonly script: string;
  readonly wasmFolder: string;
  readonly threads: number;
  readonly log: Log;
  /** Limit of the worker's JavaScript heap; tensors live outside it. */
  readonly heapMegabytes?: number;
  /** How long a cancelled request may go on before its worker is stopped by force. */
  readonly cancelGraceMilliseconds?: number;
}

interface Pending {
  readonly method: EngineMethod;
  readonly resolve: (value: never) => void;
  readonly reject: (error: AppError) => void;
  readonly onProgress: OnProgress | undefined;
  /** Of a result that comes in parts: those that have come. */
  items: unknown[] | undefined;
  readonly unpacker: ModuleUnpacker;
}

/** What {@link Engine.cancel} ends. */
const cancellable: ReadonlySet<EngineMethod> = new Set(['runForward', 'compareModes', 'saveCopy']);

/** Starts a worker that holds one model. The caller disposes it. */
export function createWorkerEngine(options: WorkerEngineOptions): SessionEngine {
  return new WorkerEngine(options);
}

class WorkerEngine implements SessionEngine {
  private readonly worker: Worker;
  private readonly cancelFlag = new Int32Array(new SharedArrayBuffer(4));
  private readonly pending = new Map<number, Pending>();
  private readonly failed = new Emitter<AppError>();
  private readonly graceMilliseconds: number;
  private readonly log: Log;
  private graceTimer: NodeJS.Timeout | undefined;
  private nextId = 1;
  private ended: AppError | undefined;

  readonly onDidFail = this.failed.event;

  constructor(options: WorkerEngineOptions) {
    this.log = options.log;
    this.graceMilliseconds = options.cancelGraceMilliseconds ?? 10_000;
    const workerData: WorkerSetup = {
      wasmFolder: options.wasmFolder,
      threads: options.threads,
      cancelBuffer: this.cancelFlag.buffer,
    };
    this.worker = new Worker(options.script, {
      workerData,
      name: 'mode-inspector',
      // The default follows the extension host's own heap, which may be small.
      resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytes ?? 4096 },
      // The host's flags (inspectors, loaders) are not the worker's business.
      execArgv: [],
    });
    this.worker.on('message', (message: unknown) => {
      this.receive(message);
    });
    this.worker.on('messageerror', (error) => {
      this.fail(
        new AppError('worker-died', 'The model runtime sent a message that can’t be read.', reloadHint, {
          cause: error,
        }),
      );
    });
    this.worker.on('error', (error) => {
      this.fail(deathOf(error));
    });
    this.worker.on('exit', (code) => {
      this.fail(
        new AppError('worker-died', `The model runtime ended unexpectedly (exit code ${String(code)}).`, reloadHint),
      );
    });
    // An open model must not keep the process alive.
    this.worker.unref();
  }

  request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    // A cancel that came too late for the last request must not end this one.
    if (cancellable.has(method)) Atomics.store(this.cancelFlag, 0, 0);
    const id = this.nextId++;
    return new Promise<EngineRequests[M]['result']>((resolve, reject) => {
      const unpacker = new ModuleUnpacker();
      this.pending.set(id, { method, resolve, reject, onProgress, items: undefined, unpacker });
      this.worker.ref();
      try {
        this.worker.postMessage({ kind: 'request', id, method, params });
      } catch (error) {
        this.settle(id)?.reject(toAppError(error, 'usage'));
      }
    });
  }

  cancel(): void {
    Atomics.store(this.cancelFlag, 0, 1);
    const running = [...this.pending.keys()];
    if (running.length === 0 || this.graceTimer !== undefined) return;
    // One operator that runs for minutes never looks at the flag.
    this.graceTimer = setTimeout(() => {
      this.graceTimer = undefined;
      if (!running.some((id) => this.pending.has(id))) return;
      this.fail(
        new AppError(
          'cancelled',
          'Cancelled; the model runtime had to be stopped in the middle of an operator.',
          reloadHint,
        ),
      );
    }, this.graceMilliseconds);
    this.graceTimer.unref();
  }

  dispose(): void {
    if (this.ended !== undefined) return;
    this.end(modelClosed());
  }

  private receive(message: unknown): void {
    const answer = parseFromWorker(message);
    if (answer === undefined) {
      this.log.warn('A message from the model runtime was ignored: it has an unknown form.');
      return;
    }
    if (answer.kind === 'progress') {
      const { step, done, total } = answer;
      this.pending.get(answer.id)?.onProgress?.({ step, done, total });
      return;
    }
    if (answer.kind === 'part' || answer.kind === 'modules') {
      this.takePart(answer);
      return;
    }
    const pending = this.settle(answer.id);
    if (pending === undefined) return;
    const { items, method } = pending;
    if (answer.kind === 'error') pending.reject(fromErrorData(answer.error));
    else pending.resolve((items === undefined ? answer.value : withItems(method, answer.value, items)) as never);
  }

  /** The next part is asked for when everything that waited in the host has had its turn. */
  private takePart(part: Extract<FromWorker, { kind: 'part' | 'modules' }>): void {
    const { id, total } = part;
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    pending.items ??= [];
    if (part.kind === 'modules') pending.unpacker.unpack(part.modules, pending.items);
    else for (const item of part.items) pending.items.push(item);
    pending.onProgress?.({ step: 'listing', done: Math.min(pending.items.length, total), total });
    setImmediate(() => {
      if (this.ended === undefined) this.worker.postMessage({ kind: 'taken', id } satisfies ToWorker);
    });
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (this.pending.size === 0) this.worker.unref();
    return pending;
  }

  private fail(error: AppError): void {
    if (this.ended !== undefined) return;
    this.log.error(error.message, error.cause);
    this.end(error);
    this.failed.fire(error);
  }

  private end(error: AppError): void {
    this.ended = error;
    clearTimeout(this.graceTimer);
    const pending = [...this.pending.values()];
    this.pending.clear();
    for (const request of pending) request.reject(error);
    // Termination has nothing to report that matters after this point.
    void this.worker.terminate();
  }
}

/** What requests to an engine are refused with once it was disposed of. */
export function modelClosed(): AppError {
  return new AppError('cancelled', 'The model was closed.');
}

const reloadHint = 'Reload the model to go on.';

function deathOf(error: unknown): AppError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ERR_WORKER_OUT_OF_MEMORY' || (error instanceof RangeError && /memory|allocation/i.test(message))) {
    return new AppError(
      'out-of-memory',
      'The model runtime ran out of memory.',
      'Reload the model and try a smaller input.',
      {
        cause: error,
      },
    );
  }
  return new AppError('worker-died', `The model runtime ended unexpectedly: ${message}`, reloadHint, { cause: error });
}
