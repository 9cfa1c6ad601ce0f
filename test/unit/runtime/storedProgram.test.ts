// Pickled modules of torch's own classes as programs: what runs, what doesn't and why, and options that a hostile file made up.

import assert from 'node:assert/strict';
import path from 'node:path';

import { RunContext } from '../../../src/runtime/context';
import { KernelExecutor } from '../../../src/runtime/kernels/executor';
import { createOrtWebBackend } from '../../../src/runtime/kernels/ortWeb';
import { OpaqueValue, StoredModule, Tensor, Tuple, type Value } from '../../../src/runtime/program';
import { Generator } from '../../../src/runtime/random';
import { StoredProgram } from '../../../src/runtime/stored/storedProgram';
import { AppError } from '../../../src/util/errors';

const wasmFolder = `${path.resolve(__dirname, '../../../node_modules/onnxruntime-web/dist')}/`;
const executor = new KernelExecutor(() => createOrtWebBackend({ wasmFolder, threads: 1 }));

interface Parts {
  readonly options?: Readonly<Record<string, Value>>;
  readonly parameters?: Readonly<Record<string, Value>>;
  readonly buffers?: Readonly<Record<string, Value>>;
  readonly children?: Readonly<Record<string, StoredModule>>;
}

function stored(
  type: string,
  { options = {}, parameters = {}, buffers = {}, children = {} }: Parts = {},
): StoredModule {
  const module = new StoredModule(type, true);
  for (const [name, value] of Object.entries(options)) module.set('attributes', name, value);
  for (const [name, value] of Object.entries(parameters)) module.set('parameters', name, value);
  for (const [name, value] of Object.entries(buffers)) module.set('buffers', name, value);
  for (const [name, value] of Object.entries(children)) module.setChild(name, value);
  return module;
}

const nn = (file: string, type: string, parts?: Parts): StoredModule =>
  stored(`torch.nn.modules.${file}.${type}`, parts);
const sequential = (...modules: StoredModule[]): StoredModule =>
  nn('container', 'Sequential', { children: Object.fromEntries(modules.map((module, i) => [String(i), module])) });
const ones = (...shape: number[]): Tensor =>
  Tensor.of('float32', shape, new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1));
const linear = (): StoredModule => nn('linear', 'Linear', { parameters: { weight: ones(2, 3), bias: null } });
const batchNorm = (): StoredModule =>
  nn('batchnorm', 'BatchNorm1d', {
    options: { num_features: 3n, eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: true },
    parameters: { weight: null, bias: null },
    buffers: {
      running_mean: ones(3),
      running_var: ones(3),
      num_batches_tracked: Tensor.of('int64', [], BigInt64Array.of(7n)),
    },
  });

function run(root: StoredModule, ...args: Value[]): Promise<Value> {
  return new StoredProgram(root).forward(args, new RunContext(executor, new Generator(1)));
}

async function failure(root: StoredModule, ...args: Value[]): Promise<AppError> {
  try {
    await run(root, ...args);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return error;
  }
  return assert.fail('it ran');
}

