// Undoing switches, over a session with a fake engine.

import assert from 'node:assert/strict';

import { SwitchHistory } from '../../../src/commands/undo';
import { openFileSession } from '../../../src/sessions/fileSession';
import type { FileSession } from '../../../src/sessions/fileSession';
import { FakeEngine, smallModel } from '../support/models';

const open = (): Promise<FileSession> =>
  openFileSession({ id: 'a', file: '/net.pt', createEngine: () => new FakeEngine(smallModel()) });

const flags = (session: FileSession): unknown[] => session.modules.map(({ path, training }) => [path, training]);

describe('undoing switches', () => {
  it('puts back one switch after the other, the last one first', async () => {
    const [session, history] = [await open(), new SwitchHistory()];
    const states = [flags(session)];
    for (const path of ['block', '']) {
      history.record(session);
      await session.setTraining(path, false, { recursive: true });
      states.push(flags(session));
    }
    states.pop();
    while (states.length > 0) {
      assert.equal(await history.undo(session), true);
      assert.deepEqual(flags(session), states.pop());
    }
    assert.equal(await history.undo(session), false);
  });

  it('undoes what came along first, and keeps models apart', async () => {
    const [one, other, history] = [await open(), await open(), new SwitchHistory()];
    const done: string[] = [];
    history.record(one, () => {
      done.push(`flag ${String(one.module('')?.training)}`);
      return Promise.resolve();
    });
    await one.setTraining('', false, { recursive: true });
    assert.equal(await history.undo(other), false);
    assert.equal(await history.undo(one), true);
    assert.deepEqual(done, ['flag false']);
    assert.equal(one.module('')?.training, true);
  });

  it('forgets what is long ago', async () => {
    const [session, history] = [await open(), new SwitchHistory()];
    for (let i = 0; i < 60; i++) history.record(session);
    let undone = 0;
    while (await history.undo(session)) undone++;
    assert.equal(undone, 50);
  });
});
