// Which sessions are kept, and which are given up for others.

import assert from 'node:assert/strict';

import { SessionCache } from '../../../src/runtime/kernels/sessionCache';

const gibibyte = 2 ** 30;

describe('SessionCache', () => {
  let log: string[];
  let cache: SessionCache<{ session: { run: () => Promise<never[]>; release: () => Promise<void> } }>;

  beforeEach(() => {
    log = [];
    cache = new SessionCache();
  });

  const use = async (key: string, gibibytes = 0): Promise<void> => {
    await cache.get(key, gibibytes * gibibyte, () => {
      log.push(`make ${key}`);
      const release = (): Promise<void> => {
        log.push(`free ${key}`);
        return Promise.resolve();
      };
      return Promise.resolve({ session: { run: () => Promise.resolve([]), release } });
    });
  };

  it('makes a session once', async () => {
    await use('a', 0.5);
    await use('a', 0.5);
    cache.startForward();
    await use('a', 0.5);
    assert.deepEqual(log, ['make a']);
  });

  it('gives up weights that the forward does not use, those first that were not used for longest', async () => {
    await use('a', 0.4);
    await use('b', 0.4);
    await use('a', 0.4);
    cache.startForward();
    await use('c', 0.4);
    assert.deepEqual(log, ['make a', 'make b', 'free b', 'make c']);
  });

  it('keeps all weights of one forward as long as the memory suffices', async () => {
    for (const key of ['a', 'b', 'c']) await use(key, 0.9);
    assert.deepEqual(log, ['make a', 'make b', 'make c']);
    await use('d', 0.9);
    assert.deepEqual(log.slice(3), ['free a', 'make d']);
  });

  it('has no more than its number of sessions', async () => {
    for (let i = 0; i < 4100; i++) await use(String(i));
    assert.deepEqual(
      log.filter((line) => line.startsWith('free')),
      ['free 0', 'free 1', 'free 2', 'free 3'],
    );
  });

  it('forgets what could not be made, and tries again', async () => {
    const failing = cache.get('a', 2.9 * gibibyte, () => Promise.reject(new Error('no memory')));
    await assert.rejects(failing, /no memory/);
    await use('a', 2.9);
    await use('b', 0.05);
    await cache.clear();
    assert.deepEqual(log, ['make a', 'make b', 'free a', 'free b']);
  });
});
