// Events and ownership: order, independence of listeners, and nothing that outlives its owner.

import assert from 'node:assert/strict';
import { DisposableStore } from '../../../src/util/disposable';
import { Emitter } from '../../../src/util/event';

describe('Emitter', () => {
  it('tells listeners in their order, and goes on after one that throws', () => {
    const seen: string[] = [];
    const errors: unknown[] = [];
    const emitter = new Emitter<number>((error) => errors.push(error));
    emitter.event((value) => seen.push(`a${String(value)}`));
    emitter.event(() => {
      throw new Error('listener');
    });
    emitter.event((value) => seen.push(`b${String(value)}`));
    emitter.fire(1);
    assert.deepEqual(seen, ['a1', 'b1']);
    assert.equal(errors.length, 1);
  });

  it('keeps two subscriptions of one function apart', () => {
    const seen: number[] = [];
    const emitter = new Emitter<number>();
    const listener = (value: number): void => void seen.push(value);
    const first = emitter.event(listener);
    emitter.event(listener);
    first.dispose();
    first.dispose();
    emitter.fire(1);
    assert.deepEqual(seen, [1]);
  });
});

describe('DisposableStore', () => {
  it('disposes in reverse order, once, and at once what comes too late', () => {
    const seen: string[] = [];
    const store = new DisposableStore();
    for (const name of ['a', 'b']) store.add({ dispose: () => seen.push(name) });
    store.dispose();
    store.dispose();
    store.add({ dispose: () => seen.push('late') });
    assert.deepEqual(seen, ['b', 'a', 'late']);
    assert.ok(store.isDisposed);
  });
});
