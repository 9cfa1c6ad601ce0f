// What assistants are told, and what they may ask, over sessions with a fake engine.

import assert from 'node:assert/strict';

import {
  findingsText,
  modelNamed,
  modesText,
  parseToolInput,
  readInput,
  setInput,
  statisticsText,
  switchedText,
  switchQuestion,
} from '../../../src/commands/assistantToolsModel';
import { openFileSession } from '../../../src/sessions/fileSession';
import type { FileSession } from '../../../src/sessions/fileSession';
import { FakeEngine, smallModel } from '../support/models';

const open = (file = '/net.pt'): Promise<FileSession> =>
  openFileSession({ id: file, file, createEngine: () => new FakeEngine(smallModel()) });

const paths = (text: string, key: string): unknown[] =>
  (JSON.parse(text) as Record<string, { path: string }[]>)[key]!.map(({ path }) => path);

describe('tools for assistants', () => {
  it('tell the layers that depend on the mode, or all modules, below a path', async () => {
    const session = await open();
    assert.deepEqual(paths(modesText(session, [session]), 'modules'), ['', 'block.bn', 'drop']);
    assert.deepEqual(paths(modesText(session, [session], 'block', true), 'modules'), [
      'block',
      'block.conv',
      'block.bn',
    ]);
    assert.throws(() => modesText(session, [session], 'nowhere'), { code: 'no-such-module' });
  });

  it('tell statistics and findings', async () => {
    const session = await open();
    assert.deepEqual(paths(await statisticsText(session), 'layers'), ['block.bn']);
    assert.deepEqual(paths(findingsText(session), 'findings'), []);
  });

  it('find a model by its title, else the active one, and name those that are open', async () => {
    const [one, other] = [await open('/a.pt'), await open('/b.pt')];
    assert.equal(modelNamed([one, other], other, undefined), other);
    assert.equal(modelNamed([one, other], other, 'a.pt'), one);
    assert.throws(() => modelNamed([one, other], other, 'c.pt'), { code: 'usage', hint: 'Open models: a.pt, b.pt.' });
    assert.throws(() => modelNamed([one, one], one, 'a.pt'), { message: /More than one/ });
    assert.throws(() => modelNamed([], undefined, undefined), { message: /No model is open/ });
  });

  it('refuse what no schema allows', () => {
    assert.deepEqual(parseToolInput(readInput, undefined), {});
    assert.throws(() => parseToolInput(readInput, { path: 3 }), { code: 'usage' });
    assert.throws(() => parseToolInput(setInput, { mode: 'off' }), { code: 'usage' });
  });

  it('ask before a switch, in words that say what is called where', () => {
    const { confirmationMessages, invocationMessage } = switchQuestion({ kind: 'live', title: 'net' }, 'bn', 'eval');
    assert.equal(invocationMessage, 'Switching bn of net to eval');
    assert.deepEqual(confirmationMessages, {
      title: 'Switch to eval?',
      message: 'Calls eval() on bn of net, in the running program.',
    });
    assert.equal(
      switchQuestion({ kind: 'file', title: 'net.pt' }, '', 'train').confirmationMessages.message,
      'Calls train() on net.pt, in the open model; its file stays as it is.',
    );
  });

  it('say what a switch came to', async () => {
    const session = await open();
    await session.setTraining('block', false, { recursive: true });
    assert.match(switchedText(session, 'block', 'eval'), /"asked":"eval","training":false/);
  });
});
