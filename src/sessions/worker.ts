// The worker's entry (dist/worker.mjs): one engine, one model, requests answered one after the other.

import { parentPort, workerData } from 'node:worker_threads';
import { toErrorData } from '../util/errors';
import type { Engine } from '../protocol/engine';
import { parseToWorker } from '../protocol/worker';
import type { FromWorker, ToWorker, WorkerSetup } from '../protocol/worker';
import { createEngine } from './engine';

const port = parentPort;
if (port === null) throw new Error('worker.ts is started by workerEngine.ts and does not run by itself.');

const setup = workerData as WorkerSetup;
const engine: Engine = createEngine({
  wasmFolder: setup.wasmFolder,
  threads: setup.threads,
  cancelFlag: new Int32Array(setup.cancelBuffer),
});

// A forward yields between kernels, so messages can arrive in the middle of one. The chain keeps a switch of modes
// from taking effect halfway through a forward.
let tail: Promise<void> = Promise.resolve();

port.on('message', (message: unknown) => {
  const request = parseToWorker(message);
  if (request === undefined) return;
  tail = tail.then(() => answer(request));
});

async function answer(request: ToWorker): Promise<void> {
  try {
    const value = await engine.request(request.method, request.params);
    send({ kind: 'result', id: request.id, value });
  } catch (error) {
    send({ kind: 'error', id: request.id, error: toErrorData(error, 'program-error') });
  }
}

function send(message: FromWorker): void {
  port?.postMessage(message);
}
