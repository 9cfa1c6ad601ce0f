// Inputs that nobody gave: which shapes, and which values.

import assert from 'node:assert/strict';

import type { InputSpec } from '../../../src/model/description';
import { itemSize, type DType } from '../../../src/model/dtype';
import { RunContext } from '../../../src/runtime/context';
import { KernelExecutor } from '../../../src/runtime/kernels/executor';
import { Generator } from '../../../src/runtime/random';
import type { Tensor } from '../../../src/runtime/tensor';
import { chooseInputs, makeInput, safeIndexLimit } from '../../../src/sessions/forwardInputs';
import { moduleSpec } from '../support/models';

const noKernels = new KernelExecutor(() => Promise.reject(new Error('no kernel is needed')));

function make(shape: number[], dtype: DType, { seed = 0, limit = 10, cancelled = false } = {}): Tensor {
  const context = new RunContext(noKernels, new Generator(0), () => cancelled);
  return makeInput({ kind: 'random', shape, dtype }, new Generator(seed), limit, context);
}

const values = (tensor: Tensor): number[] => Array.from(tensor.toNumbers());

describe('random inputs', () => {
  it('are the same under a seed, and normal numbers', () => {
    const drawn = values(make([100, 100], 'float32'));
    assert.deepEqual(values(make([100, 100], 'float32')), drawn);
    assert.notDeepEqual(values(make([100, 100], 'float32', { seed: 1 })), drawn);
    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length;
    assert.ok(Math.abs(mean) < 0.05, `mean ${mean}`);
    assert.ok(Math.abs(variance - 1) < 0.05, `variance ${variance}`);
  });

  it('are what was asked for in every dtype', () => {
    for (const dtype of Object.keys(itemSize) as DType[]) {
      const tensor = make([3, 2], dtype);
      assert.equal(tensor.dtype, dtype);
      assert.equal(tensor.toBytes().length, 6 * itemSize[dtype], dtype);
    }
    const [half, full] = [make([50], 'bfloat16'), make([50], 'float32')].map(values) as [number[], number[]];
    half.forEach((value, i) => {
      assert.ok(Math.abs(value - (full[i] as number)) <= 0.01 * Math.abs(value));
    });
  });

  it('stay below the smallest embedding, and within small integer types', () => {
    const embedding = (path: string, rows: number): ReturnType<typeof moduleSpec> =>
      moduleSpec(path, 'Embedding', { parameters: [{ name: 'weight', dtype: 'float32', shape: [rows, 8] }] });
    const limit = safeIndexLimit([embedding('a', 100), embedding('b', 7)]);
    assert.equal(limit, 7);
    assert.equal(safeIndexLimit([]), 10);
    const indices = values(make([500], 'int64', { limit }));
    assert.equal(Math.min(...indices), 0);
    assert.equal(Math.max(...indices), 6);
    assert.ok(values(make([500], 'int8', { limit: 50_000 })).every((value) => value >= 0));
  });

  it('are refused where they can’t be meant, and end where they are cancelled', () => {
    assert.throws(() => make([2 ** 20, 2 ** 20], 'float32'), { code: 'bad-input' });
    assert.throws(() => make([4], 'float32', { cancelled: true }), { code: 'cancelled' });
  });
});

describe('chooseInputs', () => {
  const image: InputSpec = {
    name: 'x',
    type: 'Tensor',
    hasDefault: false,
    suggestion: { shape: [1, 3, 8, 8], dtype: 'float32', from: 'conv1' },
  };
  const mask: InputSpec = { name: 'mask', type: 'Optional[Tensor]', hasDefault: true };
  const scale: InputSpec = { name: 'scale', type: 'Tensor', hasDefault: false };

  it('takes suggestions where nothing is given, and leaves optional arguments out', () => {
    assert.deepEqual(chooseInputs([image, mask], []), [{ kind: 'random', shape: [1, 3, 8, 8], dtype: 'float32' }]);
  });

  it('names the argument that it has nothing for', () => {
    assert.throws(() => chooseInputs([image, scale], []), /'scale' \(Tensor\)/);
  });
});
