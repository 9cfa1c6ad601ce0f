// The engine that is started ahead: at most one, given away once, none left behind.

import assert from 'node:assert/strict';
import { SpareEngine } from '../../../src/sessions/spareEngine';
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

  it('is started once, has its code loaded, and is given away once', () => {
    spare.keep();
    spare.keep();
    assert.equal(engines.length, 1);
    assert.deepEqual(engines[0]?.calls, [{ method: 'prepare', params: {} }]);
    assert.equal(spare.take(), engines[0]);
    assert.equal(spare.take(), engines[1]);
    assert.equal(engines.length, 2);
  });

  it('is not touched any more once it was given away', () => {
    spare.keep();
    const taken = spare.take();
    spare.drop();
    assert.equal(taken, engines[0]);
    assert.equal(engines[0]?.disposed, false);
  });

  it('is not there before it is wanted, and goes when it is dropped', () => {
    assert.equal(engines.length, 0);
    spare.keep();
    spare.drop();
    assert.equal(engines[0]?.disposed, true);
    assert.notEqual(spare.take(), engines[0]);
  });

  it('is replaced when the number of threads was changed', () => {
    spare.keep();
    threads = 4;
    assert.equal(spare.take(), engines[1]);
    assert.equal(engines[0]?.disposed, true);
    assert.equal(engines[1]?.threads, 4);
  });

  it('that dies while it waits is never given away', () => {
    spare.keep();
    engines[0]?.die(new AppError('worker-died', 'The model runtime ended unexpectedly.'));
    assert.equal(spare.take(), engines[1]);
  });
});
