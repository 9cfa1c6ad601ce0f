// Files on disk: ranges are checked, and a change under our hands is noticed rather than shown as data.

import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { NodeFile } from '../../../src/sessions/nodeFile';

describe('NodeFile', () => {
  let folder = '';
  let file = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mode-inspector-'));
    file = join(folder, 'net.pt');
    await writeFile(file, '0123456789');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('reads ranges, and nothing outside the file', async () => {
    const source = await NodeFile.open(file);
    assert.deepEqual([source.name, source.size], ['net.pt', 10]);
    assert.equal(Buffer.from(await source.read(3, 4)).toString(), '3456');
    assert.equal((await source.read(10, 0)).length, 0);
    for (const [offset, length] of [
      [8, 3],
      [-1, 2],
      [0.5, 1],
      [0, NaN],
    ] as const) {
      await assert.rejects(source.read(offset, length), { code: 'corrupt' });
    }
    await source.close();
    await assert.rejects(source.read(0, 1), { code: 'file-unreadable' });
  });

  it('does not wait for what is no file', async () => {
    await assert.rejects(NodeFile.open(folder), { code: 'file-unreadable', message: `${folder} is not a file` });
    await assert.rejects(NodeFile.open(join(folder, 'none.pt')), { code: 'file-unreadable' });
  });

  it('notices that the file shrank or was written to', async () => {
    const shrunk = await NodeFile.open(file);
    await truncate(file, 5);
    await assert.rejects(shrunk.read(0, 10), { code: 'file-unreadable', message: /net\.pt changed on disk/ });
    await shrunk.close();
    const touched = await NodeFile.open(file);
    await utimes(file, 1, 1);
    await assert.rejects(touched.read(0, 2), { code: 'file-unreadable', message: /net\.pt changed on disk/ });
    await touched.close();
  });

  it('closes a file beside it that is still being opened', async () => {
    await writeFile(join(folder, 'weights'), 'abc');
    const source = await NodeFile.open(file);
    const opening = source.sibling('weights');
    await source.close();
    await assert.rejects((await opening).read(0, 1), { code: 'file-unreadable', message: /already closed/ });
    await assert.rejects(source.sibling('weights'), { code: 'file-unreadable', message: /already closed/ });
  });

  it('says why a file can not be opened', async () => {
    await assert.rejects(NodeFile.open(join(folder, 'none.pt')), {
      code: 'file-unreadable',
      message: /none\.pt does not exist$/,
    });
    await assert.rejects(NodeFile.open(folder), { code: 'file-unreadable', message: /is not a file$/ });
  });
});
