// From a path to a program: format, modules and tensors of a file on disk.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { openModel } from '../../../src/sessions/openModel';
import { fixtures } from '../formats/archives';

const assets = {
  treeSitter: () => readFile(require.resolve('web-tree-sitter/web-tree-sitter.wasm')),
  pythonGrammar: () => readFile(require.resolve('tree-sitter-python/tree-sitter-python.wasm')),
};

describe('openModel', () => {
  it('opens a TorchScript file as a program that can be described and read', async () => {
    const model = await openModel(join(fixtures, 'scripted.pt'), assets);
    assert.deepEqual([model.format, model.problems], ['torchscript', []]);
    const modules = await model.program.describe();
    assert.deepEqual(
      modules.map(({ path }) => path),
      ['', 'conv', 'bn', 'drop', 'again'],
    );
    const statistics = await model.program.normStatistics('bn');
    assert.deepEqual([statistics?.numBatchesTracked, statistics?.runningVar?.mean], [0, 1]);
    await model.close();
  });

  it('closes the file, and passes on why it is no model', async () => {
    await assert.rejects(openModel(join(fixtures, 'make_fixtures.py'), assets), { code: 'not-a-model' });
    await assert.rejects(openModel(join(fixtures, 'missing.pt'), assets), { code: 'file-unreadable' });
  });
});
