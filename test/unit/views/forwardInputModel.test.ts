// The text of inputs.

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
      { shape: [], dtype: 'float32' },
      { shape: [], dtype: 'int64' },
    ] as const;
    assert.deepEqual(parseInputs(formatInputs(shapes), [image, unknown, unknown, unknown]), shapes);
  });
});
