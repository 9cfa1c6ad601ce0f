// The modules that names tell of, in whatever order they come; and dicts whose items are looked through before anyone looks a key up.

import assert from 'node:assert/strict';

import { isStateDict, modulesOfDict, modulesOfNames } from '../../../src/formats/stateDict';
import { Dict, Tensor, type StoredModule, type Value } from '../../../src/runtime/program';

const tensor = (): Tensor => Tensor.zeros('float32', [1]);
const dictOf = (...items: Value[]): Dict => {
  const dict = new Dict();
  dict.setAll(items);
  return dict;
};

/** Each module's path with the names of its tensors, in pre-order. */
function listed(module: StoredModule, path = ''): string[] {
  const names = [...module.parameters.keys(), ...module.buffers.keys()];
  const below = [...module.children].flatMap(([name, child]) => listed(child, path === '' ? name : `${path}.${name}`));
  return [`${path}: ${names.join(' ')}`, ...below];
}

const ofNames = (...names: readonly string[]): string[] =>
  listed(
    modulesOfNames(
      names.map((name) => [name, tensor()]),
      'net.pth',
    ),
  );

describe('names of a state dict', () => {
  it('tell the same modules whichever come first', () => {
    const sorted = (...names: readonly string[]): string[] => ofNames(...names).sort();
    const expected = [': w', 'a: w', 'a.b: v w', 'ab: w', 'b: w'].sort();
    assert.deepEqual(sorted('w', 'a.w', 'a.b.v', 'a.b.w', 'ab.w', 'b.w'), expected);
    assert.deepEqual(sorted('a.b.v', 'ab.w', 'b.w', 'w', 'a.b.w', 'a.w'), expected);
  });

  it('with empty parts name the module that they name without them', () => {
    assert.deepEqual(ofNames('a.b.w', 'a..b.v', '.a.u', 'a.b..t'), [': ', 'a: u', 'a.b: w v t']);
    assert.deepEqual(ofNames('a..b.v', 'a.b.w'), [': ', 'a: ', 'a.b: v w']);
  });

  it('and their metadata are one tree', () => {
    const metadata = dictOf('', null, 'a', null, 'a.drop', null, 'b', null);
    const root = modulesOfDict(dictOf('b.w', tensor(), 'a.running_mean', tensor(), 'c', 1n), metadata, 'net.pth');
    assert.deepEqual(listed(root), [': ', 'a: running_mean', 'a.drop: ', 'b: w']);
  });
});

describe('a dict that was set in batches', () => {
  /** Two batches of a hundred items, then single ones. */
  function batched(): Dict {
    const dict = new Dict();
    for (const start of [0, 100])
      dict.setAll(Array.from({ length: 200 }, (_, i): Value => (i % 2 === 0 ? `${start + i / 2}` : tensor())));
    return dict;
  }

  it('has its items in order, before and after a look at a key', () => {
    const dict = batched();
    const keys = (): Value[] => {
      const found: Value[] = [];
      assert.equal(
        dict.some((key) => {
          found.push(key);
          return false;
        }),
        false,
      );
      return found;
    };
    const expected = Array.from({ length: 200 }, (_, i) => String(i));
    assert.deepEqual(keys(), expected);
    assert.equal(dict.entries.size, 200);
    assert.deepEqual(keys(), expected);
  });

  it('takes later values for keys that it has', () => {
    const dict = batched();
    dict.setAll(['5', 1n]);
    dict.setAll(['150', 2n]);
    assert.deepEqual([dict.entries.get('5'), dict.entries.get('150'), dict.entries.size], [1n, 2n, 200]);
  });

  it('gives single items behind its batches, and a list among its values as one value', () => {
    const dict = batched();
    dict.setAll(['200', 1n]);
    dict.setAll(['201', [2n, 3n]]);
    const tail = (): Value[] => dict.lists().flat().slice(-4);
    assert.deepEqual(tail(), ['200', 1n, '201', [2n, 3n]]);
    assert.equal(dict.entries.size, 202);
    assert.deepEqual(tail(), ['200', 1n, '201', [2n, 3n]]);
  });

  it('is a state dict if all keys are names and a value is a tensor', () => {
    assert.equal(isStateDict(batched()), true);
    assert.equal(isStateDict(dictOf('a', 1n)), false);
    const dict = batched();
    dict.setAll([1n, tensor()]);
    assert.equal(isStateDict(dict), false);
  });
});
