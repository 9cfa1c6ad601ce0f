// Modules that names tell of are described by what they have, however many of them look alike.

import assert from 'node:assert/strict';

import { StoredModule, Tensor, type Value } from '../../../src/runtime/program';
import { ModuleKinds } from '../../../src/runtime/stored/moduleKinds';

function stored(
  parameters: Readonly<Record<string, Value>>,
  buffers: Readonly<Record<string, Value>> = {},
): StoredModule {
  const module = new StoredModule('', null);
  for (const [name, value] of Object.entries(parameters)) module.set('parameters', name, value);
  for (const [name, value] of Object.entries(buffers)) module.set('buffers', name, value);
  return module;
}

const shape = [4];
const tensor = (sizes: readonly number[] = shape, dtype: Tensor['dtype'] = 'float32'): Tensor =>
  Tensor.zeros(dtype, sizes);

describe('kinds of modules', () => {
  it('are one for modules that have the same', () => {
    const kinds = new ModuleKinds();
    const norm = (): StoredModule => stored({ weight: tensor() }, { running_mean: tensor(), running_var: tensor() });
    const first = kinds.of(norm());
    assert.equal(kinds.of(norm()), first);
    assert.deepEqual(
      [first.spec.type, first.spec.batchNorm?.numFeatures, first.spec.modeSensitive],
      ['BatchNorm', 4, true],
    );
  });

  it('are others where a name, a dtype, a size, a child or the side of a tensor differs', () => {
    const kinds = new ModuleKinds();
    const parent = stored({ weight: tensor() });
    parent.setChild('0', stored({}));
    const different = [
      stored({ weight: tensor() }),
      stored({ bias: tensor() }),
      stored({ weight: tensor(shape, 'int64') }),
      stored({ weight: tensor([5]) }),
      stored({ weight: null }),
      stored({ weight: tensor(), bias: tensor() }),
      stored({ weight: tensor() }, { bias: tensor() }),
      stored({}, { weight: tensor() }),
      stored({}),
      parent,
    ];
    assert.equal(new Set(different.map((module) => kinds.of(module))).size, different.length);
  });

  it('know spectral normalisation by its vectors, and pruning from it', () => {
    const isSensitive = (module: StoredModule): boolean => new ModuleKinds().of(module).spec.modeSensitive;
    const pruned = stored({ weight_orig: tensor() }, { weight_mask: tensor() });
    const hooked = stored({ weight_orig: tensor(), bias: tensor() }, { weight_u: tensor(), weight_v: tensor() });
    const parametrization = stored({}, { _u: tensor(), _v: tensor() });
    assert.deepEqual([pruned, hooked, parametrization].map(isSensitive), [false, true, true]);
  });

  it('tell a block that is named after the layers in it from such a layer', () => {
    const named = (type: string, options: readonly string[] = [], parts = 1) => {
      const module = new StoredModule(`net.${type}`, true);
      for (let i = 0; i < parts; i++) module.setChild(String(i), stored({}));
      for (const name of options) module.set('attributes', name, 4n);
      const { batchNorm, instanceNorm, dropout } = new ModuleKinds().of(module).spec;
      return batchNorm !== undefined || instanceNorm !== undefined || dropout !== undefined;
    };
    for (const type of ['ConvBatchNormReLU', 'InstanceNormBlock', 'ResidualDropoutBlock']) {
      assert.equal(named(type), false, type);
      assert.equal(named(type, [], 0), true, type);
    }
    assert.equal(named('BatchNormAct2d', ['num_features']), true, 'a layer with an activation as its part');
  });

  it('leave the flags of quantized layers aside, which are for inference in either', () => {
    const quantized = (type: string, buffers: Readonly<Record<string, Value>> = {}) => {
      const module = new StoredModule(`torch.ao.nn.${type}`, true);
      for (const [name, value] of Object.entries(buffers)) module.set('buffers', name, value);
      return new ModuleKinds().of(module);
    };
    const drop = quantized('quantized.modules.dropout.Dropout');
    assert.deepEqual([drop.spec.modeSensitive, drop.rule.inTrain, drop.spec.dropout], [false, 'none', undefined]);
    const statistics = { running_mean: tensor(), running_var: tensor() };
    for (const type of ['quantized.modules.batchnorm.BatchNorm2d', 'intrinsic.quantized.modules.bn_relu.BNReLU2d'])
      assert.deepEqual(quantized(type, statistics).rule.inTrain, 'eval', type);
    assert.equal(quantized('quantizable.modules.activation.MultiheadAttention').rule.inTrain, 'train');
  });

  it('are right beyond the number that is compared', () => {
    const kinds = new ModuleKinds();
    for (let round = 0; round < 2; round++) {
      for (let size = 1; size <= 200; size++) {
        const { spec } = kinds.of(stored({ weight: tensor([size]) }));
        assert.deepEqual(spec.parameters, [{ name: 'weight', dtype: 'float32', shape: [size] }]);
      }
    }
  });
});
