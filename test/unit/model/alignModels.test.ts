// Which module of one model is which of another, prefixes or none.

import assert from 'node:assert/strict';
import { alignModels, pathIn } from '../../../src/model/alignModels';
import type { ModuleSpec } from '../../../src/model/module';
import { moduleSpec } from '../support/models';

const tree = (...paths: readonly string[]): readonly ModuleSpec[] =>
  ['', ...paths].map((path) => moduleSpec(path, 'Module'));

/** Below a prefix, with the modules that the prefix itself makes. */
const below = (prefix: string, modules: readonly ModuleSpec[]): readonly ModuleSpec[] => {
  const parts = prefix.split('.');
  const wrappers = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('.'));
  return tree(...wrappers, ...modules.map(({ path }) => pathIn(prefix, path)));
};

const net = tree('stem', 'stem.0', 'layer', 'layer.bn', 'fc');

describe('models that are compared', () => {
  it('are taken whole where they share a path', () => {
    const { roots, shared, modules } = alignModels(net, tree('stem', 'other'));
    assert.deepEqual([roots, shared], [['', ''], 1]);
    assert.equal(modules[0], net);
  });

  it('are found below a prefix of either, however deep', () => {
    for (const [first, second, roots] of [
      [net, below('module', net), ['', 'module']],
      [below('model', net), net, ['model', '']],
      [below('model', net), below('module._orig_mod', net), ['model', 'module._orig_mod']],
      [net, [...below('model', net), moduleSpec('loss', 'Loss')], ['', 'model']],
    ] as const) {
      const found = alignModels(first, second);
      assert.deepEqual([found.roots, found.shared], [roots, 5]);
      assert.deepEqual(
        found.modules[1].map(({ path }) => path),
        net.map(({ path }) => path),
      );
    }
  });

  it('are not aligned by a chance: half of the smaller one must be there', () => {
    const other = below('model', tree('fc', 'a', 'b', 'c', 'd'));
    assert.deepEqual(alignModels(net, other).roots, ['', '']);
    assert.equal(alignModels(net, other).shared, 0);
  });

  it('are taken below the paths that were asked for', () => {
    const both = [...below('model', net), ...below('ema', net).slice(1)];
    assert.deepEqual(alignModels(both, both, ['model', 'ema']).roots, ['model', 'ema']);
    assert.equal(alignModels(both, both, ['model', 'ema']).shared, 5);
    assert.deepEqual(alignModels(both, below('module', net), ['ema', undefined]).roots, ['ema', 'module']);
    // Two halves of a file are equal; which one is meant must be said.
    assert.equal(alignModels(both, net).shared, 0);
  });

  it('may hold nothing', () => {
    for (const [first, second] of [
      [[], []],
      [net, []],
      [tree(), tree()],
      [tree(), net],
    ] as const) {
      const { roots, shared } = alignModels(first, second);
      assert.deepEqual([roots, shared], [['', ''], 0]);
    }
  });
});
