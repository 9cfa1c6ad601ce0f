// Two checkpoints of one training run, against torch: the layers that differ are those that moved, by torch's own distances.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { compareFiles } from '../../src/cli/compareFiles';
import { createEngine } from '../../src/sessions/engine';
import { fixtureFolder } from './fixture';
import { paths } from './runtime';

const folder = path.join(fixtureFolder(), 'twoModels');

/** Two files, and what differs between the models that torch saved in them. */
interface Expected {
  readonly files: readonly [string, string];
  readonly statistics: Readonly<
    Record<string, { runningMean: number; runningVar: number; numBatchesTracked: number[] }>
  >;
  readonly flags: readonly string[];
}

interface Found {
  readonly other: { readonly model: string };
  readonly differences: readonly {
    readonly path: string;
    readonly training?: readonly boolean[];
    readonly structure?: string;
    readonly tensors?: readonly { name: string; tensors: readonly { dtype: string }[] }[];
    readonly options?: Readonly<Record<string, readonly unknown[]>>;
    readonly statistics?: {
      readonly runningMean?: { readonly relative: number };
      readonly runningVar?: { readonly relative: number };
      readonly numBatchesTracked?: readonly number[];
    };
  }[];
}

/** Sums in another order. */
const tolerance = 1e-12;

async function compared(...files: readonly string[]): Promise<Found> {
  const [first = '', second = ''] = files.map((file) => path.join(folder, file));
  const { text } = await compareFiles(() => createEngine({ assets: paths, threads: 1 }), {
    ...{ name: 'compareFiles', files: [first, second], json: true, threads: 1 },
    ...{ model: undefined, otherModel: undefined, failOnDifference: false },
  });
  return JSON.parse(text) as Found;
}

describe('two checkpoints of one run', () => {
  let expected: readonly Expected[];

  before(function () {
    const python = process.env['MODE_INSPECTOR_PYTHON'];
    assert.ok(python, 'MODE_INSPECTOR_PYTHON must name a Python with torch');
    this.timeout(300_000);
    const { status, stderr } = spawnSync(python, [path.join(__dirname, 'twoModels.py'), folder], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as readonly Expected[];
  });

  const pairOf = (...files: readonly string[]): Expected => {
    const found = expected.find((each) => each.files.join() === files.join());
    assert.ok(found);
    return found;
  };

  for (const files of [
    ['early.pth', 'late.ckpt'],
    ['early.pt', 'late.pt'],
    ['early.pt', 'early.pth'],
    ['late.pt', 'other.pt'],
  ]) {
    it(`${files.join(' and ')} differ in the layers that moved and in the flags that were set`, async () => {
      const { statistics, flags } = pairOf(...files);
      const { differences } = await compared(...files);
      const moved = differences.filter((each) => each.statistics !== undefined);
      assert.deepEqual(moved.map((each) => each.path).sort(), Object.keys(statistics).sort());
      for (const { path: layer, statistics: found } of moved) {
        const { runningMean, runningVar, numBatchesTracked } = statistics[layer]!;
        near(found?.runningMean?.relative, runningMean, `running_mean of ${layer}`);
        near(found?.runningVar?.relative, runningVar, `running_var of ${layer}`);
        // InstanceNorm counts no batches.
        const [before, after] = numBatchesTracked;
        assert.deepEqual(found?.numBatchesTracked, before === after ? undefined : numBatchesTracked, layer);
      }
      const switched = differences.filter(({ training }) => training !== undefined);
      assert.deepEqual(switched.map((each) => each.path).sort(), [...flags].sort());
      assert.ok(differences.every(({ structure }) => structure === undefined));
    });
  }

  it('leave out the layer that was frozen on the way', () => {
    const layers = Object.keys(pairOf('early.pth', 'late.ckpt').statistics);
    assert.deepEqual(layers, ['stem.1', 'tail.1']);
  });

  it('are compared below the prefix that DistributedDataParallel gives', async () => {
    assert.equal((await compared('early.pth', 'late.ckpt')).other.model, 'module');
  });

  it('tell the options that were set', async () => {
    const { differences } = await compared('late.pt', 'other.pt');
    const options = differences.filter((each) => each.options !== undefined).map((each) => [each.path, each.options]);
    assert.deepEqual(Object.fromEntries(options), {
      'stem.1': { momentum: [0.1, null] },
      drop: { p: [0.25, 0.5] },
      'tail.1': { eps: [1e-5, 1e-3] },
    });
  });

  it('tell another precision as structure, and how much of the statistics it took', async () => {
    const { differences } = await compared('late.pt', 'half.pth');
    const norm = differences.find(({ path: layer }) => layer === 'stem.1');
    assert.deepEqual(
      norm?.tensors?.map(({ name, tensors }) => [name, tensors.map(({ dtype }) => dtype)]),
      ['weight', 'bias', 'running_mean', 'running_var'].map((name) => [name, ['float32', 'float16']]),
    );
    const { statistics } = pairOf('late.pt', 'half.pth');
    near(norm.statistics?.runningMean?.relative, statistics['stem.1']!.runningMean, 'running_mean of stem.1');
  });
});

function near(actual: number | undefined, expected: number, what: string): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance,
    `${what}: ${String(actual)}, torch has ${String(expected)}`,
  );
}
