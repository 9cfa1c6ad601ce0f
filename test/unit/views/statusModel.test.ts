// The status bar item and the page of a model file.

import assert from 'node:assert/strict';
import { openFileSession } from '../../../src/sessions/fileSession';
import type { FileSession } from '../../../src/sessions/fileSession';
import { AppError } from '../../../src/util/errors';
import { closedPage, failedPage, openPage } from '../../../src/views/modelPageModel';
import { countModes } from '../../../src/views/modeModel';
import { statusOf } from '../../../src/views/statusModel';
import { FakeEngine, moduleSpec, smallModel } from '../support/models';

describe('status bar', () => {
  it('shows the active model’s mode', async () => {
    const { session } = await open();
    const status = statusOf(session, countModes(session.modules)(''), 2);
    assert.equal(status?.text, '$(circle-filled) train · 2 active');
    assert.equal(status.spoken, 'Mode of net.pt: train, 2 active');
    assert.match(status.tooltip, /1 more open/);
    await session.setTraining('', false, { recursive: true });
    assert.equal(statusOf(session, countModes(session.modules)(''), 1)?.text, '$(circle-outline) eval');
    await session.setTraining('drop', true, { recursive: true });
    assert.equal(statusOf(session, countModes(session.modules)(''), 1)?.text, '$(color-mode) mixed 1/2');
  });

  it('says that a model has stopped, and nothing without a model', async () => {
    const { session, engine } = await open();
    engine.die(new AppError('worker-died', 'It died.'));
    assert.equal(statusOf(session, countModes(session.modules)(''), 1)?.text, '$(error) stopped');
    assert.equal(statusOf(undefined, countModes([])(''), 0), undefined);
  });
});

describe('page of a model file', () => {
  it('sums the model up', async () => {
    const { session } = await open();
    const page = openPage({
      session,
      location: '/models/net.pt',
      countOf: countModes(session.modules),
      disk: 'same',
      lastForward: undefined,
    });
    assert.equal(page.subtitle, 'TorchScript · Net');
    assert.equal(page.mode, 'train · 2 active');
    assert.deepEqual(page.layerKinds, [
      { type: 'BatchNorm2d', layers: 1, runTrain: 1, runEval: 0 },
      { type: 'Dropout', layers: 1, runTrain: 1, runEval: 0 },
    ]);
    assert.deepEqual(page.facts.slice(0, 3), [
      ['Modules', '6'],
      ['Mode-sensitive layers', '2'],
      ['Parameters', '108'],
    ]);
    assert.deepEqual(
      page.buttons.map((button) => button.action),
      ['showModules', 'setTrain', 'setEval', 'runForward'],
    );
  });

  it('says why the mode of a file that stores none is not known', async () => {
    const reason = 'The mode is not stored in this file: safetensors hold tensors only.';
    const modules = [moduleSpec('', 'Net', { training: null, behaviour: 'unknown', behaviourReason: reason })];
    const engine = new FakeEngine(smallModel({ format: 'safetensors', modules }));
    const session = await openFileSession({ id: '1', file: '/models/net.pt', createEngine: () => engine });
    const countOf = countModes(session.modules);
    const page = openPage({ session, location: '', countOf, disk: 'same', lastForward: undefined });
    assert.deepEqual([page.mode, page.modeReason], ['mode not stored', reason]);
    const { session: other } = await open();
    const stored = openPage({ session: other, location: '', countOf, disk: 'same', lastForward: undefined });
    assert.equal(stored.modeReason, undefined);
  });

  it('offers a reload first where the file changed', async () => {
    const { session } = await open();
    const page = openPage({
      session,
      location: '',
      countOf: countModes(session.modules),
      disk: 'changed',
      lastForward: undefined,
    });
    assert.equal(page.buttons[0]?.action, 'reload');
    assert.match(page.message ?? '', /changed on disk/);
  });

  it('has a way on from a failure and after closing', () => {
    assert.equal(failedPage('a.pt', 'a.pt is no model.').message, 'a.pt is no model.');
    assert.equal(failedPage('a.pt', '').buttons[0]?.action, 'open');
    assert.equal(closedPage('a.pt').buttons[0]?.action, 'open');
  });
});

async function open(): Promise<{ session: FileSession; engine: FakeEngine }> {
  const engine = new FakeEngine(smallModel());
  return { session: await openFileSession({ id: '1', file: '/models/net.pt', createEngine: () => engine }), engine };
}
