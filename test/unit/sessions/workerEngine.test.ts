// The worker engine against real worker threads that answer, fail, die, run out of memory, or never end.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Progress } from '../../../src/protocol/engine';
import { createWorkerEngine } from '../../../src/sessions/workerEngine';
import type { SessionEngine } from '../../../src/sessions/workerEngine';
import type { AppError } from '../../../src/util/errors';
import { silentLog } from '../../../src/util/log';

/** A worker that does what the opened file's name says. */
const script = `
import { parentPort, workerData } from 'node:worker_threads';
const flag = new Int32Array(workerData.cancelBuffer);
let takenParts = 0;
parentPort.on('message', ({ kind, id, method, params }) => {
  if (kind === 'taken') {
    takenParts++;
    if (takenParts === 2) parentPort.postMessage({ kind: 'result', id, value: { format: 'module', modules: [] } });
    return;
  }
  const tell = (message) => parentPort.postMessage({ id, ...message });
  const answer = (value) => parentPort.postMessage({ kind: 'result', id, value });
  switch (params.file ?? method) {
    case 'answer': return answer({ setup: { wasmFolder: workerData.wasmFolder, threads: workerData.threads } });
    case 'refuse': return parentPort.postMessage({ kind: 'error', id, error: { code: 'corrupt', message: 'Broken.', hint: 'Mend it.' } });
    case 'nonsense': parentPort.postMessage('what?'); parentPort.postMessage({ kind: 'result', id: 'x' }); return answer('after nonsense');
    case 'parts':
      tell({ kind: 'progress', step: 'reading', done: 1, total: 2 });
      tell({ kind: 'part', items: ['a', 'b'], total: 3 });
      tell({ kind: 'part', items: ['c'], total: 3 });
      return;
    case 'badParts':
      tell({ kind: 'part', items: 'none', total: 3 });
      tell({ kind: 'part', items: ['x'], total: -1 });
      tell({ kind: 'part', id: id + 100, items: ['x'], total: 1 });
      tell({ kind: 'progress', step: 'guessing', done: 1, total: 2 });
      tell({ kind: 'progress', step: 'reading', done: 3, total: 2 });
      tell({ kind: 'part', items: ['a'], total: 1 });
      return tell({ kind: 'result', value: { format: 'module', modules: [] } });
    case 'dieBetween': tell({ kind: 'part', items: ['a'], total: 2 }); return setImmediate(() => process.exit(1));
    case 'onePart': return tell({ kind: 'part', items: ['a'], total: 2 });
    case 'throw': throw new Error('an unforeseen error');
    case 'exit': return process.exit(3);
    case 'memory': { const hoard = []; for (;;) hoard.push(new Array(1e6).fill(hoard.length)); }
    case 'spin': for (;;);
    case 'runForward':
      while (Atomics.load(flag, 0) === 0) if (params.steps === 1) return answer('ran');
      return parentPort.postMessage({ kind: 'error', id, error: { code: 'cancelled', message: 'Cancelled.' } });
  }
});
`;

