// Arguments of a forward that are numbers in its signature.

import assert from 'node:assert/strict';

import type { InputSpec } from '../../../src/model/description';
import { matchSignature } from '../../../src/runtime/inputs';
import { Tensor } from '../../../src/runtime/tensor';

const spec = (type: string): InputSpec => ({ name: 'k', type, hasDefault: false });
const scalar = (value: number): Tensor => Tensor.of('float32', [], Float32Array.of(value));

describe('matchSignature', () => {
  it('takes numbers out of tensors where the signature says so', () => {
    const specs = ['int', 'float', 'bool', 'Optional[int]', 'Tensor', 'List[int]'].map(spec);
    const tensor = scalar(3);
    const args = [scalar(3), scalar(0.5), scalar(0), scalar(2), tensor, tensor];
    assert.deepEqual(matchSignature(args, specs), [3n, 0.5, false, 2n, tensor, tensor]);
  });

  it('refuses a tensor of several elements for a number', () => {
    const several = Tensor.zeros('float32', [2, 2]);
    assert.throws(() => matchSignature([several], [spec('int')]), {
      code: 'bad-input',
      message: /type int for 'k', but was given a tensor of shape \[2, 2\]/,
    });
  });
});
