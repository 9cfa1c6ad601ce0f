// Numbers as people read them.

import assert from 'node:assert/strict';
import { formatNumber } from '../../../src/util/numbers';

describe('numbers in words', () => {
  it('have four digits, and an exponent only where that is shorter', () => {
    const words = [0, 1, -12, 123_456, 1e6, 0.1, 1 / 3, 1234.5678, 1e-3, 1.23456e-5, -2e-7, 1.5e9].map(formatNumber);
    const plain = ['0', '1', '-12', '123456', '1e6', '0.1', '0.3333', '1235', '0.001'];
    assert.deepEqual(words, [...plain, '1.235e-5', '-2e-7', '1.5e9']);
  });

  it('say what is none, and what is not finite', () => {
    assert.deepEqual([null, undefined, NaN, -Infinity].map(formatNumber), ['none', 'none', 'NaN', '-Infinity']);
  });
});
