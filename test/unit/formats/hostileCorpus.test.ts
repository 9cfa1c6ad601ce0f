// Hostile files, those that fuzzing found and those made by hand: what each is, or the one error that it gives. They are opened
// as the product opens a file, from disk through the engine.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { createEngine } from '../../../src/sessions/engine';
import { AppError, toAppError, type AppErrorCode } from '../../../src/util/errors';
import { hostileFiles, type Expected } from './hostileFiles';

/** Files that fuzzing found, in test/fixtures/hostile. */
const kept: Readonly<Record<string, Expected>> = {
  'dotted_module.pt': { code: 'corrupt', message: /module of the name '\.\.\/x', which PyTorch does not allow/ },
  'long_name.pth': { code: 'corrupt', message: /a module has the impossible name '.{60}'/s },
  'unnamed_model.pth': { format: 'state-dict' },
  'unnamed_part.safetensors.index.json': { format: 'safetensors', problems: /2 tensors are missing/ },
  'wide_statistics.pth.tar': {
    format: 'state-dict',
    statistics: { code: 'limit-exceeded', message: /statistics of 65536003 features/ },
  },
  'late_node.onnx': {
    format: 'onnx',
    forward: { code: 'corrupt', message: /reads '.*' before it is computed/ },
  },
};

const packages = path.resolve(__dirname, '../../../node_modules');
const assets = {
  treeSitter: path.join(packages, 'web-tree-sitter/web-tree-sitter.wasm'),
  pythonGrammar: path.join(packages, 'tree-sitter-python/tree-sitter-python.wasm'),
  onnxRuntimeFolder: path.join(packages, 'onnxruntime-web/dist'),
};
const fixtures = path.join(__dirname, '../../fixtures/hostile');

function assertError(thrown: unknown, { code, message }: { code: AppErrorCode; message: RegExp }): void {
  // The engine's callers turn a lack of stack into a sentence.
  const error = toAppError(thrown, 'worker-died');
  assert.deepEqual([error.code, message.test(error.message)], [code, true], error.stack);
  assert.ok(error.oneLine.length < 1000, error.oneLine);
}

async function check(file: string, expected: Expected): Promise<void> {
  const engine = createEngine({ assets, threads: 1 });
  try {
    const opened = await engine.request('open', { file }).catch((error: unknown) => toAppError(error, 'worker-died'));
    if ('code' in expected) {
      assert.ok(opened instanceof AppError, 'it opens');
      assertError(opened, expected);
      return;
    }
    if (opened instanceof AppError) throw opened;
    const { format, modules, problems } = opened;
    assert.equal(format, expected.format);
    const paths = modules.map((module) => module.path);
    if (expected.modules !== undefined) assert.deepEqual(paths, expected.modules);
    for (const { message } of problems) assert.ok(message.length <= 500, message);
    const messages = problems.map(({ message }) => message).join('\n');
    if (expected.problems === undefined) assert.equal(messages, '');
    else assert.match(messages, expected.problems);
    const { statistics, forward } = expected;
    const asked = engine.request('statistics', { paths, values: true });
    if (statistics === undefined) await asked;
    else {
      await assert.rejects(asked, (error) => {
        assertError(error, statistics);
        return true;
      });
    }
    if (forward === undefined) return;
    await engine.request('setTraining', { changes: [{ path: '', training: true, recursive: true }] });
    await assert.rejects(engine.request('runForward', { inputs: [], seed: 1 }), (error) => {
      assertError(error, forward);
      return true;
    });
  } finally {
    engine.dispose();
  }
}

describe('hostile file', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-hostile-'));

  after(() => {
    fs.rmSync(folder, { recursive: true });
  });

  for (const [name, expected] of Object.entries(kept)) {
    it(name, () => check(path.join(fixtures, name), expected));
  }

  it('has its expectation here', () => {
    assert.deepEqual(fs.readdirSync(fixtures).sort(), Object.keys(kept).sort());
  });

  for (const { name, what, bytes, expected } of hostileFiles) {
    it(`${name}: ${what}`, async () => {
      const file = path.join(folder, name);
      fs.writeFileSync(file, bytes());
      await check(file, expected);
    });
  }
});

describe('a file that changes while it is open', () => {
  const scripted = path.join(__dirname, '../../fixtures/formats/scripted.pt');
  const changes: readonly (readonly [how: string, change: (file: string) => void])[] = [
    [
      'shrinks',
      (file) => {
        fs.truncateSync(file, 5000);
      },
    ],
    [
      'is written over',
      (file) => {
        fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size));
        // A file system may keep times in steps that are longer than this test.
        fs.utimesSync(file, 1, 1);
      },
    ],
  ];
  for (const [how, change] of changes) {
    it(`and ${how} gives an error and no numbers, for statistics and for a forward`, async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-hostile-'));
      const file = path.join(folder, 'net.pt');
      fs.copyFileSync(scripted, file);
      const engine = createEngine({ assets, threads: 1 });
      try {
        await engine.request('open', { file });
        change(file);
        const expected = { code: 'file-unreadable', message: /changed on disk/ } as const;
        await assert.rejects(engine.request('statistics', { paths: ['bn'], values: true }), expected);
        const input = { kind: 'random', shape: [1, 3, 8, 8], dtype: 'float32' } as const;
        await assert.rejects(engine.request('runForward', { inputs: [input] }), expected);
      } finally {
        engine.dispose();
        fs.rmSync(folder, { recursive: true });
      }
    });
  }
});
