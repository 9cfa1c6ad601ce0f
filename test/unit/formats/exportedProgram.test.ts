// Programs of torch.export: the three layouts as torch wrote them, and files that contradict themselves.

import assert from 'node:assert/strict';
import { unzipSync, zipSync, type Zippable } from 'fflate';

import { createProgram } from '../../../src/runtime/createProgram';
import { CallSignature } from '../../../src/runtime/exported/inputs';
import { Dict, OpaqueValue, Tensor, type ExportedProgram, type Value } from '../../../src/runtime/program';
import { AppError, type AppErrorCode } from '../../../src/util/errors';
import { ascii, fixture, open } from './archives';

type Json = Record<string, unknown>;

const model = 'exported/models/model.json';
const weights = 'exported/data/weights/model_weights_config.json';

async function openProgram(bytes: Uint8Array): Promise<{ program: ExportedProgram; problems: readonly string[] }> {
  const { contents, format, problems } = await open(bytes, 'net.pt2');
  assert.equal(format, 'exported-program');
  assert.ok(contents.kind === 'exported');
  return { program: contents.program, problems: problems.map(({ message }) => message) };
}

/** The present archive with one of its entries replaced, or left out. */
function replaced(entry: string, content: Uint8Array | undefined): Uint8Array {
  const { [entry]: old, ...rest } = unzipSync(fixture('exported.pt2'));
  assert.ok(old !== undefined, entry);
  return zipSync(content === undefined ? rest : { ...rest, [entry]: content }, { level: 0 });
}

/** The same with a change to one of its JSON documents. */
function edited(entry: string, change: (document: Json) => void): Uint8Array {
  const document = JSON.parse(new TextDecoder().decode(unzipSync(fixture('exported.pt2'))[entry])) as Json;
  change(document);
  return replaced(entry, new TextEncoder().encode(JSON.stringify(document)));
}

const graphModule = (document: Json): Json => document['graph_module'] as Json;
const graphOf = (document: Json): Json => graphModule(document)['graph'] as Json;
const payloads = (document: Json): Record<string, Json> => document['config'] as Record<string, Json>;