describe('StoredProgram', () => {
  after(() => executor.dispose());

  it('runs each of several modules of a checkpoint, over its own flags and statistics', async () => {
    const key = (children: Readonly<Record<string, StoredModule>>): StoredModule => {
      const module = new StoredModule('', null);
      for (const [name, child] of Object.entries(children)) module.setChild(name, child);
      return module;
    };
    const weights = new StoredModule('', null);
    weights.set('parameters', 'weight', ones(2));
    const models = { teacher: sequential(batchNorm()), student: batchNorm() };
    const program = new StoredProgram(key({ models: key(models), user: stored('lib.Net'), weights }), {
      models: ['models.teacher', 'models.student', 'user', 'weights'],
    });
    const { models: found } = program;
    assert.ok(found !== undefined);
    assert.deepEqual([...found.keys()], ['models.teacher', 'models.student', 'user', 'weights']);
    assert.equal(found.get('weights'), null);
    assert.equal(program.capabilities.runForward, true);
    assert.equal(found.get('user')?.capabilities.runForward, false);
    const context = new RunContext(executor, new Generator(1));
    program.setTraining('models.student', false, true);
    for (const path of ['models.teacher', 'models.student']) await found.get(path)?.forward([ones(4, 3)], context);
    const batches = async (path: string): Promise<unknown> => (await program.normStatistics(path))?.numBatchesTracked;
    assert.deepEqual([await batches('models.teacher.0'), await batches('models.student')], [8, 7]);
    await assert.rejects(program.forward([ones(4, 3)], context), { code: 'no-program' });
    assert.equal(new StoredProgram(batchNorm()).models, undefined);
  });

  it('runs what is made of torch’s own classes', async () => {
    const program = new StoredProgram(sequential(batchNorm(), linear()));
    assert.equal(program.capabilities.runForward, true);
    const result = await run(sequential(linear()), ones(4, 3));
    assert.ok(result instanceof Tensor);
    assert.deepEqual([...result.shape, ...Array.from(result.toNumbers())], [4, 2, 3, 3, 3, 3, 3, 3, 3, 3]);
  });

  it('suggests the input of the first layer with a weight, through wrappers', async () => {
    const wrapped = stored('torch.nn.parallel.data_parallel.DataParallel', {
      children: { module: sequential(nn('activation', 'ReLU'), linear()) },
    });
    assert.deepEqual(await new StoredProgram(wrapped).inputs(), [
      {
        name: 'input',
        type: 'Tensor',
        hasDefault: false,
        suggestion: { shape: [2, 3], dtype: 'float32', from: 'module.1 (Linear)' },
      },
    ]);
  });

  for (const { what, root, message } of [
    {
      what: 'a class of the user',
      root: stored('models.Net', { children: { fc: linear() } }),
      message: /The root module \(models\.Net\) can't run: its forward is code that the file does not hold/,
    },
    {
      what: 'a class of the user further down',
      root: sequential(linear(), sequential(stored('models.Block'))),
      message: /Module '1\.0' \(models\.Block\) can't run/,
    },
    {
      what: 'a list of modules',
      root: nn('container', 'ModuleList', { children: { '0': linear() } }),
      message: /a ModuleList has no forward of its own/,
    },
    {
      what: 'a lazy layer without weights',
      root: sequential(
        nn('linear', 'LazyLinear', { parameters: { weight: new OpaqueValue('UninitializedParameter') } }),
      ),
      message: /a LazyLinear has no weights before its first forward/,
    },
    {
      what: 'a class of torch that the runtime lacks',
      root: stored('torch.ao.nn.quantized.modules.linear.Linear'),
      message: /the runtime does not have the forward of a Linear/,
    },
    {
      what: 'a tensor that can’t be read',
      root: nn('linear', 'Linear', {
        parameters: { weight: new OpaqueValue('Tensor', 'quantized tensors are not supported') },
      }),
      message: /its 'weight' can't be used: quantized tensors are not supported/,
    },
    { what: 'the names of a state dict', root: new StoredModule('', null), message: /holds no code/ },
  ]) {
    it(`says why it can't run ${what}`, async () => {
      const program = new StoredProgram(root);
      assert.equal(program.capabilities.runForward, false);
      assert.deepEqual(await program.inputs(), []);
      const error = await failure(root, ones(4, 3));
      assert.equal(error.code, 'no-program');
      assert.match(error.message, message);
      assert.match(error.hint ?? '', /[Ss]ave/);
    });
  }

  it('leaves the statistics as torch does where a later layer fails', async () => {
    const norm = batchNorm();
    const error = await failure(sequential(norm, linear(), linear()), ones(4, 3));
    assert.match(error.message, /\(in 2\)$/);
    const statistics = await new StoredProgram(norm).normStatistics('');
    assert.equal(statistics?.numBatchesTracked, 8);
  });

  it('counts a batch that BatchNorm then refuses', async () => {
    const norm = batchNorm();
    const error = await failure(sequential(norm), ones(1, 3));
    assert.deepEqual([error.code, error.module], ['single-value', '0']);
    assert.match(error.message, /Expected more than 1 value per channel when training.*\(in 0\)/);
    assert.equal((await new StoredProgram(norm).normStatistics(''))?.numBatchesTracked, 8);
  });

  it('refuses arguments that a forward does not have', async () => {
    assert.equal(
      (await failure(linear())).message,
      "forward() is missing a value for argument 'input' (in the root module)",
    );
    assert.match((await failure(linear(), ones(4, 3), ones(1))).message, /takes 1 arguments, got 2/);
    assert.match((await failure(linear(), new Tuple([]))).message, /takes a Tensor for 'input', but was given a Tuple/);
  });
});

