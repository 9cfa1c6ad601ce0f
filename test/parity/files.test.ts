// Files in every layout of torch.save and safetensors: modules, flags, options and statistics are those that torch had.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { ModuleSpec } from '../../src/model/module';
import type { Program } from '../../src/runtime/program';
import { openModel } from '../../src/sessions/openModel';
import { fixtureFolder } from './fixture';
import { assets } from './runtime';

interface ExpectedNorm {
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly numFeatures: number;
  readonly numBatchesTracked: number;
  readonly runningMean: readonly number[];
  readonly runningVar: readonly number[];
}

interface ExpectedModule {
  readonly path: string;
  readonly type?: string;
  readonly training: boolean | null;
  readonly norm?: ExpectedNorm;
  readonly dropout?: number;
}

interface ExpectedFile {
  readonly file: string;
  readonly format: string;
  /** The layout stores classes and flags. */
  readonly flags: boolean;
  /** The layout lists the modules without tensors too. */
  readonly whole: boolean;
  readonly modules: readonly ExpectedModule[];
}

const folder = path.join(fixtureFolder(), 'files');
const files = JSON.parse(readFileSync(path.join(folder, 'index.json'), 'utf8')) as readonly ExpectedFile[];

describe('files that torch wrote', () => {
  for (const expected of files) {
    it(expected.file, async () => {
      const model = await openModel(path.join(folder, expected.file), assets);
      try {
        assert.equal(model.format, expected.format);
        await compare(model.program, expected);
      } finally {
        await model.close();
      }
    });
  }
});

async function compare(program: Program, { modules, flags, whole }: ExpectedFile): Promise<void> {
  const specs = new Map((await program.describe()).map((spec) => [spec.path, spec]));
  const paths = modules.map((module) => module.path);
  // Modules without tensors and without children are in no name of a tensor.
  if (whole) assert.deepEqual([...specs.keys()].sort(), [...paths].sort());
  else for (const found of specs.keys()) assert.ok(paths.includes(found), `there is no module ${found}`);
  for (const module of modules) {
    const spec = specs.get(module.path);
    if (module.norm !== undefined || whole) assert.ok(spec, `module ${module.path} is missing`);
    if (spec === undefined) continue;
    assert.equal(spec.training, flags ? module.training : null, module.path);
    if (flags) compareClass(spec, module);
    if (module.norm !== undefined) await compareStatistics(program, spec, module.norm, flags);
  }
}

function compareClass(spec: ModuleSpec, { path: at, type, norm, dropout }: ExpectedModule): void {
  assert.equal(spec.type, type, at);
  assert.equal(spec.dropout?.p, dropout, at);
  const options = spec.batchNorm ?? spec.instanceNorm;
  if (norm === undefined || options === undefined) return;
  assert.deepEqual(
    [options.eps, options.momentum, options.cumulative, options.affine],
    [norm.eps, norm.momentum, norm.momentum === null, norm.affine],
    at,
  );
}

async function compareStatistics(
  program: Program,
  spec: ModuleSpec,
  norm: ExpectedNorm,
  flags: boolean,
): Promise<void> {
  const options = spec.batchNorm ?? spec.instanceNorm;
  assert.equal(options?.numFeatures, norm.numFeatures, spec.path);
  assert.equal(options.trackRunningStats, true, spec.path);
  if (flags) assert.equal(spec.instanceNorm !== undefined, spec.type.startsWith('InstanceNorm'), spec.path);
  const statistics = await program.normStatistics(spec.path, { values: true });
  assert.deepEqual(
    [statistics?.numBatchesTracked, statistics?.runningMean?.values, statistics?.runningVar?.values],
    [norm.numBatchesTracked, norm.runningMean, norm.runningVar],
    spec.path,
  );
}
