// A forward that ends since a layer in train got one value per channel: its error, and the finding that stays.

import assert from 'node:assert/strict';
import { singleValueEvents } from '../../../src/insight/observations';
import { openFileSession, type FileSession } from '../../../src/sessions/fileSession';
import { FindingRules } from '../../../src/sessions/findingRules';
import type { Finding } from '../../../src/model/finding';
import { AppError } from '../../../src/util/errors';
import { Emitter } from '../../../src/util/event';
import { fixture, realEngine } from '../support/engine';

async function open(file: string): Promise<FileSession> {
  const createEngine = () => Object.assign(realEngine(), { onDidFail: new Emitter<AppError>().event });
  const session = await openFileSession({ id: '1', file: fixture(file), createEngine });
  session.watchFindings(new FindingRules());
  await session.setTraining('', true, { recursive: true });
  return session;
}

const run = (session: FileSession, ...shape: number[]): Promise<unknown> =>
  session.runForward({ inputs: [{ kind: 'random', shape, dtype: 'float32' }] });

/** The finding of the rule, or that there is none, once `expected` says so. */
async function untilFound(session: FileSession, expected: (found: Finding | undefined) => boolean): Promise<void> {
  const find = (): Finding | undefined => session.findings.find(({ rule }) => rule === 'batchnorm/single-value');
  while (!expected(find())) {
    await new Promise<void>((resolve) => {
      const subscription = session.onDidChange(({ kind }) => {
        if (kind !== 'findings') return;
        subscription.dispose();
        resolve();
      });
    });
  }
}

describe('one value per channel', () => {
  const files = [
    ['formats/scripted.pt', [1, 3, 3, 3], 'bn', '[1, 4, 1, 1]'],
    ['formats/module.pth', [1, 3], '', '[1, 3]'],
    ['onnx/train.onnx', [1, 3, 8, 8], 'norm', '[1, 4]'],
  ] as const;
  for (const [file, shape, module, size] of files) {
    it(`names its layer in ${file}`, async () => {
      const session = await open(file);
      await assert.rejects(run(session, ...shape), (error: AppError) => {
        assert.deepEqual([error.code, error.module], ['single-value', module]);
        assert.match(error.message, /Expected more than 1 value per channel when training, got input size/);
        return true;
      });
      await untilFound(session, (found) => {
        if (found === undefined) return false;
        assert.deepEqual([found.severity, found.path], ['error', module]);
        assert.ok(found.message.includes(`input size ${size}`), found.message);
        return true;
      });
      session.dispose();
    });
  }

  it('is no finding in eval, nor after a forward that ran', async () => {
    const session = await open('formats/module.pth');
    const fail = async (): Promise<void> => {
      await assert.rejects(run(session, 1, 3));
      await untilFound(session, (found) => found !== undefined);
    };
    await fail();
    await session.setTraining('', false, { recursive: true });
    await untilFound(session, (found) => found === undefined);
    await session.setTraining('', true, { recursive: true });
    await untilFound(session, (found) => found !== undefined);
    await run(session, 2, 3);
    await untilFound(session, (found) => found === undefined);
    await fail();
    session.dispose();
  });

  it('is told by the code of its error, and its size by torch’s words', () => {
    const error = new AppError('single-value', 'Expected more than 1 value, got input size [1, 1]', '', {
      module: 'g',
    });
    assert.deepEqual(singleValueEvents(error), [{ kind: 'singleValue', path: 'g', shape: [1, 1] }]);
    assert.deepEqual(singleValueEvents(new AppError('bad-input', error.message)), []);
  });
});