/** Every class that has options, with options that run. */
const layers: readonly (readonly [name: string, module: () => StoredModule, input: () => Tensor])[] = [
  ['conv', conv, () => ones(1, 2, 5, 5)],
  ['transposed', transposed, () => ones(1, 2, 5, 5)],
  ['batch norm', batchNorm, () => ones(4, 3)],
  ['instance norm', instanceNorm, () => ones(2, 3, 4)],
  [
    'layer norm',
    () => nn('normalization', 'LayerNorm', { options: { normalized_shape: new Tuple([3n]), eps: 1e-5 } }),
    () => ones(2, 3),
  ],
  ['group norm', () => nn('normalization', 'GroupNorm', { options: { num_groups: 1n, eps: 1e-5 } }), () => ones(2, 3)],
  [
    'response norm',
    () => nn('normalization', 'LocalResponseNorm', { options: { size: 2n, alpha: 1, beta: 1, k: 1 } }),
    () => ones(1, 3, 4),
  ],
  [
    'cross map norm',
    () => nn('normalization', 'CrossMapLRN2d', { options: { size: 2n, alpha: 1, beta: 1, k: 1 } }),
    () => ones(1, 3, 2, 2),
  ],
  ['dropout', () => nn('dropout', 'Dropout', { options: { p: 0.5, inplace: false } }), () => ones(4)],
  [
    'activation',
    () => nn('activation', 'Hardtanh', { options: { min_val: -1, max_val: 1, inplace: false } }),
    () => ones(4),
  ],
  ['gelu', () => nn('activation', 'GELU', { options: { approximate: 'none' } }), () => ones(4)],
  ['softmax', () => nn('activation', 'Softmax', { options: { dim: 0n } }), () => ones(4)],
  ['max pool', maxPool, () => ones(1, 1, 4, 4)],
  [
    'power pool',
    () => nn('pooling', 'LPPool1d', { options: { norm_type: 2, kernel_size: 2n, stride: null, ceil_mode: false } }),
    () => ones(1, 1, 4),
  ],
  [
    'adaptive pool',
    () => nn('pooling', 'AdaptiveAvgPool2d', { options: { output_size: new Tuple([1n, null]) } }),
    () => ones(1, 1, 4, 4),
  ],
  [
    'padding',
    () => nn('padding', 'ConstantPad1d', { options: { padding: new Tuple([1n, 1n]), value: 0 } }),
    () => ones(1, 1, 4),
  ],
  [
    'upsample',
    () =>
      nn('upsampling', 'Upsample', { options: { size: null, scale_factor: 2, mode: 'nearest', align_corners: null } }),
    () => ones(1, 1, 4),
  ],
  [
    'unfold',
    () => nn('fold', 'Unfold', { options: { kernel_size: 2n, dilation: 1n, padding: 0n, stride: 1n } }),
    () => ones(1, 1, 4, 4),
  ],
  ['flatten', () => nn('flatten', 'Flatten', { options: { start_dim: 1n, end_dim: -1n } }), () => ones(2, 2, 2)],
  [
    'unflatten',
    () => nn('flatten', 'Unflatten', { options: { dim: 0n, unflattened_size: new Tuple([2n, 2n]) } }),
    () => ones(4),
  ],
  ['shuffle', () => nn('pixelshuffle', 'PixelShuffle', { options: { upscale_factor: 2n } }), () => ones(1, 4, 2, 2)],
  ['embedding', embedding, () => Tensor.of('int64', [2], BigInt64Array.of(0n, 1n))],
  ['bag', bag, () => Tensor.of('int64', [1, 2], BigInt64Array.of(0n, 1n))],
  ['recurrent', gru, () => ones(3, 1, 2)],
  ['cell', () => nn('rnn', 'GRUCell', { options: { hidden_size: 1n }, parameters: gates('') }), () => ones(1, 2)],
];

const hostileValues: readonly Value[] = [
  null,
  true,
  -1n,
  0n,
  2n ** 62n,
  -1,
  NaN,
  Infinity,
  '',
  'same',
  '__proto__',
  new Tuple([]),
  new Tuple([0n, 0n]),
  new Tuple([-5n, 2n ** 40n]),
  new Tuple(['x', null]),
  [],
  ones(2),
  new OpaqueValue('os.system'),
];