async function rejects(bytes: Uint8Array, code: AppErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(
    async () => {
      const { contents } = await open(bytes, 'net.pt2');
      await createProgram(contents, { treeSitter: '', pythonGrammar: '' } as never);
    },
    (error) => {
      assert.ok(error instanceof AppError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    },
  );
}

async function numbers(value: unknown): Promise<number[]> {
  assert.ok(value instanceof Tensor);
  await value.storage.load();
  return Array.from(value.toNumbers());
}

describe('exported program', () => {
  for (const file of ['exported.pt2', 'exported_2_8.pt2', 'exported_2_6.pt2']) {
    it(`reads ${file}`, async () => {
      const { program, problems } = await openProgram(fixture(file));
      assert.deepEqual(problems, []);
      assert.deepEqual(program.modulePaths, ['', 'norm', 'drop', 'twin']);
      assert.deepEqual(program.argumentNames, ['x', 'scale']);
      const targets = program.graph.nodes.map(({ target }) => target.replace('torch.ops.aten.', ''));
      assert.deepEqual(
        targets.filter((target) => /norm|drop/.test(target)),
        ['batch_norm.default', 'dropout.default'],
      );
      const norm = program.graph.nodes.find(({ target }) => target.endsWith('batch_norm.default'));
      assert.deepEqual(
        norm?.modules.map(({ path, type }) => `${path}:${type}`),
        [':__main__.Exported', 'norm:torch.nn.modules.batchnorm.BatchNorm1d'],
      );
      assert.match(norm.stack()[0]?.file ?? '', /make_fixtures\.py$/);
      assert.deepEqual(await numbers(program.tensors.get('norm.running_var')), [1, 1, 1]);
      assert.deepEqual(await numbers(program.tensors.get('offset')), [1, 2, 3]);
      assert.deepEqual(await numbers(program.tensors.get('ratio')), [0.5, 0.5, 0.5]);
      assert.deepEqual(await numbers(program.sampleInputs?.[0]), [0, 1, 2, 3, 4, 5]);
      assert.deepEqual(await numbers(program.sampleInputs?.[1]), [2]);
    });
  }

  it('leaves tensors in the file, and shares what torch shares', async () => {
    const { program } = await openProgram(fixture('exported.pt2'));
    const [one, other] = ['norm.weight', 'twin.weight'].map((name) => program.tensors.get(name));
    assert.ok(one instanceof Tensor && other instanceof Tensor);
    assert.equal(one.storage, other.storage);
    assert.equal(one.storage.isLoaded, false);
  });

  it('shows each of several programs below a root of its own, the one called model first', async () => {
    const { contents, problems } = await open(fixture('exported_several.pt2'));
    assert.ok(contents.kind === 'several');
    assert.deepEqual([contents.models.map(([name]) => name), problems], [['model', 'small'], []]);
    const program = await createProgram(contents, {} as never);
    const shown = (await program.describe()).map(({ path, behaviour, sharedWith }) => [path, behaviour, sharedWith]);
    assert.deepEqual(shown, [
      ['', 'train', undefined],
      ['model', 'train', undefined],
      ['model.norm', 'train', undefined],
      ['model.drop', 'train', undefined],
      ['model.twin', 'train', 'model.norm'],
      ['small', 'none', undefined],
    ]);
    program.setTraining('model.drop', false, true);
    assert.deepEqual(program.modes().behaviour, ['mixed', 'mixed', 'train', 'eval', 'train', 'none']);
    program.setTraining('', false, true);
    assert.deepEqual(program.modes().behaviour, ['eval', 'eval', 'eval', 'eval', 'eval', 'none']);
    assert.ok((await program.normStatistics('model.norm')) !== null);
    assert.throws(() => {
      program.setTraining('other', true, true);
    }, /no module 'other'/);
  });

  it('shows the others of several programs where one is damaged', async () => {
    const files: Zippable = unzipSync(fixture('exported_several.pt2'));
    const small = Object.keys(files).find((name) => name.endsWith('models/small.json')) ?? '';
    files[small] = ascii('{}');
    const { contents, problems } = await open(zipSync(files, { level: 0 }));
    assert.ok(contents.kind === 'several');
    assert.deepEqual(
      contents.models.map(([name]) => name),
      ['model'],
    );
    assert.match(problems.map(({ message }) => message).join(), /small: it can't be shown: /);
    for (const name of Object.keys(files)) if (name.endsWith('.json')) files[name] = ascii('{}');
    await rejects(zipSync(files, { level: 0 }), 'corrupt', /without|has no|model\.json/);
  });

  it('does not know the momentum of an export in eval that says 0, and says what train makes of it', async () => {
    const inEval = (momentum: number): Uint8Array =>
      edited(model, (document) => {
        for (const node of graphOf(document)['nodes'] as Json[]) {
          if (node['target'] !== 'torch.ops.aten.batch_norm.default') continue;
          for (const input of node['inputs'] as Json[]) {
            if (input['name'] === 'training') input['arg'] = { as_bool: false };
            if (input['name'] === 'momentum') input['arg'] = { as_float: momentum };
          }
        }
      });
    for (const [momentum, known, words] of [
      [0, null, /momentum of 0 for None too/],
      [0.2, 0.2, /approximation of the original module\.$/],
    ] as const) {
      const program = await createProgram((await open(inEval(momentum))).contents, {} as never);
      const norm = (await program.describe()).find(({ path }) => path === 'norm')?.batchNorm;
      assert.deepEqual([norm?.momentum, norm?.cumulative], [known, false]);
      program.setTraining('', true, true);
      assert.match(program.modes().reasons?.[1] ?? '', words);
    }
  });

  it('says what to do about an input that the export did not foresee', async () => {
    const { program } = await openProgram(fixture('exported.pt2'));
    const signature = new CallSignature(program);
    const scale = Tensor.zeros('float32', []);
    const refusal = (value: Value): AppError => {
      try {
        signature.bind([value, scale]);
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'bad-input');
        return error;
      }
      return assert.fail('it was taken');
    };
    assert.match(refusal(Tensor.zeros('float32', [1, 3])).oneLine, />= 2, but it is 1\. Give a size in this range/);
    assert.match(refusal(Tensor.zeros('float32', [2, 4])).oneLine, /== 3, but it is 4\. Export .* dynamic_shapes/);
    assert.match(refusal(3).oneLine, /has to be a tensor, not float\. Give its shape/);
    assert.match(refusal(Tensor.zeros('float64', [2, 3])).oneLine, /Give it in the dtype of the export/);
    assert.doesNotThrow(() => signature.bind([Tensor.zeros('float32', [5, 3]), scale]));
  });

  it('says that a compiled package has no graph', async () => {
    const compiled = { 'net/archive_format': ascii('pt2'), 'net/data/aotinductor/model/code.so': ascii('ELF') };
    await rejects(zipSync(compiled), 'unsupported-format', /compiled AOTInductor package/);
    await rejects(zipSync({ 'net/archive_format': ascii('pt2') }), 'unsupported-format', /without a program/);
  });

  it('shows shared modules, and their mode without a flag', async () => {
    const { contents } = await open(fixture('exported.pt2'));
    const program = await createProgram(contents, {} as never);
    const modules = await program.describe();
    assert.deepEqual(
      modules.map(({ path, type, training, behaviour, sharedWith }) => [path, type, training, behaviour, sharedWith]),
      [
        ['', 'Exported', null, 'train', undefined],
        ['norm', 'BatchNorm1d', null, 'train', undefined],
        ['drop', 'Dropout', null, 'train', undefined],
        ['twin', 'BatchNorm1d', null, 'train', 'norm'],
      ],
    );
    program.setTraining('twin', false, false);
    assert.deepEqual(program.modes().behaviour, ['mixed', 'eval', 'train', 'eval']);
    assert.match(program.modes().reasons?.[1] ?? '', /Exported in train/);
    program.setTraining('', true, true);
    assert.deepEqual(program.modes().behaviour, ['train', 'train', 'train', 'train']);
    assert.deepEqual(program.modes().reasons, [undefined, undefined, undefined, undefined]);
    assert.throws(() => {
      program.setTraining('constructor', true, false);
    }, /no module 'constructor'/);
  });
});

describe('damaged exported program', () => {
  it('has a truncated or foreign JSON document', async () => {
    const json = unzipSync(fixture('exported.pt2'))[model];
    assert.ok(json !== undefined);
    for (const length of [0, 1, 40, json.length >> 1, json.length - 1])
      await rejects(replaced(model, json.subarray(0, length)), 'corrupt', /model\.json of net\.pt2.*its JSON/);
    for (const text of ['[]', 'null', '3', '{"graph_module": []}', '{"graph_module": {"__proto__": {}}}'])
      await rejects(replaced(model, ascii(text)), 'corrupt', /model\.json of net\.pt2/);
  });

  it('is nested too deeply', async () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const nested = edited(model, (document) => {
      const [call] = graphModule(document)['module_call_graph'] as Json[];
      const open = '{"type": "builtins.list", "context": "null", "children_spec": [';
      const leaf = '{"type": null, "context": null, "children_spec": []}';
      const spec = `${open.repeat(5000)}${leaf}${']}'.repeat(5000)}`;
      (call?.['signature'] as Json)['in_spec'] = `[1, ${spec}]`;
    });
    await rejects(nested, 'limit-exceeded', /nested more than/);
    await rejects(replaced(model, ascii(deep)), 'corrupt', /no object/);
    const modules = edited(model, (document) => {
      (graphModule(document)['module_call_graph'] as Json[]).push({ fqn: 'a.'.repeat(3000) + 'a', signature: null });
    });
    await rejects(modules, 'limit-exceeded', /deeper nested/);
  });

  it('has fields of other types', async () => {
    const changes: readonly ((document: Json) => void)[] = [
      (document) => (graphOf(document)['nodes'] = {}),
      (document) => (graphOf(document)['nodes'] = [{ target: 3, inputs: [], outputs: [], metadata: {} }]),
      (document) => (graphOf(document)['inputs'] = [{ as_tensor: { name: null } }]),
      (document) => (graphOf(document)['inputs'] = []),
      (document) => (graphOf(document)['outputs'] = [{ as_int: 1.5 }]),
      (document) => (graphOf(document)['outputs'] = [{ as_tensor: { name: 'x' }, as_int: 3 }]),
      (document) => (graphModule(document)['module_call_graph'] = []),
      (document) => ((graphModule(document)['signature'] as Json)['input_specs'] = 'none'),
    ];
    for (const change of changes) await rejects(edited(model, change), 'corrupt', /model\.json|not that|structure/);
  });

  it('has tensors that lie outside of their files', async () => {
    const reasons = async (change: (payload: Json) => void): Promise<string> => {
      const bytes = edited(weights, (document) => {
        change(payloads(document)['norm.weight'] as Json);
      });
      const { program, problems } = await openProgram(bytes);
      const value = program.tensors.get('norm.weight');
      assert.ok(value instanceof OpaqueValue);
      assert.match(problems.join(), /norm\.weight can't be used/);
      return value.reason ?? '';
    };
    const meta = (payload: Json): Json => payload['tensor_meta'] as Json;
    assert.match(await reasons((payload) => (meta(payload)['storage_offset'] = { as_int: 1 })), /reaches to element 3/);
    assert.match(await reasons((payload) => (meta(payload)['sizes'] = [{ as_int: 4 }])), /reaches to element 3/);
    assert.match(await reasons((payload) => (meta(payload)['strides'] = [])), /impossible/);
    assert.match(await reasons((payload) => (meta(payload)['dtype'] = 9)), /element type/);
    assert.match(await reasons((payload) => (payload['path_name'] = '../../etc/passwd')), /missing/);
    assert.match(await reasons((payload) => (payload['use_pickle'] = true)), /damaged/);
    const negative = edited(weights, (document) => {
      meta(payloads(document)['norm.weight'] as Json)['storage_offset'] = { as_int: -1 };
    });
    await rejects(negative, 'corrupt', /no count/);
  });

  it('misses entries', async () => {
    await rejects(replaced(weights, undefined), 'corrupt', /has no exported\/data\/weights/);
    const lost = await openProgram(replaced('exported/data/weights/weight_0', undefined));
    assert.match(lost.problems.join(), /weight_0 is missing/);
    const noSamples = await openProgram(replaced('exported/data/sample_inputs/model.pt', undefined));
    assert.deepEqual([noSamples.program.sampleInputs, noSamples.problems], [undefined, []]);
    const broken = await openProgram(replaced('exported/data/sample_inputs/model.pt', ascii('PK')));
    assert.match(broken.problems.join(), /sample inputs of the export can't be used/);
  });

  it('takes names such as __proto__ for names', async () => {
    const bytes = replaced(
      weights,
      ascii('{"config": {"__proto__": {"path_name": "weight_0", "is_param": true, "use_pickle": false}}}'),
    );
    const { program } = await openProgram(bytes);
    assert.ok(program.tensors.get('__proto__') instanceof OpaqueValue);
    assert.equal(({} as Json)['path_name'], undefined);
  });
});

it('reads nested results as dicts and lists', async () => {
  const { program } = await openProgram(fixture('exported.pt2'));
  const { outputTree } = program;
  assert.ok(outputTree.kind === 'dict');
  assert.deepEqual(outputTree.keys, ['y', 'scaled']);
  assert.deepEqual(
    outputTree.children.map(({ kind }) => kind),
    ['leaf', 'list'],
  );
  assert.ok(!(program.sampleInputs?.[1] instanceof Dict));
});
