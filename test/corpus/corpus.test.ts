// Published models out of PyPI packages: each opens as expected, says what torch says of it, and runs as torch or ONNX Runtime.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readNpy } from '../../src/cli/npy';
import type { ForwardInput } from '../../src/protocol/engine';
import { Tensor } from '../../src/runtime/program';
import { root } from '../../scripts/lib/paths';
import { corpusFiles, prepare, type CorpusFile } from './prepare';
import { normsOf, summarise, tableText, type Inspected, type Expected, type InspectedModule } from './summary';

/** What torch, onnx or safetensors said; see reference.py. */
interface Reference {
  /** Class and flag of every module by path, where the file stores them. */
  readonly flags?: Readonly<Record<string, readonly [type: string, training: boolean]>>;
  readonly norms: Readonly<Record<string, readonly [mean: number, variance: number, batches: number | null]>>;
  /** The module paths of each state dict in the file. */
  readonly states?: readonly (readonly string[])[];
  /** Nodes of an ONNX graph that can depend on the mode, by operator. */
  readonly counts?: Readonly<Record<string, number>>;
}

const all = process.env['MODE_INSPECTOR_CORPUS'] === 'all';
const update = process.env['UPDATE_GOLDEN'] === '1';
const expectedFile = path.join(__dirname, 'expected.json');
const expected = JSON.parse(fs.readFileSync(expectedFile, 'utf8')) as Record<string, Expected>;

describe(all ? 'the corpus' : 'the small part of the corpus', () => {
  const written: Record<string, Expected> = {};
  let folder: string;

  before(async function () {
    this.timeout(3_600_000);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-corpus-'));
    await prepare(all);
  });

  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
    if (!update) return;
    const kept = { ...expected, ...written };
    const sorted = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
    fs.writeFileSync(expectedFile, `${JSON.stringify(sorted, undefined, 2)}\n`);
    const readme = path.join(__dirname, 'README.md');
    const text = fs.readFileSync(readme, 'utf8');
    const table = `<!-- table -->\n${tableText(sorted)}\n<!-- /table -->`;
    fs.writeFileSync(
      readme,
      text.replace(/<!-- table -->[^]*<!-- \/table -->/, () => table),
    );
  });

  for (const file of corpusFiles(all)) {
    it(file.id, () => {
      const found = look(file, path.join(folder, 'output.npy'));
      written[file.id] = found;
      if (!update) assert.deepEqual(found, expected[file.id]);
    });
  }
});

/** Opens the file, compares it with the reference, runs it where it takes inputs, and sums up. */
function look(file: CorpusFile, output: string): Expected {
  const { status, stdout, stderr } = cli('inspect', file.file, '--json');
  if (status !== 0) {
    assert.equal(status, 3);
    assert.match(stderr, /^mode-inspector: [^\n]+\n$/);
    return { error: stderr.trim() };
  }
  const inspected = parse(stdout);
  const reference = JSON.parse(fs.readFileSync(path.join(file.reference, 'reference.json'), 'utf8')) as Reference;
  compare(inspected.modules, reference);
  const summary = summarise(inspected, fs.readFileSync(file.file));
  if (file.inputs === 0) return summary;
  const inputs = Array.from({ length: file.inputs }, (_, i) => [
    '--input',
    path.join(file.reference, `input-${i}.npy`),
  ]);
  const run = (...options: string[]): Inspected => {
    const ran = cli('run', file.file, '--json', '--seed', '1', ...inputs.flat(), ...options);
    assert.equal(ran.stderr, '');
    return parse(ran.stdout);
  };
  const inEval = run('--eval', '--save-output', output);
  assert.deepEqual(normsOf(inEval.modules), normsOf(inspected.modules), 'statistics moved in eval');
  compareOutputs(elements(output), elements(path.join(file.reference, 'output.npy')), file.tolerance);
  const inTrain = run('--train');
  const before = new Map(normsOf(inspected.modules).map((figures) => [figures[0], figures]));
  const moved = normsOf(inTrain.modules).filter((now) => now.some((value, i) => value !== before.get(now[0])?.[i]));
  const outputs = inTrain.outputs.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`);
  return { ...summary, train: { outputs, moved: moved.length } };
}

function cli(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const program = path.join(root, 'dist', 'cli.js');
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 });
}

function parse(text: string): Inspected {
  return JSON.parse(text) as Inspected;
}

function compare(modules: readonly InspectedModule[], { flags, norms, states, counts }: Reference): void {
  if (flags !== undefined) {
    const own = modules.map(({ path: at, type, training }) => [at, [type, training]] as const);
    assert.deepEqual(Object.fromEntries(own), flags);
  }
  if (states?.length === 1) assert.deepEqual(modules.map(({ path: at }) => at).sort(), states[0]);
  if (counts !== undefined) {
    for (const kind of ['BatchNormalization', 'Dropout']) {
      const found = modules.filter(({ type }) => type === kind || type === kind.replace('alization', '2d')).length;
      assert.equal(found, counts[kind] ?? 0, kind);
    }
  }
  const found = normsOf(modules);
  const byPath = new Map(found.map((figures) => [figures[0], figures]));
  const wanted = Object.entries(norms);
  assert.equal(found.length, wanted.length, 'layers with running statistics');
  wanted.forEach(([at, figures], i) => {
    // A node of an ONNX file has its number; a state dict in a checkpoint may stand below its key.
    const norm = counts === undefined ? (byPath.get(at) ?? found.find(([own]) => own.endsWith(`.${at}`))) : found[i];
    assert.ok(norm, `no statistics of ${at}`);
    assert.equal(norm[3], figures[2], at);
    for (const [own, other] of [
      [norm[1], figures[0]],
      [norm[2], figures[1]],
    ] as const)
      assert.ok(
        Math.abs((own ?? NaN) - other) <= 1e-6 + 1e-5 * Math.abs(other),
        `${at}: ${own ?? 'none'}, not ${other}`,
      );
  });
}

function elements(file: string): { readonly shape: readonly number[]; readonly values: readonly number[] } {
  const array = readNpy(file) as ForwardInput & { readonly kind: 'array' };
  const values = Tensor.fromBytes(array.dtype, array.shape, array.bytes).toNumbers();
  return { shape: array.shape, values: Array.from(values, Number) };
}

/** Within a part of the largest value: other kernels add up in another order, over dozens of layers. */
function compareOutputs(own: ReturnType<typeof elements>, other: ReturnType<typeof elements>, tolerance: number): void {
  assert.deepEqual(own.shape, other.shape);
  const scale = other.values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  own.values.forEach((value, i) => {
    const wanted = other.values[i] ?? NaN;
    const same = Object.is(value, wanted) || Math.abs(value - wanted) <= 1e-6 + tolerance * scale;
    assert.ok(same, `element ${i} is ${value}, not ${wanted}; the largest is ${scale}`);
  });
}
