// The modules of a session by path.

import assert from 'node:assert/strict';
import type { ModuleSpec } from '../../../src/model/module';
import { ModuleIndex } from '../../../src/sessions/moduleIndex';

describe('the modules of a session by path', () => {
  it('have their direct children in order, all or a range of them', () => {
    const index = ModuleIndex.atOnce(['', 'a', 'a.x', 'a.y', 'a.y.deep', 'a.z', 'b'].map(named));
    const children = (...range: readonly [path: string, start?: number, end?: number]): string[] =>
      index.children(...range).map(({ path }) => path);
    assert.deepEqual(children(''), ['a', 'b']);
    assert.deepEqual(children('a'), ['a.x', 'a.y', 'a.z']);
    assert.deepEqual(children('a', 1, 3), ['a.y', 'a.z']);
    assert.deepEqual(children('a', 2, 9), ['a.z']);
    assert.deepEqual(children('b', 0, 1), []);
    assert.deepEqual(children('nowhere'), []);
  });

  it('are the same when they are taken up in steps', async () => {
    const modules = ['', ...Array.from({ length: 5000 }, (_, i) => `layer${String(i)}`)].map(named);
    const index = await ModuleIndex.of(modules);
    assert.deepEqual(index.modules, modules);
    assert.equal(index.children('').length, 5000);
    assert.equal(index.get('layer4999'), modules[5000]);
  });
});

function named(path: string): ModuleSpec {
  return {
    path,
    type: 'Module',
    qualifiedType: '',
    training: null,
    behaviour: 'none',
    modeSensitive: false,
    parameters: [],
    buffers: [],
  };
}
