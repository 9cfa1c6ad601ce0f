// Calls that no layer of the tree stands for, in real files of each kind: what they do, and what a switch changes.

import assert from 'node:assert/strict';
import { callLabel, callWords } from '../../../src/model/functionalCall';
import type { ModuleSpec } from '../../../src/model/module';
import type { Engine, EngineRequests } from '../../../src/protocol/engine';
import { changedModule, ModuleIndex } from '../../../src/sessions/moduleIndex';
import { fixture, realEngine } from '../support/engine';

const onEngine = async (file: string, use: (engine: Engine, modules: readonly ModuleSpec[]) => Promise<void>) => {
  const engine = realEngine();
  try {
    await use(engine, (await engine.request('open', { file: fixture(file) })).modules);
  } finally {
    engine.dispose();
  }
};

const lines = (module: ModuleSpec | undefined): readonly string[] =>
  (module?.functionalCalls ?? []).map((call) =>
    [
      callLabel(call),
      callWords(call, module as ModuleSpec),
      ...(call.source === undefined ? [] : [call.source.line]),
    ].join(', '),
  );

const at = (all: readonly ModuleSpec[], wanted: string): ModuleSpec | undefined =>
  all.find((module) => module.path === wanted);

const switched = async (engine: Engine, all: readonly ModuleSpec[], training: boolean): Promise<ModuleSpec[]> => {
  const changes = await engine.request('setTraining', { changes: [{ path: '', training, recursive: true }] });
  return all.map((module) => {
    const change = changes.find((each) => each.path === module.path);
    return change === undefined ? module : changedModule(module, change);
  });
};

describe('calls that no layer stands for', () => {
  it('of scripted code hold a literal, or obey the flag', () =>
    onEngine('formats/functional.pt', async (engine, all) => {
      assert.deepEqual(lines(at(all, 'block')), [
        'F.dropout(p=0.5), drops in both modes, 220',
        'F.dropout(p=0.1), train · drops, 221',
        'F.batch_norm(), train · by batch statistics, 222',
        'F.scaled_dot_product_attention(dropout_p=0.4), train · drops, 224',
        'F.scaled_dot_product_attention(dropout_p=0.1), drops in both modes, 225',
      ]);
      assert.deepEqual(lines(at(await switched(engine, all, false), 'block')).slice(0, 4), [
        'F.dropout(p=0.5), drops in both modes, 220',
        'F.dropout(p=0.1), eval · lets everything through, 221',
        'F.batch_norm(), eval · by running statistics, 222',
        'F.scaled_dot_product_attention(dropout_p=0.4), eval · lets everything through, 224',
      ]);
      assert.deepEqual([lines(at(all, '')), lines(at(all, 'block.drop'))], [[], []]);
    }));

  it('of a trace are literals all', () =>
    onEngine('formats/functional_traced.pt', async (engine, all) => {
      const expected = [
        'torch.dropout(p=0.5), drops in both modes, 220',
        'torch.dropout(p=0.1), lets everything through in both modes, 221',
        'torch.batch_norm(), by running statistics in both modes, 222',
        'F.scaled_dot_product_attention(dropout_p=0.1), drops in both modes, 225',
      ];
      assert.deepEqual(lines(at(all, 'block')), expected);
      assert.deepEqual(lines(at(await switched(engine, all, true), 'block')), expected);
    }));

  it('of an export are switched with their module', () =>
    onEngine('formats/functional.pt2', async (engine, all) => {
      assert.deepEqual(lines(at(all, 'block')), [
        'F.dropout(p=0.5), runs as train · drops, 220',
        'F.dropout(p=0.1), runs as eval · lets everything through, 221',
        'F.batch_norm(), runs as eval · by running statistics, 222',
        'F.scaled_dot_product_attention(dropout_p=0.1), runs as train · drops, 225',
      ]);
      assert.deepEqual(lines(at(await switched(engine, all, false), 'block')), [
        'F.dropout(p=0.5), runs as eval · lets everything through, 220',
        'F.dropout(p=0.1), runs as eval · lets everything through, 221',
        'F.batch_norm(), runs as eval · by running statistics, 222',
        'F.scaled_dot_product_attention(dropout_p=0.1), runs as eval · lets everything through, 225',
      ]);
    }));

  it('of an export go back to how they were exported, though they differed', () =>
    onEngine('formats/functional.pt2', async (engine, all) => {
      const index = ModuleIndex.atOnce(all);
      const [before, calls] = [index.snapshot(), lines(index.get('block'))];
      const apply = async (changes: EngineRequests['setTraining']['params']['changes']): Promise<void> => {
        index.apply(await engine.request('setTraining', { changes }));
      };
      await apply([{ path: 'block', training: true, recursive: true }]);
      assert.ok(lines(index.get('block')).every((line) => line.includes('runs as train')));
      assert.deepEqual(index.changesTo(before), [
        { path: 'block', training: null, recursive: false },
        { path: 'block.drop', training: false, recursive: false },
      ]);
      await apply(index.changesTo(before));
      assert.deepEqual(lines(index.get('block')), calls);
      assert.deepEqual(index.changesTo(before), []);
    }));

  it('of an ONNX graph are nodes, and switched with their module', () =>
    onEngine('onnx/dynamo.onnx', async (engine, all) => {
      assert.deepEqual(lines(at(all, '')), ['Dropout(p=0.1), runs as train · drops, 46']);
      assert.deepEqual(lines(at(await switched(engine, all, false), '')), [
        'Dropout(p=0.1), runs as eval · lets everything through, 46',
      ]);
      const [changed] = await engine.request('setTraining', {
        changes: [{ path: '', training: null, recursive: false }],
      });
      assert.deepEqual(
        changed?.functionalCalls?.map(({ training }) => training),
        [true],
      );
      assert.ok(all.filter(({ type }) => type.includes('Dropout')).every((each) => each.functionalCalls === undefined));
    }));
});
