// The engine at hand for the next file: at most one, given away once, taken back where it is as good as new, none left behind.

import assert from 'node:assert/strict';
import { SpareEngine } from '../../../src/sessions/spareEngine';
import type { SessionEngine } from '../../../src/sessions/workerEngine';
import { AppError } from '../../../src/util/errors';
import { FakeEngine, smallModel } from '../support/models';

describe('spare engine', () => {
  let engines: (FakeEngine & { threads?: number })[];
  let threads: number;
  let spare: SpareEngine;

  beforeEach(() => {
    engines = [];
    threads = 2;
    spare = new SpareEngine(
      (count) => {
        const engine = Object.assign(new FakeEngine(smallModel()), { threads: count });
        engines.push(engine);
        return engine;
      },
      () => threads,
    );
  });

  afterEach(() => {
    spare.dispose();
  });

  const open = (engine: SessionEngine): Promise<unknown> => engine.request('open', { file: 'model.pt' });
  const forward = (engine: SessionEngine): Promise<unknown> => engine.request('runForward', { inputs: [] });

  /** The number of the engine that a file is opened in now. */
  async function takeAndOpen(): Promise<{ readonly engine: SessionEngine; readonly number: number }> {
    const before = engines.map(({ calls }) => calls.length);
    const engine = spare.take();
    await open(engine);
    return { engine, number: engines.findIndex(({ calls }, i) => calls.length > (before[i] ?? 0)) };
  }

  it('is started once, has its code loaded, and is given away once', async () => {
    spare.keep();
    spare.keep();
    assert.equal(engines.length, 1);
    assert.deepEqual(engines[0]?.calls, [{ method: 'prepare', params: {} }]);
    assert.equal((await takeAndOpen()).number, 0);
    assert.equal((await takeAndOpen()).number, 1);
    assert.equal(engines.length, 2);
  });

  it('is not touched any more once it was given away', () => {
    spare.keep();
    spare.take();
    spare.drop();
    assert.equal(engines[0]?.disposed, false);
  });

  it('is not there before it is wanted, and goes when it is dropped', async () => {
    assert.equal(engines.length, 0);
    spare.keep();
    spare.drop();
    assert.equal(engines[0]?.disposed, true);
    assert.equal((await takeAndOpen()).number, 1);
  });

  it('is replaced when the number of threads was changed', async () => {
    spare.keep();
    threads = 4;
    assert.equal((await takeAndOpen()).number, 1);
    assert.equal(engines[0]?.disposed, true);
    assert.equal(engines[1]?.threads, 4);
  });

  it('that dies while it waits is never given away', async () => {
    spare.keep();
    engines[0]?.die(new AppError('worker-died', 'The model runtime ended unexpectedly.'));
    assert.equal((await takeAndOpen()).number, 1);
  });

  describe('whose model was closed', () => {
    it('closes it and serves the next file, in place of one that has read nothing', async () => {
      const { engine } = await takeAndOpen();
      await engine.request('statistics', { paths: ['bn'], values: false });
      await engine.request('setTraining', { changes: [{ path: '', training: false, recursive: true }] });
      spare.keep();
      engine.dispose();
      assert.deepEqual(
        engines[0]?.calls.map(({ method }) => method),
        ['open', 'statistics', 'setTraining', 'close'],
      );
      assert.equal(engines[1]?.disposed, true);
      assert.equal((await takeAndOpen()).number, 0);
      assert.equal(engines.length, 2);
    });

    it('comes back only once, and takes no more requests of its last session', async () => {
      spare.keep();
      const { engine } = await takeAndOpen();
      engine.dispose();
      engine.dispose();
      await assert.rejects(open(engine), { code: 'cancelled', message: 'The model was closed.' });
      assert.deepEqual(
        engines[0]?.calls.map(({ method }) => method),
        ['prepare', 'open', 'close'],
      );
    });

    const ends: readonly [string, (engine: SessionEngine) => unknown][] = [
      [
        'no other file is expected',
        () => {
          spare.drop();
        },
      ],
      [
        'the number of threads was changed',
        () => {
          threads = 4;
        },
      ],
      ['it has run a forward', forward],
      [
        'it has died',
        () => {
          engines[0]?.die(new AppError('worker-died', 'The model runtime ended unexpectedly.'));
        },
      ],
    ];
    for (const [reason, happen] of ends) {
      it(`ends where ${reason}`, async () => {
        spare.keep();
        const { engine } = await takeAndOpen();
        await happen(engine);
        engine.dispose();
        assert.equal(engines[0]?.disposed, true);
      });
    }

    it('is not cancelled by its last session', async () => {
      spare.keep();
      const { engine } = await takeAndOpen();
      engine.dispose();
      const next = spare.take();
      Object.assign(engines[0] ?? {}, { holdForward: true });
      const running = forward(next);
      engine.cancel();
      engines[0]?.finish();
      await running;
    });

    it('ends where a request has failed', async () => {
      spare.keep();
      const { engine } = await takeAndOpen();
      const setTraining = engine.request('setTraining', { changes: [] });
      Object.assign(engines[0] ?? {}, { request: () => Promise.reject(new AppError('corrupt', 'Broken.')) });
      await setTraining;
      await assert.rejects(engine.request('statistics', { paths: ['bn'], values: false }), { code: 'corrupt' });
      engine.dispose();
      assert.equal(engines[0]?.disposed, true);
    });

    it('ends where it is still at work', () => {
      spare.keep();
      const engine = spare.take();
      void open(engine);
      engine.dispose();
      assert.equal(engines[0]?.disposed, true);
    });

    it('ends where it holds on to much memory, unless it serves again by then', async () => {
      spare.keep();
      const { engine } = await takeAndOpen();
      Object.assign(engines[0] ?? {}, { memoryHeld: 300e6 });
      engine.dispose();
      const again = spare.take();
      await open(again);
      assert.equal(engines.length, 1);
      again.dispose();
      await new Promise(setImmediate);
      assert.equal(engines[0]?.disposed, true);
      assert.equal((await takeAndOpen()).number, 1);
    });
  });
});
