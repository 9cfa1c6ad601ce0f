// The worker's entry (dist/worker.mjs): one engine, one model, requests answered one after the other.

import { parentPort, workerData } from 'node:worker_threads';
import { toErrorData } from '../util/errors';
import type { ModuleSpec } from '../model/module';
import type { Engine } from '../protocol/engine';
import { parseToWorker } from '../protocol/worker';
import type { FromWorker, WorkerRequest, WorkerSetup } from '../protocol/worker';
import { createEngine } from './engine';
import { ModulePacker } from './packedModules';
import { changesPerPart, itemsOf, modulesPerPart, PartSender, withItems } from './resultParts';

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
const parts = new PartSender();

port.on('message', (message: unknown) => {
  const received = parseToWorker(message);
  if (received?.kind === 'request') tail = tail.then(() => answer(received));
  else if (received?.kind === 'taken') parts.taken();
});

async function answer({ id, method, params }: WorkerRequest): Promise<void> {
  try {
    const value = await engine.request(method, params, (progress) => {
      send({ kind: 'progress', id, ...progress });
    });
    await sendResult(id, method, value);
  } catch (error) {
    send({ kind: 'error', id, error: toErrorData(error, 'program-error') });
  }
}

async function sendResult(id: number, method: WorkerRequest['method'], value: unknown): Promise<void> {
  const items = itemsOf(method, value);
  if (items === undefined) {
    send({ kind: 'result', id, value });
    return;
  }
  const total = items.length;
  if (method === 'open') {
    const packer = new ModulePacker();
    await parts.send(items as readonly ModuleSpec[], modulesPerPart, (part) => {
      send({ kind: 'modules', id, modules: packer.pack(part), total });
    });
  } else {
    await parts.send(items, changesPerPart, (part) => {
      send({ kind: 'part', id, items: part, total });
    });
  }
  send({ kind: 'result', id, value: withItems(method, value, []) });
}

function send(message: FromWorker): void {
  port?.postMessage(message);
}
