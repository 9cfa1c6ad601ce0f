// Which models a checkpoint holds, and where they stand in its tree.

import assert from 'node:assert/strict';
import { readSavedModels } from '../../../src/formats/savedModels';
import { Dict, Tensor, type Value } from '../../../src/runtime/program';

const dictOf = (items: Readonly<Record<string, Value>>): Dict => {
  const dict = new Dict();
  for (const [key, value] of Object.entries(items)) dict.setAll([key, value]);
  return dict;
};
const tensor = (): Tensor => Tensor.zeros('float32', [2]);
const weights = (): Dict => dictOf({ 'bn.weight': tensor(), 'bn.running_mean': tensor() });

describe('the models of a checkpoint', () => {
  const contentsOf = (value: Value) => readSavedModels(value, () => undefined, 'net.pth').contents;

  it('are told by their paths where it holds several', () => {
    const optimizer = dictOf({ state: dictOf({ first: weights() }), param_groups: [] });
    const { root, models } = contentsOf(
      dictOf({ epoch: 3n, net: weights(), optimizer, averages: dictOf({ 'ema.fast': weights() }) }),
    );
    assert.deepEqual(models, ['net', 'averages.ema.fast']);
    assert.deepEqual([...root.children.keys()], ['net', 'averages']);
  });

  it('need no path where there is one, at whatever key', () => {
    for (const value of [weights(), dictOf({ epoch: 3n, net: weights() })]) {
      const { root, models } = contentsOf(value);
      assert.equal(models, undefined);
      assert.deepEqual([...root.children.keys()], ['bn']);
    }
  });

  it('are one where its own tensors stand beside dicts of tensors', () => {
    const { root, models } = contentsOf(dictOf({ scale: tensor(), head: dictOf({ weight: tensor() }) }));
    assert.equal(models, undefined);
    assert.deepEqual([...root.parameters.keys()], ['scale']);
  });
});
