// The committed ONNX files run as torch's exporters, older versions and other writers left them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RunContext } from '../../src/runtime/context';
import { Tensor, type Program, type Value } from '../../src/runtime/program';
import { Generator } from '../../src/runtime/random';
import { withProgram } from './runtime';

const folder = path.resolve(__dirname, '../fixtures/onnx');

/** Runs with a seed; the output's elements. */
type Run = (seed: number) => Promise<readonly number[]>;

function withFile(name: string, inputs: readonly Value[], use: (program: Program, run: Run) => Promise<void>) {
  return withProgram(path.join(folder, name), async (program, executor) => {
    await use(program, async (seed) => {
      const output = await program.forward(inputs, new RunContext(executor, new Generator(seed)));
      assert.ok(output instanceof Tensor);
      return Array.from(output.toNumbers());
    });
  });
}

function normal(...shape: number[]): Tensor {
  const generator = new Generator(3);
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.of(
    'float32',
    shape,
    Float32Array.from({ length: count }, () => generator.normal()),
  );
}

const images = [normal(2, 3, 8, 8)];

function close(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) < 1e-5, `at ${i}: ${value}, expected ${expected[i]!}`);
  });
}

describe('ONNX files', () => {
  for (const name of ['train.onnx', 'opset11.onnx', 'dynamo.onnx']) {
    it(`${name} repeats under a seed, varies without, and moves its statistics`, async () => {
      await withFile(name, images, async (program, run) => {
        program.setTraining('', true, true);
        const before = await program.normStatistics('norm');
        const first = await run(1);
        assert.notDeepEqual(await program.normStatistics('norm'), before);
        assert.deepEqual(await run(1), first);
        assert.notDeepEqual(await run(2), first);
        program.setTraining('', false, true);
        const still = await program.normStatistics('norm');
        assert.deepEqual(await run(1), await run(2));
        assert.deepEqual(await program.normStatistics('norm'), still);
      });
    });
  }

  it('mixed.onnx runs with its weights in another file, and only Dropout makes it vary', async () => {
    await withFile('mixed.onnx', images, async (program, run) => {
      assert.notDeepEqual(await run(1), await run(2));
      program.setTraining('blocks', false, true);
      assert.notDeepEqual(await run(1), await run(2), 'the functional Dropout before the heads is in the root');
      program.setTraining('', false, false);
      assert.deepEqual(await run(1), await run(2));
    });
  });

  it('frozen.onnx runs though ONNX Runtime’s optimizer breaks it', async () => {
    const input = normal(6, 2);
    await withFile('frozen.onnx', [input], async (_, run) => {
      // Each of the two divides by the root of a variance of 1 and an eps of 3.
      const expected = Array.from(input.toNumbers(), (value) => value / 4);
      close(await run(1), expected);
    });
  });

  it('nested.onnx switches one call of a function and not the other', async () => {
    const input = normal(6, 2);
    const off = Tensor.of('bool', [], Uint8Array.of(0));
    await withFile('nested.onnx', [input, off], async (program, run) => {
      const x = Array.from(input.toNumbers());
      const normalise = (values: readonly number[]): number[] =>
        values.map((value, i) => (i % 2 === 0 ? (value - 0.5) / Math.sqrt(2.001) : (value + 0.5) / Math.sqrt(1.001)));
      close(await run(1), normalise(normalise(x)));
      const untouched = await program.normStatistics('second/bn');
      program.setTraining('first/bn', true, true);
      const output = await run(1);
      const mean = [0, 1].map((c) => x.filter((_, i) => i % 2 === c).reduce((sum, value) => sum + value, 0) / 6);
      const variance = [0, 1].map(
        (c) => x.filter((_, i) => i % 2 === c).reduce((sum, value) => sum + (value - mean[c]!) ** 2, 0) / 6,
      );
      const byBatch = x.map((value, i) => (value - mean[i % 2]!) / Math.sqrt(variance[i % 2]! + 1e-3));
      close(output, normalise(byBatch));
      // torch's rule: momentum 0.1, and the unbiased variance.
      const moved = await program.normStatistics('first/bn', { values: true });
      close(
        moved?.runningMean?.values?.map(Number) ?? [],
        [0.5, -0.5].map((old, c) => 0.9 * old + 0.1 * mean[c]!),
      );
      close(
        moved?.runningVar?.values?.map(Number) ?? [],
        [2, 1].map((old, c) => 0.9 * old + (0.1 * variance[c]! * 6) / 5),
      );
      assert.deepEqual(await program.normStatistics('second/bn'), untouched);
    });
  });
});

describe('ONNX files whose forward fails', () => {
  it('leave one line on stderr, and none of ONNX Runtime’s own', () => {
    const cli = path.resolve(__dirname, '../../dist/cli.js');
    const args = [cli, 'run', path.join(folder, 'nested.onnx'), '--shape', '1,7'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 3);
    assert.match(stderr, /^mode-inspector: nested\.onnx can't be run with these inputs: [^\n]+\n$/);
  });
});

describe('ONNX files that ONNX Runtime has no kernels for', () => {
  it('end in an error that names the operator or the version', async () => {
    const bytes = readFileSync(path.join(folder, 'nested.onnx'));
    const target = mkdtempSync(path.join(tmpdir(), 'onnx-'));
    const run = async (from: string, to: string): Promise<void> => {
      const file = path.join(target, 'net.onnx');
      writeFileSync(file, Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1'));
      await withProgram(file, async (program, executor) => {
        const inputs = [normal(2, 2), Tensor.of('bool', [], Uint8Array.of(0))];
        await program.forward(inputs, new RunContext(executor, new Generator(1)));
      });
    };
    try {
      await assert.rejects(run('Identity', 'Identidy'), {
        code: 'unsupported-operator',
        message: /net\.onnx: .*Identidy/,
      });
      // The version of ONNX's own operators: the field of 17 becomes one of 99.
      await assert.rejects(run('\x10\x11', '\x10\x63'), {
        code: 'unsupported-operator',
        message: /net\.onnx: ONNX Runtime only.*99/,
      });
    } finally {
      rmSync(target, { recursive: true });
    }
  });
});
