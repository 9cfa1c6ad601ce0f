// Pickled modules as modules: what a forward would do beyond its class, and the values that options really have.

import assert from 'node:assert/strict';

import { PickleBytes, PickleGlobal, PickleObject } from '../../../src/formats/pickleValues';
import { StorageTable } from '../../../src/formats/storages';
import { ModuleReader } from '../../../src/formats/storedModules';
import { TorchSaveHost } from '../../../src/formats/torchSaveHost';
import { Dict, OpaqueValue, Tuple, type StoredModule, type Value } from '../../../src/runtime/program';

function dict(entries: Readonly<Record<string, Value>>): Dict {
  const made = new Dict();
  for (const [key, value] of Object.entries(entries)) made.entries.set(key, value);
  return made;
}

function object(type: string, state: Readonly<Record<string, Value>>): PickleObject {
  const dot = type.lastIndexOf('.');
  const made = new PickleObject(new PickleGlobal(type.slice(0, dot), type.slice(dot + 1)), new Tuple([]));
  made.state = dict({ training: true, _modules: dict({}), ...state });
  return made;
}

const read = (root: PickleObject): StoredModule => new ModuleReader('net.pt').module(root);
const weightNorm = new PickleObject(new PickleGlobal('torch.nn.utils.weight_norm', 'WeightNorm'), new Tuple([]));
const host = (): TorchSaveHost => new TorchSaveHost(new StorageTable(() => 'there is none'));

describe('ModuleReader', () => {
  it('finds nothing in the way of a plain module', () => {
    const plain = object('torch.nn.modules.linear.Linear', { _forward_pre_hooks: dict({}), _forward_hooks: dict({}) });
    assert.equal(read(plain).obstacle, undefined);
  });

  for (const [what, state, message] of [
    [
      'a forward pre-hook',
      { _forward_pre_hooks: dict({ '1': weightNorm }) },
      /pre-hook \(torch\.nn\.utils\.weight_norm\./,
    ],
    ['a forward hook', { _forward_hooks: dict({ '1': null }) }, /^it has a forward hook, whose code/],
    ['a forward of the object’s own', { forward: new OpaqueValue('f') }, /^its forward was replaced/],
    ['a part that is no module', { _modules: dict({ '0': 3n }) }, /^its part '0' is no module/],
  ] as const) {
    it(`sees ${what}`, () => {
      assert.match(read(object('torch.nn.modules.linear.Linear', state)).obstacle ?? '', message);
    });
  }

  it('lets a part be None, but not one that a Sequential would call', () => {
    const parts = { _modules: dict({ norm: null }) };
    assert.equal(read(object('torch.nn.modules.transformer.TransformerEncoder', parts)).obstacle, undefined);
    assert.match(read(object('torch.nn.modules.container.Sequential', parts)).obstacle ?? '', /'norm' is no module/);
  });

  it('shows a part whose state can’t be read', () => {
    const part = new PickleObject(new PickleGlobal('lib', 'Sealed'), new Tuple([]));
    const root = read(object('torch.nn.modules.container.Sequential', { _modules: dict({ '0': part }) }));
    assert.equal(root.children.get('0')?.qualifiedType, 'lib.Sealed');
  });

  it('keeps tensors that can’t be used apart from those that are None', () => {
    const unusable = new OpaqueValue('Tensor', 'quantized tensors are not supported');
    const { parameters } = read(
      object('torch.nn.modules.linear.Linear', { _parameters: dict({ weight: unusable, bias: null }) }),
    );
    assert.deepEqual(
      [...parameters],
      [
        ['weight', unusable],
        ['bias', null],
      ],
    );
  });
});

describe('TorchSaveHost', () => {
  it('takes an attribute of torch’s functions for the function, and of an object for a bound method', () => {
    const names = host();
    const getattr = names.global('__builtin__', 'getattr');
    const functions = names.global('torch._C', '_VariableFunctionsClass');
    assert.equal((names.reduce(getattr, new Tuple([functions, 'tanh'])) as OpaqueValue).typeName, 'torch.tanh');
    const lazy = object('torch.nn.modules.linear.LazyLinear', {});
    const bound = names.reduce(getattr, new Tuple([lazy, '_infer_parameters'])) as OpaqueValue;
    assert.equal(bound.typeName, 'torch.nn.modules.linear.LazyLinear._infer_parameters');
    assert.deepEqual([...names.imports], []);
  });

  it('knows the names that Python’s own types have in the pickles of protocol 2', () => {
    const names = host();
    for (const name of ['int', 'long', 'unicode', 'xrange']) names.global('__builtin__', name);
    assert.deepEqual([...names.imports], []);
    names.global('__builtin__', 'eval');
    assert.deepEqual([...names.imports], ['builtins.eval']);
  });

  it('reads what torch.compile returns as a module around the model, without a flag of its own', () => {
    const names = host();
    const optimized = names.global('torch._dynamo.eval_frame', 'OptimizedModule');
    const compiled = names.reduce(optimized, new Tuple([object('net.Net', { training: false }), null])) as PickleObject;
    const module = read(compiled);
    assert.deepEqual([module.qualifiedType, module.training], ['torch._dynamo.eval_frame.OptimizedModule', null]);
    const inner = module.children.get('_orig_mod');
    assert.deepEqual([inner?.qualifiedType, inner?.training], ['net.Net', false]);
  });

  it('lists every other look-up', () => {
    for (const [module, name] of [
      ['torch.os', 'system'],
      ['builtins', '__dict__'],
    ] as const) {
      const names = host();
      names.reduce(names.global('builtins', 'getattr'), new Tuple([names.global(module, name), 'x']));
      assert.ok(names.imports.has('builtins.getattr'), `${module}.${name}`);
    }
  });

  it('reads numbers of NumPy as Python’s', () => {
    const names = host();
    const scalar = names.global('numpy.core.multiarray', 'scalar');
    const number = (kind: string, order: string, bytes: Value): Value => {
      const dtype = names.reduce(names.global('numpy', 'dtype'), new Tuple([kind, false, true]));
      names.build(dtype, new Tuple([3n, order]));
      return names.reduce(scalar, new Tuple([dtype, bytes]));
    };
    const raw = (...bytes: number[]): PickleBytes => new PickleBytes(Uint8Array.from(bytes));
    assert.equal(number('f8', '<', raw(0, 0, 0, 0, 0, 0, 0xe0, 0x3f)), 0.5);
    assert.equal(number('f4', '>', raw(0x3f, 0, 0, 0)), 0.5);
    assert.equal(number('i8', '<', raw(3, 0, 0, 0, 0, 0, 0, 0)), 3n);
    assert.equal(number('b1', '|', raw(1)), true);
    const encoded = names.reduce(names.global('_codecs', 'encode'), new Tuple(['\u0003\u0000\u0000\u0000', 'latin1']));
    assert.equal(number('i4', '<', encoded), 3n);
    for (const short of [number('f8', '<', raw(0)), number('c16', '<', raw(0)), number('f8', '<', null)]) {
      assert.ok(short instanceof PickleObject);
    }
  });
});
