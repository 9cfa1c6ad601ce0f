// The command line: what it takes, and what it prints about real archives.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { CommanderError } from 'commander';

import { parseCommandLine, parseShape, type CommandLine, type RunCommand } from '../../../src/cli/arguments';
import { check } from '../../../src/cli/check';
import { compare } from '../../../src/cli/compare';
import { inspect } from '../../../src/cli/inspect';
import { readNpy, writeNpy } from '../../../src/cli/npy';
import { run } from '../../../src/cli/run';
import { set } from '../../../src/cli/set';
import { defaultFindingSettings } from '../../../src/insight/findings';
import type { AppError } from '../../../src/util/errors';
import { realEngine } from '../support/engine';

const samples = path.join(__dirname, '..', '..', '..', 'samples');
const formats = path.join(__dirname, '..', '..', 'fixtures', 'formats');

interface Json {
  schema: number;
  format: string;
  modules: {
    path: string;
    type: string;
    training: boolean | null;
    behaviour: string;
    functionalCalls?: object[];
    batchNorm?: { numBatchesTracked: number; runningMean: { mean: number; values?: number[] } };
  }[];
  outputs: { shape: number[]; dtype: string; mean: number }[];
  problems: { message: string }[];
}

interface Compared {
  schema: number;
  format: string;
  start: string | null;
  layers: { path: string; relativeL2: number }[];
}
let statusOfCheck = 0;

async function execute(...argv: string[]): Promise<string> {
  const command: CommandLine = parseCommandLine(argv);
  const engine = realEngine();
  try {
    switch (command.name) {
      case 'inspect':
        return await inspect(engine, command);
      case 'run':
        return await run(engine, command);
      case 'compare':
        return await compare(engine, command);
      case 'check': {
        const { text, status } = await check(engine, command);
        statusOfCheck = status;
        return text;
      }
      case 'set':
        return await set(engine, command);
      case 'compareFiles':
        throw new Error('comparing two files is tested in compareFiles.test.ts');
      case 'watch':
        throw new Error('watch is tested with real processes in test/live');
    }
  } finally {
    engine.dispose();
  }
}

const json = async (...argv: string[]): Promise<Json> => JSON.parse(await execute(...argv, '--json')) as Json;

describe('check', () => {
  const sample = (name: string): string => path.join(samples, name);

  it('names what it finds, and its status follows --fail-on', async () => {
    const report = JSON.parse(await execute('check', sample('traced.pt'), '--json')) as {
      schema: number;
      findings: Record<string, unknown>[];
    };
    assert.equal(statusOfCheck, 1);
    assert.equal(report.schema, 1);
    const { rule, severity, path: at, message } = report.findings[0] ?? {};
    assert.deepEqual([rule, severity, at], ['mode/baked', 'warning', 'stem.1']);
    assert.match(String(message), /literal/);
    await execute('check', sample('traced.pt'), '--fail-on', 'error');
    assert.equal(statusOfCheck, 0);
    await execute('check', sample('mixed_modes.pt'));
    assert.equal(statusOfCheck, 0);
    await execute('check', sample('mixed_modes.pt'), '--fail-on', 'information');
    assert.equal(statusOfCheck, 1);
    assert.match(await execute('check', sample('resnet_trained.pt')), /resnet_trained\.pt: no findings$/);
  });

  it('leaves rules out, and takes thresholds', async () => {
    assert.match(await execute('check', sample('mixed_modes.pt'), '--disable', 'mode/mixed'), /no findings$/);
    // 0.9 ** 40 of the initial values is left.
    const strict = await execute('check', sample('mixed_modes.pt'), '--threshold', 'initialShare=0.01');
    assert.match(strict, /1 % of the initial .* \(batchnorm\/initial-share\)/);
    for (const wrong of [
      ['--disable', 'nothing'],
      ['--threshold', 'nothing=1'],
      ['--threshold', 'initialShare=much'],
      ['--fail-on', 'sometimes'],
    ])
      assert.throws(() => parseCommandLine(['check', 'm.pt', ...wrong]), CommanderError);
  });

  it('fills the findings of inspect, and of run after its steps', async () => {
    const rules = async (...argv: string[]): Promise<string[]> =>
      (JSON.parse(await execute(...argv, '--json')) as { findings: { rule: string }[] }).findings.map(
        ({ rule }) => rule,
      );
    assert.deepEqual([...new Set(await rules('inspect', sample('traced.pt')))], ['mode/baked']);
    assert.deepEqual(await rules('run', sample('mixed_modes.pt'), '--eval'), []);
    assert.match(await execute('inspect', sample('mixed_modes.pt')), /^findings\n {2}information/m);
  });
});

