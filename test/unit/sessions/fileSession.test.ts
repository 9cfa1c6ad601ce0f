// A file session over a fake engine: modes, restore, statistics' cache, forwards, reload, failure.

import assert from 'node:assert/strict';
import type { ModelDescription } from '../../../src/model/description';
import { openFileSession } from '../../../src/sessions/fileSession';
import type { FileSession } from '../../../src/sessions/fileSession';
import type { SessionChange } from '../../../src/sessions/modelSession';
import { AppError } from '../../../src/util/errors';
import { FakeEngine, batchNorm, moduleSpec, smallModel } from '../support/models';

describe('file session', () => {
  it('switches a subtree and says which modules changed', async () => {
    const { session, changes } = await open();
    await session.setTraining('block', false, { recursive: true });
    assert.deepEqual(flags(session), {
      '': true,
      block: false,
      'block.conv': false,
      'block.bn': false,
      drop: true,
      fc: true,
    });
    assert.deepEqual(changes, [{ kind: 'modes', paths: ['block', 'block.conv', 'block.bn'] }]);
    assert.equal(session.module('block.bn')?.behaviour, 'eval');
  });

  it('sets one flag only', async () => {
    const { session } = await open();
    await session.setTraining('', false, { recursive: false });
    assert.equal(session.module('')?.training, false);
    assert.equal(session.module('drop')?.training, true);
  });

  it('restores a snapshot flag by flag, never through train()', async () => {
    const { session, engines } = await open();
    await session.setTraining('drop', false, { recursive: true });
    const mixed = session.snapshot();
    await session.setTraining('', false, { recursive: true });
    await session.restore(mixed);
    assert.equal(session.module('drop')?.training, false);
    assert.equal(session.module('block.bn')?.training, true);
    const call = engines[0]?.calls.at(-1)?.params as { changes: readonly { recursive: boolean }[] };
    assert.ok(call.changes.every((change) => !change.recursive));
    await session.restore(session.initialModes);
    assert.equal(session.module('drop')?.training, true);
  });

  it('saves a copy, and knows which statistics moved since the file was read', async () => {
    const { session, engines } = await open();
    const options = { file: '/copy.pt', statistics: true, overwrite: false };
    assert.deepEqual(session.movedStatistics, []);
    await session.runForward({ inputs: [] });
    assert.deepEqual(session.movedStatistics, ['block.bn']);
    const saving = session.saveCopy(options);
    await assert.rejects(session.runForward({ inputs: [] }), { code: 'usage', message: /copy .* being saved/ });
    await saving;
    assert.deepEqual(engines[0]?.calls.at(-1), { method: 'saveCopy', params: options });
    await assert.rejects(session.saveCopy(options, AbortSignal.abort()), { code: 'cancelled' });
    await session.reload({ keepModes: true });
    assert.deepEqual(session.movedStatistics, []);
  });

  it('tells how far a copy is, and is closed only when the copy has been given up', async () => {
    const { session, engines } = await open();
    const engine = engines[0];
    assert.ok(engine);
    engine.holdCopy = true;
    const told: unknown[] = [];
    const options = { file: '/copy.pt', statistics: false, overwrite: false };
    const saving = session.saveCopy(options, undefined, (progress) => told.push(progress));
    assert.deepEqual(told, [{ step: 'copying', done: 1, total: 2 }]);
    session.dispose();
    // A worker that was stopped now would leave its half of the copy behind.
    assert.equal(engine.disposed, false);
    await assert.rejects(saving, { code: 'cancelled' });
    assert.equal(engine.disposed, true);
  });

  it('refuses a module that is not there', async () => {
    const { session } = await open();
    await assert.rejects(session.setTraining('nope', true, { recursive: true }), { code: 'no-such-module' });
    await assert.rejects(session.statistics('nope'), { code: 'no-such-module' });
  });

  it('asks for statistics once, and again after they moved', async () => {
    const { session, engines, changes } = await open();
    assert.equal((await session.statistics('block.bn'))?.numBatchesTracked, 0);
    await session.statistics('block.bn');
    assert.equal(engines[0]?.calls.filter((call) => call.method === 'statistics').length, 1);
    assert.equal(await session.statistics('fc'), null);
    await session.runForward({ inputs: [] });
    assert.deepEqual(changes.at(-1), { kind: 'statistics', paths: ['block.bn'] });
    assert.equal((await session.statistics('block.bn'))?.numBatchesTracked, 1);
  });

  it('keeps what it knows of statistics after a forward in eval', async () => {
    const { session, engines, changes } = await open();
    await session.setTraining('', false, { recursive: true });
    await session.statistics('block.bn');
    await session.runForward({ inputs: [] });
    await session.statistics('block.bn');
    assert.equal(engines[0]?.calls.filter((call) => call.method === 'statistics').length, 1);
    assert.ok(!changes.some((change) => change.kind === 'statistics'));
  });

  it('runs one forward at a time and can cancel it', async () => {
    const { session, engines } = await open();
    const engine = engines[0];
    assert.ok(engine);
    engine.holdForward = true;
    const abort = new AbortController();
    const running = session.runForward({ inputs: [] }, abort.signal);
    assert.equal(session.state.kind, 'running');
    await assert.rejects(session.runForward({ inputs: [] }), { code: 'usage' });
    abort.abort();
    await assert.rejects(running, { code: 'cancelled' });
    assert.equal(session.state.kind, 'ready');
    // The layers before the place where it stopped may have moved.
    await session.statistics('block.bn');
    engine.holdForward = false;
    await session.runForward({ inputs: [] });
  });

  it('compares the modes alone, with nothing else at work, and moves nothing', async () => {
    const { session, engines, changes } = await open();
    const [engine] = engines;
    assert.ok(engine);
    engine.holdForward = true;
    const running = session.runForward({ inputs: [] });
    await assert.rejects(session.compareModes({ inputs: [] }), { code: 'usage' });
    engine.finish();
    await running;
    const moved = session.movedStatistics;
    const seen = changes.length;
    assert.equal((await session.compareModes({ inputs: [] })).start, null);
    assert.deepEqual(changes.slice(seen), [{ kind: 'state' }, { kind: 'state' }]);
    assert.deepEqual(session.movedStatistics, moved);
  });

  it('says that a model without a program cannot run', async () => {
    const { session } = await open(smallModel({ capabilities: { setTraining: true, runForward: false } }));
    await assert.rejects(session.runForward({ inputs: [] }), { code: 'no-program' });
  });

  it('keeps the tree after its engine died, refuses to act, and comes back by a reload with the switched modes', async () => {
    const { session, engines, changes } = await open();
    await session.setTraining('drop', false, { recursive: true });
    await session.statistics('block.bn');
    engines[0]?.die(new AppError('out-of-memory', 'The model runtime ran out of memory.'));
    assert.equal(session.state.kind, 'failed');
    assert.deepEqual(changes.at(-1), { kind: 'state' });
    assert.equal(session.modules.length, 6);
    assert.equal((await session.statistics('block.bn'))?.numBatchesTracked, 0);
    await assert.rejects(session.setTraining('', true, { recursive: true }), { code: 'worker-died' });
    await session.reload({ keepModes: true });
    assert.equal(session.state.kind, 'ready');
    assert.equal(session.module('drop')?.training, false);
    assert.equal(session.module('block.bn')?.training, true);
    assert.equal(engines[0]?.disposed, true);
  });

  it('takes new modes of the file where nothing was switched, and keeps those that were, by path', async () => {
    const newer = smallModel({
      modules: [
        moduleSpec('', 'Net'),
        batchNorm('extra', false),
        moduleSpec('drop', 'Dropout', { modeSensitive: true }),
      ],
    });
    const { session, changes } = await open(smallModel(), newer);
    await session.setTraining('drop', false, { recursive: true });
    await session.reload({ keepModes: true });
    assert.deepEqual(flags(session), { '': true, extra: false, drop: false });
    assert.deepEqual(changes.at(-1), { kind: 'tree' });
    await session.restore(session.initialModes);
    assert.deepEqual(flags(session), { '': true, extra: false, drop: true });
  });

  it('stays as it is where the new file cannot be read', async () => {
    const { session, engines } = await open(smallModel(), new AppError('corrupt', 'The file is truncated.'));
    await assert.rejects(session.reload({ keepModes: true }), { code: 'corrupt' });
    assert.equal(engines[1]?.disposed, true);
    await session.setTraining('', false, { recursive: true });
    assert.equal(session.module('drop')?.training, false);
  });

  it('leaves no engine behind where the file cannot be opened', async () => {
    const engines: FakeEngine[] = [];
    await assert.rejects(start([new AppError('not-a-model', 'a.pt is no model.')], engines), { code: 'not-a-model' });
    assert.equal(engines[0]?.disposed, true);
  });

  it('gives an opening or a reload up when it is cancelled', async () => {
    const engines: FakeEngine[] = [];
    const opening = start([smallModel()], engines, AbortSignal.abort());
    await assert.rejects(opening, { code: 'cancelled' });
    assert.equal(engines[0]?.disposed, true);
    const { session, engines: own } = await open();
    await assert.rejects(session.reload({ keepModes: true, signal: AbortSignal.abort() }), { code: 'cancelled' });
    assert.equal(own[0]?.disposed, false);
    assert.equal(own[1]?.disposed, true);
    await session.setTraining('drop', false, { recursive: true });
  });

  it('releases its engine, and says so to whoever still asks', async () => {
    const { session, engines } = await open();
    session.dispose();
    assert.equal(engines[0]?.disposed, true);
    await assert.rejects(session.runForward({ inputs: [] }), { code: 'usage' });
  });
});

async function open(
  ...descriptions: (ModelDescription | AppError)[]
): Promise<{ session: FileSession; engines: FakeEngine[]; changes: SessionChange[] }> {
  const engines: FakeEngine[] = [];
  const session = await start(descriptions.length === 0 ? [smallModel()] : descriptions, engines);
  const changes: SessionChange[] = [];
  session.onDidChange((change) => changes.push(change));
  return { session, engines, changes };
}

/** The n-th engine opens the n-th description, and the last one ever after. */
function start(
  descriptions: readonly (ModelDescription | AppError)[],
  engines: FakeEngine[],
  signal?: AbortSignal,
): Promise<FileSession> {
  return openFileSession(
    {
      id: 'file-1',
      file: '/models/net.pt',
      createEngine: () => {
        const engine = new FakeEngine(descriptions[Math.min(engines.length, descriptions.length - 1)]!);
        engines.push(engine);
        return engine;
      },
    },
    signal,
  );
}

function flags(session: FileSession): Record<string, boolean | null> {
  return Object.fromEntries(session.snapshot().flags);
}
