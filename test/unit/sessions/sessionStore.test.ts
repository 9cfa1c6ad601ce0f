// The store of open models: one session a file, an active one, files that change on disk.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SessionStore } from '../../../src/sessions/sessionStore';
import type { StoreChange } from '../../../src/sessions/sessionStore';
import { AppError } from '../../../src/util/errors';
import { FakeEngine, smallModel } from '../support/models';

describe('session store', () => {
  let folder = '';
  let store: SessionStore;
  let engines: FakeEngine[];
  let failure: AppError | undefined;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
    engines = [];
    failure = undefined;
    store = new SessionStore({
      diskPollMilliseconds: 20,
      createEngine: () => {
        const engine = new FakeEngine(failure ?? smallModel());
        engines.push(engine);
        return engine;
      },
    });
  });

  afterEach(() => {
    store.dispose();
    fs.rmSync(folder, { recursive: true });
  });

  function write(name: string, text = 'model'): string {
    const file = path.join(folder, name);
    fs.writeFileSync(file, text);
    return file;
  }

  it('opens a file once, however often it is asked', async () => {
    const file = write('a.pt');
    const [first, second] = await Promise.all([store.openFile(file), store.openFile(file)]);
    assert.equal(first, second);
    assert.equal(await store.openFile(file), first);
    assert.equal(engines.length, 1);
    assert.equal(store.sessions.length, 1);
  });

  it('makes the model that was touched last the active one', async () => {
    const a = await store.openFile(write('a.pt'));
    const b = await store.openFile(write('b.pt'));
    assert.equal(store.active, b);
    await store.openFile(a.file);
    assert.equal(store.active, a);
    store.close(a);
    assert.equal(store.active, b);
    assert.equal(engines[0]?.disposed, true);
    assert.equal(engines[1]?.disposed, false);
    store.close(b);
    assert.equal(store.active, undefined);
  });

  it('tells what is being opened, and forgets it when that fails', async () => {
    const seen: (readonly string[])[] = [];
    store.onDidChange((change) => {
      if (change.kind === 'opening') seen.push(store.opening);
    });
    failure = new AppError('not-a-model', 'a.pt is no model.');
    await assert.rejects(store.openFile(write('a.pt')), { code: 'not-a-model' });
    assert.deepEqual(seen, [['a.pt'], []]);
    assert.equal(store.sessions.length, 0);
    failure = undefined;
    await store.openFile(path.join(folder, 'a.pt'));
    assert.equal(store.sessions.length, 1);
  });

  it('notices that a file was rewritten, replaced and deleted; a reload settles it', async () => {
    const file = write('a.pt');
    const session = await store.openFile(file);
    let changed = nextDisk();
    write('a.pt', 'a longer model');
    await changed;
    assert.equal(store.diskState(session), 'changed');
    await store.reload(session, { keepModes: true });
    assert.equal(store.diskState(session), 'same');
    changed = nextDisk();
    fs.renameSync(write('b.pt', 'model'), file);
    await changed;
    assert.equal(store.diskState(session), 'changed');
    changed = nextDisk();
    fs.rmSync(file);
    await changed;
    assert.equal(store.diskState(session), 'deleted');
  });

  it('remembers the last forward until the model is opened again', async () => {
    const session = await store.openFile(write('a.pt'));
    const run = { inputText: '1,3,8,8', mode: 'train' };
    store.forwards.add(session, run, await session.runForward({ inputs: [] }));
    assert.equal(store.forwards.last(session)?.repeated, undefined);
    store.forwards.add(session, run, await session.runForward({ inputs: [] }));
    assert.equal(store.forwards.last(session)?.repeated, false);
    await session.setTraining('', false, { recursive: true });
    store.forwards.add(session, run, await session.runForward({ inputs: [] }));
    assert.equal(store.forwards.last(session)?.repeated, true);
    store.forwards.add(session, { ...run, inputText: '2,3,8,8' }, await session.runForward({ inputs: [] }));
    assert.equal(store.forwards.last(session)?.repeated, undefined);
    assert.equal(store.forwards.last(session)?.count, 4);
    await store.reload(session, { keepModes: true });
    assert.equal(store.forwards.last(session), undefined);
  });

  /** Resolves at the next word about a file on disk. */
  function nextDisk(): Promise<StoreChange> {
    return new Promise((resolve) => {
      const subscription = store.onDidChange((change) => {
        if (change.kind !== 'disk') return;
        subscription.dispose();
        resolve(change);
      });
    });
  }
});
