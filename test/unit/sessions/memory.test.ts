// The limit on what the tensors of a forward may hold.

import assert from 'node:assert/strict';
import os from 'node:os';

import { throwIfMemoryIsShort } from '../../../src/sessions/memory';

describe('throwIfMemoryIsShort', () => {
  it('lets a forward have half the machine, and names what it holds beyond', () => {
    assert.doesNotThrow(() => {
      throwIfMemoryIsShort(os.totalmem() / 2 - 1);
    });
    assert.throws(
      () => {
        throwIfMemoryIsShort(os.totalmem() / 2 + 2 ** 20);
      },
      { code: 'out-of-memory', message: /hold \d+\.\d GiB/ },
    );
  });

  it('sees typed arrays', () => {
    assert.throws(
      () => {
        throwIfMemoryIsShort();
        const held = new Float32Array(2 ** 20);
        throwIfMemoryIsShort(held.length * 2 ** 30);
      },
      { code: 'out-of-memory' },
    );
  });
});
