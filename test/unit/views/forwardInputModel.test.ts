// The text of inputs, and the values made up for them.

import assert from 'node:assert/strict';
import type { InputSpec } from '../../../src/model/description';
import {
  formatInputs,
  inputPrompt,
  parseInputs,
  prefilledInputs,
  suggestedInputs,
  validateInputs,
} from '../../../src/views/forwardInputModel';
import { safeIndexLimit, sampleInputs } from '../../../src/views/sampleInputModel';
import { moduleSpec } from '../support/models';

const image: InputSpec = {
  name: 'x',
  type: 'Tensor',
  hasDefault: false,
  suggestion: { shape: [1, 3, 8, 8], dtype: 'float32', from: 'the first layer' },
};
const tokens: InputSpec = {
  name: 'tokens',
  type: 'Tensor',
  hasDefault: false,
  suggestion: { shape: [1, 16], dtype: 'int64', from: 'the embedding' },
};
const unknown: InputSpec = { name: 'y', type: 'Tensor', hasDefault: false };
const mask: InputSpec = { name: 'mask', type: 'Optional[Tensor]', hasDefault: true };

describe('text of inputs', () => {
  it('reads shapes as people write them', () => {
    for (const text of [
      '1,3,224,224',
      ' 1, 3, 224, 224 ',
      '[1, 3, 224, 224]',
      '1x3x224x224',
      '(1 3 224 224):float32',
      '1,3,224,224:torch.float32',
    ]) {
      assert.deepEqual(parseInputs(text, [image]), [{ shape: [1, 3, 224, 224], dtype: 'float32' }], text);
    }
    assert.deepEqual(parseInputs('2,3; 1,16:long', [image, tokens]), [
      { shape: [2, 3], dtype: 'float32' },
      { shape: [1, 16], dtype: 'int64' },
    ]);
    assert.deepEqual(parseInputs('[]', [image]), [{ shape: [], dtype: 'float32' }]);
  });

  it('takes the dtype of the suggestion where none is written', () => {
    assert.deepEqual(parseInputs('2,5', [tokens]), [{ shape: [2, 5], dtype: 'int64' }]);
  });

  it('lets optional inputs out', () => {
    assert.equal(validateInputs('1,3,8,8', [image, mask]), undefined);
    assert.equal(validateInputs('1,3,8,8; 1,8', [image, mask]), undefined);
  });

  it('says what is wrong', () => {
    assert.match(validateInputs('1,a', [image]) ?? '', /^x: “a” is not a size\. Write it like/);
    assert.match(validateInputs('1,-3', [image]) ?? '', /“-3” is not a size/);
    assert.match(validateInputs('1,,3', [image]) ?? '', /“” is not a size/);
    assert.match(validateInputs('1,3:float128', [image]) ?? '', /“float128” is no dtype/);
    assert.match(validateInputs('', [image]) ?? '', /takes 1 inputs \(x\)/);
    assert.match(validateInputs('1;2;3', [image, tokens]) ?? '', /takes 2 inputs \(x; tokens\).*here are 3/);
    assert.match(validateInputs('1:int64:2', [image]) ?? '', /more than one colon/);
    assert.match(validateInputs('99999,99999', [image]) ?? '', /too large/);
    assert.match(validateInputs(':int64', [image]) ?? '', /no shape/);
  });

  it('suggests what is known and asks for the rest', () => {
    assert.equal(suggestedInputs([image, tokens, mask]), '1,3,8,8; 1,16:int64');
    assert.equal(suggestedInputs([image, unknown]), undefined);
    assert.equal(suggestedInputs([]), '');
    assert.equal(prefilledInputs([tokens, unknown]), '1,16:int64; 1,3,224,224');
    assert.match(inputPrompt([image, mask]), /x \(the first layer\); mask \(optional\)/);
  });

  it('writes what it reads', () => {
    const shapes = [
      { shape: [2, 3], dtype: 'float32' },
      { shape: [4], dtype: 'bool' },
    ] as const;
    assert.deepEqual(parseInputs(formatInputs(shapes), [image, unknown]), shapes);
  });
});

describe('made-up inputs', () => {
  it('repeat for the same shapes, and are normal numbers', () => {
    const [first] = sampleInputs([{ shape: [100, 100], dtype: 'float32' }], 10);
    const [second] = sampleInputs([{ shape: [100, 100], dtype: 'float32' }], 10);
    assert.deepEqual(first, second);
    assert.ok(first?.kind === 'array');
    const values = new Float32Array(first.bytes.buffer);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    assert.ok(Math.abs(mean) < 0.05, `mean ${mean}`);
    assert.ok(Math.abs(variance - 1) < 0.05, `variance ${variance}`);
  });

  it('have the bytes of their dtype', () => {
    const shape = [3];
    const sizes = {
      float64: 24,
      float16: 6,
      bfloat16: 6,
      int64: 24,
      int32: 12,
      int16: 6,
      int8: 3,
      uint8: 3,
      bool: 3,
    } as const;
    for (const dtype of Object.keys(sizes) as (keyof typeof sizes)[]) {
      const [input] = sampleInputs([{ shape, dtype }], 1000);
      assert.ok(input?.kind === 'array');
      assert.equal(input.bytes.length, sizes[dtype], dtype);
    }
    const [half] = sampleInputs([{ shape: [50], dtype: 'float16' }], 10);
    const [full] = sampleInputs([{ shape: [50], dtype: 'bfloat16' }], 10);
    assert.ok(half?.kind === 'array' && full?.kind === 'array');
    // The same numbers in both: sign and size of the first agree.
    assert.equal(half.bytes[1]! >> 7, full.bytes[1]! >> 7);
  });

  it('stay below the smallest embedding', () => {
    const embedding = (path: string, rows: number) =>
      moduleSpec(path, 'Embedding', { parameters: [{ name: 'weight', dtype: 'float32', shape: [rows, 8] }] });
    const limit = safeIndexLimit([embedding('a', 100), embedding('b', 7)]);
    assert.equal(limit, 7);
    assert.equal(safeIndexLimit([]), 10);
    const [input] = sampleInputs([{ shape: [500], dtype: 'int64' }], limit);
    assert.ok(input?.kind === 'array');
    const values = [...new BigInt64Array(input.bytes.buffer)].map(Number);
    assert.equal(Math.min(...values), 0);
    assert.equal(Math.max(...values), 6);
  });
});
