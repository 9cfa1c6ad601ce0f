// Copies with other modes and statistics, as torch.load and torch.jit.load read them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { RunContext } from '../../src/runtime/context';
import { Tensor } from '../../src/runtime/program';
import { Generator } from '../../src/runtime/random';
import { openModel } from '../../src/sessions/openModel';
import { saveCopy } from '../../src/sessions/saveCopy';
import { fixtureFolder } from './fixture';
import { assets, withProgram } from './runtime';

const samples = path.resolve(__dirname, '../../samples');
const files = path.join(fixtureFolder(), 'files');
const folder = path.join(fixtureFolder(), 'copies');

interface Case {
  readonly original: string;
  readonly kind: 'script' | 'module';
  readonly modes: readonly (readonly [path: string, training: boolean])[];
  /** Run once in these modes, and keep the statistics that moved. */
  readonly statistics?: boolean;
}

const layouts = ['', '_legacy', '_protocol3', '_protocol4', '_protocol5', '_in_checkpoint'];
const cases: readonly Case[] = [
  { original: path.join(samples, 'resnet_trained.pt'), kind: 'script', modes: [['', true]] },
  {
    original: path.join(samples, 'resnet_trained.pt'),
    kind: 'script',
    modes: [
      ['layer1', true],
      ['layer1.0.bn1', false],
    ],
  },
  { original: path.join(samples, 'resnet_trained.pt'), kind: 'script', modes: [['', true]], statistics: true },
  { original: path.join(samples, 'mixed_modes.pt'), kind: 'script', modes: [['', false]] },
  { original: path.join(samples, 'mixed_modes.pt'), kind: 'script', modes: [['', true]], statistics: true },
  { original: path.join(samples, 'lstm_tagger.pt'), kind: 'script', modes: [['lstm', true]] },
  { original: path.join(samples, 'traced.pt'), kind: 'script', modes: [['', true]] },
  ...layouts.flatMap((layout): Case[] => {
    const original = path.join(files, `module${layout}.pt`);
    return [
      { original, kind: 'module', modes: [['', false]] },
      {
        original,
        kind: 'module',
        modes: [
          ['', true],
          ['stem', false],
        ],
      },
    ];
  }),
];

describe('copies that torch loads', () => {
  it('have exactly the flags and statistics asked for, and the same outputs', async function () {
    const python = process.env['MODE_INSPECTOR_PYTHON'];
    assert.ok(python, 'MODE_INSPECTOR_PYTHON must name a Python with torch');
    this.timeout(300_000);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const list = [];
    for (const [i, one] of cases.entries()) list.push(await write(one, i));
    writeFileSync(path.join(folder, 'cases.json'), JSON.stringify(list));
    const script = path.join(__dirname, 'copies.py');
    const { status, stdout, stderr } = spawnSync(python, [script, path.join(folder, 'cases.json')], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, '');
  });
});

async function write({ original, kind, modes, statistics = false }: Case, index: number): Promise<unknown> {
  const copy = path.join(folder, `${String(index)}-${path.basename(original)}`);
  const model = await openModel(original, assets);
  try {
    const { program } = model;
    for (const [module, training] of modes) program.setTraining(module, training, true);
    const specs = await program.describe();
    const moved: string[] = [];
    const before = new Map(specs.map(({ path: module }) => [module, program.statisticsVersion(module)]));
    if (statistics) {
      const generator = new Generator(5);
      const elements = Float32Array.from({ length: 4 * 3 * 32 * 32 }, () => generator.normal());
      await withProgram(original, (_, executor) =>
        program.forward([Tensor.of('float32', [4, 3, 32, 32], elements)], new RunContext(executor, new Generator(1))),
      );
      moved.push(...[...before].filter(([module, old]) => program.statisticsVersion(module) !== old).map(([m]) => m));
      assert.ok(moved.length > 0, 'the forward moved nothing');
    }
    await saveCopy(model, moved, { file: copy, statistics, overwrite: false }, () => false);
    const expected: Record<string, unknown> = {};
    for (const module of moved) {
      const values = await program.normStatistics(module, { values: true });
      expected[module] = {
        runningMean: values?.runningMean?.values,
        runningVar: values?.runningVar?.values,
        numBatchesTracked: values?.numBatchesTracked,
      };
    }
    // In a checkpoint the module stands at the root of the description, as the only model of the file.
    const flags = Object.fromEntries(specs.map(({ path: module, training }) => [module, training]));
    return { original, copy, kind, flags, statistics: expected };
  } finally {
    await model.close();
  }
}
