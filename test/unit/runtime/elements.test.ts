// Conversion between element types, where JavaScript's rules are not torch's.

import assert from 'node:assert/strict';

import { allocate, convertElements, float32ToHalf, halfToFloat32 } from '../../../src/runtime/elements';

describe('convertElements', () => {
  it('truncates floats towards zero', () => {
    assert.deepEqual(convertElements(Float32Array.of(-1.7, 1.7), 'float32', 'int64'), BigInt64Array.of(-1n, 1n));
    assert.deepEqual(convertElements(Float32Array.of(-1.7, 1.7), 'float32', 'int32'), Int32Array.of(-1, 1));
  });

  it('keeps every bit of int64 where the target has room', () => {
    const large = BigInt64Array.of(2n ** 53n + 1n);
    assert.deepEqual(convertElements(large, 'int64', 'int64'), large);
  });

  it('wraps integers', () => {
    assert.deepEqual(convertElements(BigInt64Array.of(300n, -1n), 'int64', 'uint8'), Uint8Array.of(44, 255));
    assert.deepEqual(convertElements(BigInt64Array.of(2n ** 31n), 'int64', 'int32'), Int32Array.of(-(2 ** 31)));
  });

  it('takes everything but zero as true, NaN too', () => {
    assert.deepEqual(convertElements(Float32Array.of(0, -0, 0.5, NaN), 'float32', 'bool'), Uint8Array.of(0, 0, 1, 1));
  });

  it('never hands out the source itself', () => {
    const source = Float32Array.of(1);
    assert.notEqual(convertElements(source, 'float32', 'float32'), source);
  });
});

describe('half precision', () => {
  it('survives a round trip for every finite bit pattern', () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
      const wide = halfToFloat32(dtype, all);
      const back = float32ToHalf(dtype, wide);
      all.forEach((bits, i) => {
        if (!Number.isNaN(wide[i])) assert.equal(back[i], bits, `${dtype} ${bits.toString(16)}`);
      });
    }
  });

  it('rounds ties to even', () => {
    // 1 + 2^-8 lies between two bfloat16 values, 1 and 1 + 2^-7.
    assert.equal(halfToFloat32('bfloat16', float32ToHalf('bfloat16', [1 + 2 ** -8]))[0], 1);
    assert.equal(halfToFloat32('bfloat16', float32ToHalf('bfloat16', [1 + 3 * 2 ** -8]))[0], 1 + 2 ** -6);
    assert.equal(halfToFloat32('float16', float32ToHalf('float16', [1 + 2 ** -11]))[0], 1);
  });

  it('overflows to infinity', () => {
    assert.equal(halfToFloat32('float16', float32ToHalf('float16', [65_520]))[0], Infinity);
  });
});

describe('allocate', () => {
  it('refuses what no kernel could take, without trying', () => {
    const refused = { code: 'out-of-memory', message: /A tensor of 3640 GiB is needed, and none may have more than 4/ };
    assert.throws(() => allocate('float32', 977_105_059_840), refused);
    assert.equal(allocate('int64', 3).length, 3);
  });
});