describe('StoredProgram on a hostile file', () => {
  for (const [name, make, input] of layers) {
    it(`runs ${name}, and meets missing, wrong and absurd options with an AppError`, async () => {
      await run(make(), input());
      const { attributes, parameters, buffers } = make();
      for (const [part, names] of [
        ['attributes', [...attributes.keys()]],
        ['parameters', [...parameters.keys()]],
        ['buffers', [...buffers.keys()]],
      ] as const) {
        for (const key of names) {
          const missing = make();
          missing[part] = new Map([...missing[part]].filter(([name]) => name !== key));
          await survives(missing, input(), `without ${key}`);
          for (const value of hostileValues) {
            const changed = make();
            changed.set(part, key, value);
            await survives(changed, input(), `${key} = ${typeof value === 'object' ? 'an object' : String(value)}`);
          }
        }
      }
    });
  }

  it('names the option, what it should be and the module', async () => {
    const broken = conv();
    broken.set('attributes', 'stride', 'fast');
    const error = await failure(sequential(broken), ones(1, 2, 5, 5));
    assert.equal(error.code, 'corrupt');
    assert.equal(error.message, "This module can't run: its 'stride' should be an int or 2 ints, but is 'fast' (in 0)");
  });
});

/** Either it runs, or a person is told why: never an error of the language or of the kernels' own. */
async function survives(root: StoredModule, input: Tensor, what: string): Promise<void> {
  try {
    await run(root, input);
  } catch (error) {
    assert.ok(error instanceof AppError, `${what}: ${String(error)}`);
    const expected = ['corrupt', 'bad-input', 'no-program', 'limit-exceeded', 'out-of-memory'];
    assert.ok(expected.includes(error.code), `${what}: ${error.code}: ${error.message}`);
  }
}

function conv(): StoredModule {
  const pair = new Tuple([1n, 1n]);
  const options = {
    stride: pair,
    padding: pair,
    dilation: pair,
    groups: 1n,
    kernel_size: pair,
    padding_mode: 'reflect',
  };
  return nn('conv', 'Conv2d', { options, parameters: { weight: ones(3, 2, 1, 1), bias: ones(3) } });
}

function transposed(): StoredModule {
  const [pair, zeros] = [new Tuple([1n, 1n]), new Tuple([0n, 0n])];
  const sizes = { stride: pair, padding: zeros, dilation: pair, output_padding: zeros, kernel_size: pair };
  const options = { ...sizes, groups: 1n, padding_mode: 'zeros' };
  return nn('conv', 'ConvTranspose2d', { options, parameters: { weight: ones(2, 3, 1, 1), bias: null } });
}

function instanceNorm(): StoredModule {
  const options = { num_features: 3n, eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false };
  return nn('instancenorm', 'InstanceNorm1d', { options });
}

function maxPool(): StoredModule {
  const options = { kernel_size: 2n, stride: 2n, padding: 0n, dilation: 1n, ceil_mode: false, return_indices: false };
  return nn('pooling', 'MaxPool2d', { options });
}

function embedding(): StoredModule {
  const options = { padding_idx: null, max_norm: 1, norm_type: 2, scale_grad_by_freq: false, sparse: false };
  return nn('sparse', 'Embedding', { options, parameters: { weight: ones(3, 2) } });
}

function bag(): StoredModule {
  const options = { padding_idx: null, max_norm: null, norm_type: 2, mode: 'sum', include_last_offset: false };
  return nn('sparse', 'EmbeddingBag', { options, parameters: { weight: ones(3, 2) } });
}

function gates(suffix: string): Record<string, Value> {
  const matrices = { [`weight_ih${suffix}`]: ones(3, 2), [`weight_hh${suffix}`]: ones(3, 1) };
  return { ...matrices, [`bias_ih${suffix}`]: ones(3), [`bias_hh${suffix}`]: ones(3) };
}

function gru(): StoredModule {
  const sizes = { input_size: 2n, hidden_size: 1n, num_layers: 1n, proj_size: 0n };
  const options = { ...sizes, bias: true, batch_first: false, dropout: 0, bidirectional: false, mode: 'GRU' };
  return nn('rnn', 'GRU', { options, parameters: gates('_l0') });
}
