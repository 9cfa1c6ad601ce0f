// Views: reading and writing through strides, against a plain index computation.

import assert from 'node:assert/strict';

import fc from 'fast-check';

import { Tensor, contiguousStrides } from '../../../src/runtime/tensor';

/** A random view (shape, permuted or stepped strides, offset) of a storage that just holds it. */
const views = fc
  .record({
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    steps: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
    order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
    offset: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ shape, steps, order, offset }) => {
    // Strides of a contiguous layout in a shuffled order of dimensions, then stretched.
    const dims = order.filter((d) => d < shape.length);
    const strides = new Array<number>(shape.length).fill(1);
    let stride = 1;
    for (const d of dims) {
      strides[d] = stride * (steps[d] as number);
      stride = strides[d] * Math.max(1, shape[d] as number);
    }
    return { shape, strides, offset, size: offset + stride };
  });

function positions(shape: readonly number[], strides: readonly number[], offset: number): number[] {
  let result = [offset];
  shape.forEach((size, d) => {
    result = result.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * (strides[d] as number)));
  });
  return result;
}

describe('strided views', () => {
  it('read their elements in row-major order', () => {
    fc.assert(
      fc.property(views, ({ shape, strides, offset, size }) => {
        const base = Tensor.of(
          'float32',
          [size],
          Float32Array.from({ length: size }, (_, i) => i),
        );
        const view = base.view(shape, strides, offset);
        assert.deepEqual([...view.contiguousElements()], positions(shape, strides, offset));
      }),
    );
  });

  it('write to their own elements and to no others', () => {
    fc.assert(
      fc.property(views, ({ shape, strides, offset, size }) => {
        const base = Tensor.zeros('int32', [size]);
        const view = base.view(shape, strides, offset);
        view.write(Int32Array.from({ length: view.elementCount }, (_, i) => i + 1));
        const expected = new Int32Array(size);
        positions(shape, strides, offset).forEach((position, i) => (expected[position] = i + 1));
        assert.deepEqual(base.storage.elements, expected);
      }),
    );
  });

  it('are seen by every alias, also after the storage took over a whole new array', () => {
    const base = Tensor.zeros('float32', [2, 3]);
    const row = base.view([3], [1], 3);
    base.write(Float32Array.of(1, 2, 3, 4, 5, 6), true);
    assert.deepEqual([...row.contiguousElements()], [4, 5, 6]);
    row.write(Float32Array.of(7, 8, 9));
    assert.deepEqual([...base.contiguousElements()], [1, 2, 3, 7, 8, 9]);
  });

  it('copy between overlapping views as if through a copy', () => {
    const base = Tensor.of('float32', [5], Float32Array.of(1, 2, 3, 4, 5));
    const [from, to] = [base.view([4], [1], 0), base.view([4], [1], 1)];
    to.write(from.contiguousElements());
    assert.deepEqual([...base.contiguousElements()], [1, 1, 2, 3, 4]);
  });

  it('count writes, so that kernels which hold a copy notice', () => {
    const base = Tensor.zeros('float32', [2]);
    const before = base.storage.version;
    base.view([1], [1], 1).write(Float32Array.of(1));
    assert.notEqual(base.storage.version, before);
  });

  it('know whether they are contiguous', () => {
    assert.ok(Tensor.zeros('float32', [2, 3]).isContiguous);
    assert.ok(!Tensor.zeros('float32', [2, 3]).view([3, 2], [1, 3]).isContiguous);
    assert.ok(Tensor.zeros('float32', [2, 3]).view([1, 6], [99, 1]).isContiguous);
    assert.deepEqual(contiguousStrides([2, 0, 3]), [3, 3, 1]);
  });
});
