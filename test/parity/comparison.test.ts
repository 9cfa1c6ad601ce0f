// Compare Train and Eval against torch's own outputs in both modes, for every form that runs; and that it leaves no trace.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { readNpy } from '../../src/cli/npy';
import type { BatchShift, LayerGap } from '../../src/model/comparison';
import { createEngine } from '../../src/sessions/engine';
import { fixtureFolder } from './fixture';
import { paths } from './runtime';

const folder = path.join(fixtureFolder(), 'comparison');
const batchNorms = ['stem.1', 'body.1'];

interface Expected {
  readonly layers: Readonly<Record<string, Pick<LayerGap, 'relativeL2' | 'cosine' | 'maxAbs'>>>;
  readonly shifts: Readonly<Record<string, BatchShift>>;
}

/** Modules whose values no graph has: what is inlined, fused or a view. */
const forms: readonly { readonly file: string; readonly without?: readonly string[] }[] = [
  { file: 'scripted.pt' },
  { file: 'module.pt' },
  { file: 'exported_eval.pt2' },
  { file: 'exported_train.pt2' },
  { file: 'exported_core.pt2' },
  { file: 'preserved.onnx' },
];

describe('comparing train and eval', () => {
  let expected: Expected;

  before(function () {
    const python = process.env['MODE_INSPECTOR_PYTHON'];
    assert.ok(python, 'MODE_INSPECTOR_PYTHON must name a Python with torch');
    this.timeout(300_000);
    const { status, stderr } = spawnSync(python, [path.join(__dirname, 'comparison.py'), folder], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Expected;
  });

  for (const { file, without = [] } of forms) {
    it(`of ${file} gives torch's distances in every layer, and where they start`, async () => {
      const engine = createEngine({ assets: paths, threads: 1 });
      try {
        const { modules } = await engine.request('open', { file: path.join(folder, file) });
        const stored = await statistics();
        const inputs = [readNpy(path.join(folder, 'input.npy'))];
        for (const round of [1, 2]) {
          const { layers, start, problems } = await engine.request('compareModes', { inputs });
          assert.deepEqual(problems, []);
          assert.equal(start, 'stem.1');
          const found = new Map(layers.map((layer) => [layer.path, layer]));
          const missing = Object.keys(expected.layers).filter((layer) => !found.has(layer));
          assert.deepEqual(missing, without, `round ${round}`);
          for (const [layer, distance] of Object.entries(expected.layers)) {
            const gap = found.get(layer);
            for (const key of ['relativeL2', 'cosine', 'maxAbs'] as const)
              if (gap !== undefined) near(gap[key], distance[key], `${key} of '${layer}'`);
          }
          for (const [layer, shift] of Object.entries(expected.shifts)) {
            near(found.get(layer)?.batchShift?.meanShift, shift.meanShift, `meanShift of ${layer}`);
            near(found.get(layer)?.batchShift?.varianceRatio, shift.varianceRatio, `varianceRatio of ${layer}`);
          }
        }
        assert.deepEqual(await statistics(), stored);
        const again = await engine.request('setTraining', { changes: [] });
        assert.deepEqual(again, []);
        const { moved } = await engine.request('runForward', { inputs });
        const trains = modules.filter(
          ({ path: layer, behaviour }) => batchNorms.includes(layer) && behaviour === 'train',
        );
        assert.deepEqual(
          moved,
          trains.map(({ path: layer }) => layer),
        );
      } finally {
        engine.dispose();
      }

      async function statistics(): Promise<unknown> {
        return engine.request('statistics', { paths: batchNorms, values: true });
      }
    });
  }
});

function near(actual: number | null | undefined, wanted: number | null, what: string): void {
  assert.ok(typeof actual === 'number' && wanted !== null, `${what} is ${String(actual)} instead of ${String(wanted)}`);
  assert.ok(
    Math.abs(actual - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted)),
    `${what} is ${actual} instead of ${wanted}`,
  );
}