describe('command line', () => {
  it('keeps the order of --train and --eval, which stand for the root without a path', () => {
    const command = parseCommandLine([
      'run',
      'm.pt',
      '--eval',
      '--train',
      'layer1',
      '--eval=layer1.0',
      '--train',
    ]) as RunCommand;
    assert.deepEqual(
      command.modes.map(({ path: modulePath, training }) => [modulePath, training]),
      [
        ['', false],
        ['layer1', true],
        ['layer1.0', false],
        ['', true],
      ],
    );
  });

  it('takes an option after one without its path', () => {
    const command = parseCommandLine(['run', 'm.pt', '--eval', '--shape', '1,2', '--shape', '3:int64']) as RunCommand;
    assert.deepEqual(command.modes, [{ path: '', training: false, recursive: true }]);
    assert.deepEqual(command.inputs, [
      { kind: 'random', shape: [1, 2], dtype: 'float32' },
      { kind: 'random', shape: [3], dtype: 'int64' },
    ]);
  });

  it('has defaults', () => {
    assert.deepEqual(parseCommandLine(['inspect', 'm.pt']), {
      name: 'inspect',
      file: 'm.pt',
      json: false,
      values: false,
      threads: 0,
      settings: defaultFindingSettings,
    });
    assert.equal((parseCommandLine(['run', 'm.pt']) as RunCommand).steps, 1);
  });

  it('refuses a mistake in one line', () => {
    const written: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
    try {
      for (const argv of [['run'], ['run', 'm.pt', '--steps', '0'], ['frob'], ['inspect', 'm.pt', '--frob']]) {
        assert.throws(() => parseCommandLine(argv));
      }
    } finally {
      process.stderr.write = write;
    }
    assert.equal(written.length, 4);
    for (const text of written) assert.match(text, /^mode-inspector: [^\n]+ Run with --help for the options\.\n$/);
    assert.throws(() => parseCommandLine([]), { code: 'usage' });
  });

  it('refuses shapes that are none', () => {
    for (const text of ['1,,2', 'a', '1,-2', '1:float3', '1.5'])
      assert.throws(() => parseShape(text), /shape|dtype/, text);
    assert.deepEqual(parseShape(''), { kind: 'random', shape: [], dtype: 'float32' });
  });
});

describe('inspect', () => {
  it('prints the contract as JSON', async () => {
    const { schema, format, modules: found } = await json('inspect', path.join(samples, 'resnet_trained.pt'));
    assert.equal(schema, 1);
    assert.equal(format, 'torchscript');
    assert.equal(found[0]?.path, '');
    const norm = found.find(({ batchNorm }) => batchNorm !== undefined);
    assert.ok(norm?.batchNorm !== undefined && norm.batchNorm.numBatchesTracked > 0);
    assert.equal(norm.batchNorm.runningMean.values, undefined);
  });

  it('adds whole statistics with --values', async () => {
    const { modules: found } = await json('inspect', path.join(samples, 'resnet_trained.pt'), '--values');
    const values = found.find(({ batchNorm }) => batchNorm !== undefined)?.batchNorm?.runningMean.values ?? [];
    assert.ok(values.length > 1 && values.every((value) => Number.isFinite(value)));
  });

  it('prints a tree for people', async () => {
    const text = await execute('inspect', path.join(samples, 'mixed_modes.pt'));
    assert.match(text, /^\(root\)/m);
    assert.match(text, /running_mean {2}min/);
    assert.match(text, /layers below differ/);
  });

  it('tells calls that no layer stands for', async () => {
    const file = path.join(formats, 'functional.pt');
    const { modules: found } = await json('inspect', file);
    assert.deepEqual(found.find((module) => module.path === 'block')?.functionalCalls?.[1], {
      function: 'torch.nn.functional.dropout',
      p: 0.1,
      behaviour: 'train',
      fixed: false,
      source: { file: '/tmp/fixtures/make_fixtures.py', line: 221 },
    });
    assert.match(await execute('inspect', file), /^ +F\.dropout\(p=0\.5\) {2}drops in both modes · .*:220$/m);
  });
});

