// `compare FILE OTHER`: what it prints for people and for programs, and its exit status.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { parseCommandLine } from '../../../src/cli/arguments';
import { compareFiles } from '../../../src/cli/compareFiles';
import { set } from '../../../src/cli/set';
import { createEngine } from '../../../src/sessions/engine';
import type { Engine } from '../../../src/protocol/engine';
import type { AppError } from '../../../src/util/errors';

const modules = path.join(__dirname, '..', '..', '..', 'node_modules');
const sample = (name: string): string => path.join(__dirname, '..', '..', '..', 'samples', name);

const makeEngine = (): Engine =>
  createEngine({
    threads: 1,
    assets: {
      treeSitter: path.join(modules, 'web-tree-sitter', 'web-tree-sitter.wasm'),
      pythonGrammar: path.join(modules, 'tree-sitter-python', 'tree-sitter-python.wasm'),
      onnxRuntimeFolder: path.join(modules, 'onnxruntime-web', 'dist'),
    },
  });

async function execute(...argv: string[]): Promise<{ text: string; status: number }> {
  const command = parseCommandLine(['compare', ...argv]);
  assert.equal(command.name, 'compareFiles');
  return compareFiles(makeEngine, command);
}

describe('compare of two files', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
  const [trained, copy] = [sample('resnet_trained.pt'), path.join(folder, 'copy.pt')];

  before(async () => {
    const command = parseCommandLine(['set', trained, '--train', 'layer1', '-o', copy]);
    assert.equal(command.name, 'set');
    const engine = makeEngine();
    await set(engine, command);
    engine.dispose();
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('tells the differences to people, a subtree in a line', async () => {
    const { text } = await execute(trained, copy);
    const [summary, blank, header, ...rows] = text.split('\n');
    assert.match(summary ?? '', /resnet_trained\.pt and .*copy\.pt: \d+ modes differ$/);
    assert.equal(blank, '');
    assert.match(header ?? '', /^mode +type +\S+resnet_trained\.pt +\S+copy\.pt$/);
    assert.deepEqual(
      rows.map((row) => row.replace(/ +/g, ' ')),
      [`layer1 (and ${String(rowsBelow(text))} below) Sequential eval train`],
    );
  });

  it('prints JSON, with each module that differs', async () => {
    const { text } = await execute(trained, copy, '--json');
    const found = JSON.parse(text) as { differences: { path: string; training: boolean[] }[] } & Record<
      string,
      unknown
    >;
    assert.deepEqual(
      [found['schema'], found['file'], found['format'], found['model'], found['other']],
      [1, trained, 'torchscript', '', { file: copy, format: 'torchscript', model: '' }],
    );
    assert.ok(found.differences.length > 5);
    assert.ok(found.differences.every(({ path: module }) => module.startsWith('layer1')));
    assert.deepEqual(
      found.differences.find(({ path: module }) => module === 'layer1.0.bn1'),
      { path: 'layer1.0.bn1', type: 'BatchNorm2d', training: [false, true] },
    );
  });

  it('tells layers whose code holds another mode than their flag', async () => {
    const { text } = await execute(sample('traced.pt'), trained);
    assert.match(text, /^forward +type .*\nstem\.1 +BatchNorm2d +runs as train +runs as eval$/m);
  });

  it('ends with status 1 only where it was asked to', async () => {
    assert.equal((await execute(trained, copy)).status, 0);
    assert.equal((await execute(trained, copy, '--exit-code')).status, 1);
    const same = await execute(trained, trained, '--exit-code');
    assert.deepEqual([same.status, same.text], [0, `${trained} and ${trained}: no difference`]);
  });

  it('compares files with no module in common, and cuts long lists short', async () => {
    const { text } = await execute(trained, sample('lstm_tagger.pt'));
    assert.match(text, /^No module of one has the path of a module of the other$/m);
    assert.match(text, /^--model and --other-model name the parts to compare$/m);
    const [, structure = ''] = text.split('\n\n');
    assert.match(structure, /^structure +type/);
    assert.ok(structure.split('\n').length <= 22);
  });

  it('compares parts of files', async () => {
    const { text } = await execute(trained, trained, '--model', 'layer1.0', '--other-model', 'layer1.1', '--json');
    const found = JSON.parse(text) as {
      differences: { path: string; otherPath: string; statistics?: { runningMean: { relative: number } } }[];
    };
    const [first] = found.differences;
    assert.deepEqual(
      [first?.path, first?.otherPath].map((each) => each?.slice(0, 8)),
      ['layer1.0', 'layer1.1'],
    );
    assert.ok((first?.statistics?.runningMean.relative ?? 0) > 0);
    await assert.rejects(execute(trained, copy, '--model', 'none'), {
      code: 'no-such-module',
    } satisfies Partial<AppError>);
  });

  it('refuses what is about a run, and of one file what is about two', () => {
    const code = { code: 'usage' } satisfies Partial<AppError>;
    for (const argv of [
      [trained, copy, '--shape', '1,3,8,8'],
      [trained, copy, '--seed', '1'],
      [trained, '--exit-code'],
      [trained, '--other-model', 'layer1'],
    ])
      assert.throws(() => parseCommandLine(['compare', ...argv]), code);
  });
});

/** How many modules the first line stands for, besides its own. */
function rowsBelow(text: string): number {
  return Number(/: (\d+) modes differ$/m.exec(text)?.[1]) - 1;
}
