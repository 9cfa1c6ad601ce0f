// Calls that make tensors, read in one go, give what reading them opcode by opcode gives; their inner values are there when asked for.

import assert from 'node:assert/strict';

import { unpickle } from '../../../src/formats/pickle';
import type { PickleHost } from '../../../src/formats/pickleValues';
import { StorageTable } from '../../../src/formats/storages';
import type { TensorMaker } from '../../../src/formats/tensorCalls';
import { TorchSaveHost } from '../../../src/formats/torchSaveHost';
import { AppError } from '../../../src/util/errors';
import { Dict, Storage, Tensor, Tuple, type Value } from '../../../src/runtime/program';
import { ascii, text } from './archives';

const put = (entry: number): string => `q${String.fromCharCode(entry)}`;
const get = (entry: number): string => `h${String.fromCharCode(entry)}`;

/** Puts what every call refers to into the entries 0 to 4. */
const prelude = [
  `ctorch._utils\n_rebuild_tensor_v2\n${put(0)}0`,
  `${text('storage')}${put(1)}0ctorch\nFloatStorage\n${put(2)}0${text('cpu')}${put(3)}0`,
  `ccollections\nOrderedDict\n${put(4)}0`,
].join('');

/** A call as torch writes it, with its six entries from `first` on: key, id, shape, strides, hooks, arguments. */
function call(key: string, first: number, { shape = 'K\x02K\x03\x86', flag = '\x89', count = 'K\x06' } = {}): string {
  const entry = (i: number): string => put(first + i);
  const id = `(${get(1)}${get(2)}${text(key)}${entry(0)}${get(3)}${count}t${entry(1)}Q`;
  return `${get(0)}(${id}K\0${shape}${entry(2)}K\x03K\x01\x86${entry(3)}${flag}${get(4)})R${entry(4)}t${entry(5)}R`;
}

const makeHost = (): TorchSaveHost =>
  new TorchSaveHost(new StorageTable((_, dtype, count) => Storage.zeros(dtype, count)));

function read(opcodes: string, atOnce = true): { readonly value: Value; readonly whole: number } {
  const host = makeHost();
  const { tensors } = host;
  assert.ok(tensors);
  let whole = 0;
  const make: TensorMaker['make'] = (made) => {
    whole++;
    return tensors.make(made);
  };
  const counting: PickleHost = {
    global: (module, name) => host.global(module, name),
    reduce: (callable, args) => host.reduce(callable, args),
    newObject: (cls, args) => host.newObject(cls, args),
    build: (object, state) => {
      host.build(object, state);
    },
    persistent: (id) => host.persistent(id),
    ...(atOnce ? { tensors: { ...tensors, make } } : {}),
  };
  return { value: unpickle(ascii(`\x80\x02${opcodes}.`), 'test.pkl', counting), whole };
}

/** Both ways of reading agree; the value, of which `whole` tensors were read in one go. */
function same(opcodes: string, whole: number): Value {
  const result = read(`${prelude}${opcodes}`);
  assert.deepEqual(result.value, read(`${prelude}${opcodes}`, false).value);
  assert.equal(result.whole, whole);
  return result.value;
}

describe('a call that makes a tensor', () => {
  it('is read in one go', () => {
    const tensors = same(`(${call('0', 10)}${put(16)}${call('1', 17, { flag: '\x88' })}${put(23)}${get(16)}l`, 2);
    assert.ok(Array.isArray(tensors));
    const [first, second, again] = tensors;
    assert.ok(first instanceof Tensor && second instanceof Tensor);
    assert.deepEqual([first.shape, first.strides, first.requiresGrad], [[2, 3], [3, 1], false]);
    assert.equal(second.requiresGrad, true);
    assert.equal(again, first);
  });

  it('has its inner values when they are recalled', () => {
    const recalled = [10, 12, 13, 14, 15].map(get).join('');
    const values = same(`(${call('0', 10)}${put(16)}${recalled}l`, 1);
    assert.ok(Array.isArray(values));
    const [, key, shape, , hooks, args] = values;
    assert.equal(key, '0');
    assert.deepEqual(shape, new Tuple([2n, 3n]));
    assert.ok(hooks instanceof Dict && args instanceof Tuple);
    // One object however often it is asked for.
    assert.equal(args.items[5], hooks);
  });

  it('shares its storage with a later call that recalls the key', () => {
    const other = call('1', 20).replace(`${text('1')}${put(20)}`, get(10));
    const values = same(`(${call('0', 10)}${put(16)}${other}l`, 1);
    assert.ok(Array.isArray(values));
    const [first, second] = values;
    assert.ok(first instanceof Tensor && second instanceof Tensor);
    assert.equal(first.storage, second.storage);
  });

  it('leaves what was put into its entries later', () => {
    same(`(${call('0', 10)}${put(16)}N${put(12)}${get(12)}${get(10)}${get(12)}${get(13)}l`, 1);
  });

  it('numbers what is memoized after it as Python does', () => {
    // The entries 5 to 9 are left out, so that the next one after twelve is number 12.
    same(`(${call('0', 10)}${put(16)}N\x94${get(12)}l`, 1);
  });

  for (const [what, opcodes] of [
    ['puts into an entry that is in use', call('0', 3)],
    ['has a negative size', call('0', 10, { shape: 'J\xff\xff\xff\xffK\x03\x86' })],
    ['has a count that is no number', call('0', 10, { count: 'N' })],
    ['has more sizes than its tuple', call('0', 10, { shape: 'K\x02K\x03K\x04\x86' })],
  ] as const)
    it(`and ${what} is read opcode by opcode`, () => {
      let expected: unknown;
      try {
        expected = read(`${prelude}${opcodes}`, false).value;
      } catch (error) {
        assert.ok(error instanceof AppError);
        assert.throws(() => read(`${prelude}${opcodes}`), { message: error.message });
        return;
      }
      const result = read(`${prelude}${opcodes}`);
      assert.deepEqual(result.value, expected);
      assert.equal(result.whole, 0);
    });

  it('that is cut short says where', () => {
    const whole = `\x80\x02${prelude}${call('0', 10)}`;
    for (let length = whole.length - 60; length < whole.length; length++) {
      assert.throws(() => unpickle(ascii(whole.slice(0, length)), 'test.pkl', makeHost()), { code: 'corrupt' });
    }
  });
});