describe('run', () => {
  const file = path.join(samples, 'resnet_trained.pt');

  it('moves the statistics in train and leaves them alone in eval', async () => {
    const counter = ({ modules: found }: Json): number =>
      found.find(({ batchNorm }) => batchNorm !== undefined)?.batchNorm?.numBatchesTracked ?? NaN;
    const before = counter(await json('inspect', file));
    assert.equal(counter(await json('run', file, '--train', '--steps', '3')), before + 3);
    assert.equal(counter(await json('run', file, '--eval', '--steps', '3')), before);
  });

  it('repeats under a seed', async () => {
    const outputs = async (seed: string): Promise<Json['outputs']> =>
      (await json('run', file, '--train', '--seed', seed)).outputs;
    assert.deepEqual(await outputs('1'), await outputs('1'));
    assert.notDeepEqual(await outputs('1'), await outputs('2'));
  });

  it('gives up after the timeout, and says so', async () => {
    // Each step takes far less than a second, all of them together more than it.
    const late = execute('run', file, '--steps', '100000000', '--timeout', '1');
    await assert.rejects(late, (error: AppError) => error.code === 'cancelled' && error.oneLine.includes('after 1 s'));
  });

  it('runs the model that --model names, each as it runs in a file of its own', async () => {
    const [several, alone] = ['exported_several.pt2', 'exported.pt2'].map((name) => path.join(formats, name));
    assert.ok(several !== undefined && alone !== undefined);
    const [named, first, own] = [
      await json('run', several, '--model', 'model', '--train', '--seed', '3'),
      await json('run', several, '--train', '--seed', '3'),
      await json('run', alone, '--train', '--seed', '3'),
    ];
    assert.deepEqual(named.outputs, own.outputs);
    assert.deepEqual(first.outputs, own.outputs);
    const batches = (report: Json): unknown[] =>
      report.modules.flatMap(({ batchNorm }) => batchNorm?.numBatchesTracked ?? []);
    assert.deepEqual(batches(named), batches(own));
    assert.deepEqual(named.problems, []);
    assert.match(first.problems[0]?.message ?? '', /holds 2 models .*\(model, small\); this was 'model'/);
    assert.deepEqual((await json('run', several, '--model', 'small')).outputs[0]?.shape, [1, 1]);
    await assert.rejects(execute('run', several, '--model', 'other'), { code: 'no-such-module', hint: /model, small/ });
    await assert.rejects(execute('run', alone, '--model', 'a'), { code: 'no-such-module', hint: /needs no name/ });
    const weights = path.join(formats, 'several.pth');
    await assert.rejects(execute('run', weights, '--model', 'ema'), { code: 'no-such-module', hint: /without code/ });
  });

  it('names a module that is not there', async () => {
    await assert.rejects(execute('run', file, '--eval', 'nope'), (error: AppError) => error.code === 'no-such-module');
  });

  it('saves the first output as an array that can be read back', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
    try {
      const target = path.join(folder, 'y.npy');
      const { outputs } = await json('run', file, '--eval', '--seed', '1', '--save-output', target);
      const saved = readNpy(target);
      assert.deepEqual(saved.shape, outputs[0]?.shape);
      assert.equal(saved.dtype, 'float32');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('compare', () => {
  it('tells where train and eval part, for people and as JSON, the same every time', async () => {
    const found = JSON.parse(await execute('compare', path.join(samples, 'resnet_trained.pt'), '--json')) as Compared;
    assert.deepEqual([found.schema, found.format, found.start], [1, 'torchscript', 'stem.1']);
    assert.deepEqual(
      found.layers.slice(0, 2).map(({ path: layer, relativeL2 }) => [layer, relativeL2 > 0]),
      [
        ['stem.0', false],
        ['stem.1', true],
      ],
    );
    assert.equal(found.layers.at(-1)?.path, '');
    assert.deepEqual(JSON.parse(await execute('compare', path.join(samples, 'resnet_trained.pt'), '--json')), found);
    const text = await execute('compare', path.join(samples, 'resnet_trained.pt'), '--shape', '2,3,16,16');
    assert.match(text, /differ in 46 of 47 modules, from 'stem\.1' on\ninput: float32 \[2, 3, 16, 16\]\n/);
    assert.match(text, /^stem\.1 +BatchNorm2d +\d.* mean off by .* sd, variance × /m);
  });

  it('says that a trace does not obey', async () => {
    assert.match(
      await execute('compare', path.join(samples, 'traced.pt')),
      /train and eval give the same in all \d+ modules/,
    );
  });

  it('draws other inputs under another seed', async () => {
    const compared = async (seed: string): Promise<string> =>
      execute('compare', path.join(samples, 'lstm_tagger.pt'), '--seed', seed, '--json');
    assert.equal(await compared('1'), await compared('1'));
    assert.notEqual(await compared('1'), await compared('2'));
  });
});

describe('set', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
  const copy = path.join(folder, 'copy.pt');
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('writes a copy in the modes asked for, and replaces one only with --force', async () => {
    const argv = ['set', path.join(samples, 'resnet_trained.pt'), '--train', 'layer1', '--eval', 'layer1.0.bn1'];
    assert.match(await execute(...argv, '-o', copy), /^Wrote \S+copy\.pt: \d+ flags differ\.$/);
    const training = new Map((await json('inspect', copy)).modules.map((module) => [module.path, module.training]));
    assert.deepEqual(
      ['', 'layer1', 'layer1.0.bn1', 'layer1.0.bn2'].map((at) => training.get(at)),
      [false, true, false, true],
    );
    await assert.rejects(execute(...argv, '-o', copy), { code: 'usage', message: /exists already/ });
    const again = JSON.parse(await execute(...argv, '-o', copy, '--force', '--json')) as { changed: string[] };
    assert.equal(again.changed.length, [...training.values()].filter((flag) => flag === true).length);
  });

  it('keeps what a run moved with --save-copy and --statistics', async () => {
    const file = path.join(samples, 'resnet_trained.pt');
    const steps = ['run', file, '--train', '--shape', '2,3,32,32', '--steps', '2', '--save-copy', copy, '--force'];
    const counter = async (): Promise<number | undefined> =>
      (await json('inspect', copy)).modules.find(({ batchNorm }) => batchNorm !== undefined)?.batchNorm
        ?.numBatchesTracked;
    await execute(...steps);
    assert.equal(await counter(), 150);
    assert.match(await execute(...steps, '--statistics'), /\nWrote .* and the running statistics of 13 layers\.$/);
    assert.equal(await counter(), 152);
  });

  it('asks for a mode, and for a copy where there is something to write into it', () => {
    assert.throws(() => parseCommandLine(['set', 'm.pt', '-o', 'c.pt']), { code: 'usage' });
    assert.throws(() => parseCommandLine(['run', 'm.pt', '--statistics']), { code: 'usage' });
  });
});

describe('.npy files', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
  const file = path.join(folder, 'x.npy');
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('survive a round trip in every shape', () => {
    for (const shape of [[], [3], [2, 3], [0, 2]]) {
      const count = shape.reduce((product, size) => product * size, 1);
      const bytes = new Uint8Array(Float64Array.from({ length: count }, (_, i) => i + 0.5).buffer);
      writeNpy(file, { shape, dtype: 'float64', bytes });
      assert.deepEqual(readNpy(file), { kind: 'array', dtype: 'float64', shape, bytes });
      assert.equal((readFileSync(file).length - bytes.length) % 64, 0);
    }
  });

  it('are refused with the reason', () => {
    const usage = (expected: RegExp) => (error: AppError) => error.code === 'usage' && expected.test(error.message);
    writeFileSync(file, 'not an array');
    assert.throws(() => readNpy(file), usage(/no \.npy file/));
    writeNpy(file, { shape: [4], dtype: 'float32', bytes: new Uint8Array(16) });
    writeFileSync(file, readFileSync(file).subarray(0, -4));
    assert.throws(() => readNpy(file), usage(/16 bytes .* holds 12/));
    assert.throws(
      () => readNpy(path.join(folder, 'none.npy')),
      (error: AppError) => error.code === 'file-unreadable',
    );
  });
});