describe('worker engine', () => {
  let folder = '';
  const engines: SessionEngine[] = [];

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
    fs.writeFileSync(path.join(folder, 'worker.mjs'), script);
  });

  afterEach(() => {
    for (const engine of engines.splice(0)) engine.dispose();
  });

  after(() => {
    fs.rmSync(folder, { recursive: true });
  });

  function start(options: { cancelGraceMilliseconds?: number } = {}): { engine: SessionEngine; failures: AppError[] } {
    const engine = createWorkerEngine({
      script: path.join(folder, 'worker.mjs'),
      wasmFolder: '/wasm',
      threads: 2,
      log: silentLog,
      heapMegabytes: 64,
      ...options,
    });
    engines.push(engine);
    const failures: AppError[] = [];
    engine.onDidFail((error) => failures.push(error));
    return { engine, failures };
  }

  it('hands its set-up over and matches answers to requests', async () => {
    const { engine } = start();
    const [answer, refusal] = await Promise.allSettled([
      engine.request('open', { file: 'answer' }),
      engine.request('open', { file: 'refuse' }),
    ]);
    assert.deepEqual(answer, { status: 'fulfilled', value: { setup: { wasmFolder: '/wasm', threads: 2 } } });
    assert.equal(refusal.status, 'rejected');
    const reason = refusal.reason as AppError;
    assert.equal(reason.code, 'corrupt');
    assert.equal(reason.oneLine, 'Broken. Mend it.');
  });

  it('ignores messages that are none of ours', async () => {
    const { engine, failures } = start();
    assert.equal(await engine.request('open', { file: 'nonsense' }), 'after nonsense');
    assert.deepEqual(failures, []);
  });

  it('puts the parts of a description together in order, and tells how far it is', async () => {
    const { engine } = start();
    const told: Progress[] = [];
    const description = await engine.request('open', { file: 'parts' }, (progress) => told.push(progress));
    assert.deepEqual(description, { format: 'module', modules: ['a', 'b', 'c'] });
    assert.deepEqual(told, [
      { step: 'reading', done: 1, total: 2 },
      { step: 'listing', done: 2, total: 3 },
      { step: 'listing', done: 3, total: 3 },
    ]);
  });

  it('ignores parts and progress that are malformed or of another request', async () => {
    const { engine, failures } = start();
    const told: Progress[] = [];
    const description = await engine.request('open', { file: 'badParts' }, (progress) => told.push(progress));
    assert.deepEqual(description, { format: 'module', modules: ['a'] });
    assert.deepEqual(told, [{ step: 'listing', done: 1, total: 1 }]);
    assert.deepEqual(failures, []);
  });

  it('rejects a description whose worker dies between its parts', async () => {
    const { engine, failures } = start();
    await assert.rejects(engine.request('open', { file: 'dieBetween' }), { code: 'worker-died' });
    assert.equal(failures.length, 1);
  });

  it('gives a description up between its parts', async () => {
    const { engine, failures } = start();
    const opening = engine.request('open', { file: 'onePart' }, () => {
      engine.dispose();
    });
    await assert.rejects(opening, { code: 'cancelled' });
    assert.deepEqual(failures, []);
  });

  for (const [file, code] of [
    ['throw', 'worker-died'],
    ['exit', 'worker-died'],
    ['memory', 'out-of-memory'],
  ] as const) {
    it(`survives a worker that ends by “${file}”, and touches no other`, async () => {
      const other = start();
      const { engine, failures } = start();
      await assert.rejects(engine.request('open', { file }), { code });
      assert.deepEqual(
        failures.map((failure) => failure.code),
        [code],
      );
      // Whoever asks later gets the same answer at once.
      await assert.rejects(engine.request('open', { file: 'answer' }), { code });
      await other.engine.request('open', { file: 'answer' });
      assert.deepEqual(other.failures, []);
    });
  }

  it('reports a worker script that is missing', async () => {
    const engine = createWorkerEngine({
      script: path.join(folder, 'none.mjs'),
      wasmFolder: '',
      threads: 1,
      log: silentLog,
    });
    await assert.rejects(engine.request('open', { file: 'answer' }), { code: 'worker-died' });
  });

  it('cancels a forward through shared memory; the next one runs', async () => {
    const { engine, failures } = start();
    const running = engine.request('runForward', { inputs: [] });
    engine.cancel();
    await assert.rejects(running, { code: 'cancelled' });
    assert.equal(await engine.request('runForward', { inputs: [], steps: 1 }), 'ran');
    assert.deepEqual(failures, []);
  });

  it('stops a worker by force that does not heed a cancel', async () => {
    const { engine, failures } = start({ cancelGraceMilliseconds: 30 });
    const running = engine.request('open', { file: 'spin' });
    engine.cancel();
    await assert.rejects(running, { code: 'cancelled' });
    assert.equal(failures.length, 1);
  });

  it('is silent about an end that was asked for', async () => {
    const { engine, failures } = start();
    const running = engine.request('open', { file: 'spin' });
    engine.dispose();
    await assert.rejects(running, { code: 'cancelled' });
    assert.deepEqual(failures, []);
  });
});
