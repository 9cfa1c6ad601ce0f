// Typed messages between the extension host and the worker that runs one model's engine.

import type { ModuleSpec } from '../model/module';
import type { ErrorData } from '../util/errors';
import { progressSteps, type EngineMethod, type EngineRequests, type Progress } from './engine';

/** What the worker is started with (`workerData`). */
export interface WorkerSetup {
  /** Folder that holds the WASM files of the runtime. */
  readonly wasmFolder: string;
  /** Threads of the kernels. */
  readonly threads: number;
  /** One Int32: 1 asks what is running to stop. Shared memory, since a busy worker reads no messages. */
  readonly cancelBuffer: SharedArrayBuffer;
}

/** One call of the engine; answers carry the same `id`. */
export type WorkerRequest = {
  readonly [M in EngineMethod]: {
    readonly kind: 'request';
    readonly id: number;
    readonly method: M;
    readonly params: EngineRequests[M]['params'];
  };
}[EngineMethod];

/** `taken`: the host has read a part of the result and is ready for another one. */
export type ToWorker = WorkerRequest | { readonly kind: 'taken'; readonly id: number };

/** Modules by kind and path; see `sessions/packedModules.ts`. */
export interface PackedModules {
  /** Those that no part before has; the path of each counts for nothing. They are numbered from the first part on. */
  readonly kinds: readonly ModuleSpec[];
  /** Of each module the number of its kind. */
  readonly numbers: readonly number[];
  readonly paths: readonly string[];
}

/**
 * A result whose length grows with the model comes as parts, in order, and then as `result` without them; see
 * `sessions/resultParts.ts`. `total` is the number of items of all parts.
 */
export type FromWorker =
  | ({ readonly kind: 'progress'; readonly id: number } & Progress)
  | { readonly kind: 'part'; readonly id: number; readonly items: readonly unknown[]; readonly total: number }
  | { readonly kind: 'modules'; readonly id: number; readonly modules: PackedModules; readonly total: number }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorData };

/** A record, so that the compiler misses none. */
const methods: Readonly<Record<EngineMethod, true>> = {
  prepare: true,
  open: true,
  close: true,
  setTraining: true,
  statistics: true,
  runForward: true,
  compareModes: true,
  saveCopy: true,
};

/** Checks a message that arrived in the worker; undefined if it is none of ours. */
export function parseToWorker(message: unknown): ToWorker | undefined {
  if (!isRecord(message) || !Number.isSafeInteger(message['id'])) return undefined;
  if (message['kind'] === 'taken') return message as unknown as ToWorker;
  if (message['kind'] !== 'request') return undefined;
  if (typeof message['method'] !== 'string' || !Object.hasOwn(methods, message['method'])) return undefined;
  if (!isRecord(message['params'])) return undefined;
  return message as unknown as ToWorker;
}

/** Checks a message that arrived in the host; undefined if it is none of ours. */
export function parseFromWorker(message: unknown): FromWorker | undefined {
  if (!isRecord(message) || !Number.isSafeInteger(message['id'])) return undefined;
  if (message['kind'] === 'result') return message as unknown as FromWorker;
  if (message['kind'] === 'part') {
    return Array.isArray(message['items']) && isCount(message['total'])
      ? (message as unknown as FromWorker)
      : undefined;
  }
  if (message['kind'] === 'modules') {
    return isPacked(message['modules']) && isCount(message['total']) ? (message as unknown as FromWorker) : undefined;
  }
  if (message['kind'] === 'progress') return isProgress(message) ? (message as unknown as FromWorker) : undefined;
  if (message['kind'] !== 'error' || !isRecord(message['error'])) return undefined;
  const error = message['error'];
  if (typeof error['code'] !== 'string' || typeof error['message'] !== 'string') return undefined;
  return message as unknown as FromWorker;
}

function isProgress({ step, done, total }: Readonly<Record<string, unknown>>): boolean {
  return progressSteps.some((known) => known === step) && isCount(done) && isCount(total) && done <= total;
}

function isPacked(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { kinds, numbers, paths } = value;
  return Array.isArray(kinds) && Array.isArray(numbers) && Array.isArray(paths) && numbers.length === paths.length;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
