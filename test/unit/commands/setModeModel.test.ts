// The words after a switch: done, or waiting for the next forward.

import assert from 'node:assert/strict';
import { pinnedWords, restoredWords, switchedWords } from '../../../src/commands/setModeModel';
import { FakeLink, liveNet, liveProcess, tellModel } from '../support/liveModels';

describe('a switch, in words', () => {
  const done = { state: { kind: 'ready' } } as const;
  const waiting = { state: { kind: 'waiting' } } as const;

  it('is done', () => {
    assert.equal(switchedWords('net.bn', done, false, true), '$(check) net.bn → eval');
    assert.equal(switchedWords('net.bn', done, true, false), '$(check) net.bn → train (this flag only)');
    assert.equal(pinnedWords('net.bn', done, true), '$(pin) net.bn: pinned to train');
    assert.equal(pinnedWords('net.bn', done, null), '$(pin) net.bn: no longer pinned');
    const net = { title: 'net', kind: 'live', ...done } as const;
    assert.equal(restoredWords(net), '$(discard) net: modes are as they were found');
    assert.equal(restoredWords({ ...net, kind: 'file' }), '$(discard) net: modes are as in the file');
  });

  it('is not done as long as it waits', () => {
    const waits = 'waits for the model’s next forward';
    assert.equal(switchedWords('net.bn', waiting, false, true), `$(clock) net.bn → eval: ${waits}`);
    assert.equal(switchedWords('net.bn', waiting, true, false), `$(clock) net.bn → train (this flag only): ${waits}`);
    assert.equal(pinnedWords('net.bn', waiting, false), `$(clock) net.bn: pinned to eval: ${waits}`);
    const words = restoredWords({ title: 'net', kind: 'live', ...waiting });
    assert.equal(words, `$(clock) net → as they were found: ${waits}`);
  });

  it('of a live model waits from the agent’s answer to the news that it is done', async () => {
    const link = new FakeLink();
    const live = liveProcess(link);
    tellModel(link, 1, 'net', liveNet);
    const [session] = live.sessions;
    assert.ok(session);
    link.pending = true;
    await session.setTraining('bn', false, { recursive: true });
    assert.match(switchedWords('net.bn', session, false, true), /waits/);
    link.say({ name: 'modes', params: { model: 1, changed: [{ path: 'bn', training: false }] } });
    assert.equal(switchedWords('net.bn', session, false, true), '$(check) net.bn → eval');
  });
});
