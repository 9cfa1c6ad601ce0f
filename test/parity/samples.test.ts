// The committed samples do what samples/README.md promises, on the bundled runtime.

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { RunContext } from '../../src/runtime/context';
import { Tensor } from '../../src/runtime/program';
import type { Program, Value } from '../../src/runtime/program';
import { Generator } from '../../src/runtime/random';
import { withProgram } from './runtime';

const folder = path.resolve(__dirname, '../../samples');

interface Session {
  readonly program: Program;
  /** Runs twice with different seeds: whether the outputs repeat, and which layers' statistics moved. */
  readonly runTwice: () => Promise<{ readonly repeats: boolean; readonly moved: readonly string[] }>;
}

function withSample(name: string, input: () => Value, use: (session: Session) => Promise<void>): Promise<void> {
  return withProgram(path.join(folder, name), async (program, executor) => {
    const versions = async (): Promise<Map<string, number>> =>
      new Map((await program.describe()).map(({ path: module }) => [module, program.statisticsVersion(module)]));
    const run = async (seed: number): Promise<string> => {
      const output = await program.forward([input()], new RunContext(executor, new Generator(seed)));
      assert.ok(output instanceof Tensor);
      return Array.from(output.toNumbers()).join();
    };
    await use({
      program,
      runTwice: async () => {
        const before = await versions();
        const repeats = (await run(1)) === (await run(2));
        const moved = [...(await versions())].filter(([module, version]) => version !== before.get(module));
        return { repeats, moved: moved.map(([module]) => module) };
      },
    });
  });
}

function image(batch: number): Value {
  const generator = new Generator(5);
  const elements = Float32Array.from({ length: batch * 3 * 32 * 32 }, () => generator.normal());
  return Tensor.of('float32', [batch, 3, 32, 32], elements);
}

function tokens(): Value {
  const elements = BigInt64Array.from({ length: 24 }, (_, i) => BigInt(1 + ((i * 37) % 199)));
  return Tensor.of('int64', [2, 12], elements);
}

describe('samples', () => {
  it('are below 1 MB each', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.pt'));
    assert.deepEqual(files.sort(), ['lstm_tagger.pt', 'mixed_modes.pt', 'resnet_trained.pt', 'traced.pt']);
    for (const name of files) assert.ok(statSync(path.join(folder, name)).size < 1_000_000, name);
  });

  it('resnet_trained.pt stands still in eval, and moves and varies in train', async () => {
    await withSample(
      'resnet_trained.pt',
      () => image(4),
      async ({ program, runTwice }) => {
        const stored = await program.normStatistics('layer1.0.bn1');
        assert.equal(stored?.numBatchesTracked, 150);
        assert.deepEqual(await runTwice(), { repeats: true, moved: [] });
        program.setTraining('', true, true);
        const { repeats, moved } = await runTwice();
        assert.equal(repeats, false);
        assert.equal(moved.length, 13);
        assert.equal((await program.normStatistics('layer1.0.bn1'))?.numBatchesTracked, 152);
      },
    );
  });

  it('mixed_modes.pt moves one layer as saved, and the frozen ones after train()', async () => {
    await withSample(
      'mixed_modes.pt',
      () => image(2),
      async ({ program, runTwice }) => {
        const modules = await program.describe();
        const inEval = modules.filter(({ training }) => training === false).map(({ path: module }) => module);
        const frozen = ['encoder.1', 'encoder.3.bn1', 'encoder.3.bn2', 'encoder.3.shortcut.1'];
        assert.deepEqual(inEval, [...frozen, 'spatial_dropout']);
        assert.deepEqual(await runTwice(), { repeats: true, moved: ['decoder.1'] });
        program.setTraining('', true, true);
        assert.deepEqual(await runTwice(), { repeats: false, moved: [...frozen, 'decoder.1'] });
      },
    );
  });

  it('traced.pt says eval and behaves as in train, whatever is switched', async () => {
    await withSample(
      'traced.pt',
      () => image(2),
      async ({ program, runTwice }) => {
        const modules = await program.describe();
        assert.ok(modules.every(({ training }) => training === false));
        assert.equal(modules.find(({ path: module }) => module === 'dropout')?.behaviour, 'train');
        assert.equal(modules.find(({ path: module }) => module === 'stem.1')?.behaviour, 'train');
        program.setTraining('', false, true);
        const { repeats, moved } = await runTwice();
        assert.equal(repeats, false);
        assert.equal(moved.length, 13);
      },
    );
  });

  it('lstm_tagger.pt varies once its lstm alone is in train', async () => {
    await withSample('lstm_tagger.pt', tokens, async ({ program, runTwice }) => {
      assert.deepEqual(await runTwice(), { repeats: true, moved: [] });
      program.setTraining('lstm', true, false);
      assert.deepEqual(await runTwice(), { repeats: false, moved: [] });
    });
  });
});
