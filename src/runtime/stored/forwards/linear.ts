// Linear layers and those that only change the shape: torch.nn.modules.linear and flatten.

import type { StoredModule } from '../../program';
import { Tensor } from '../../tensor';
import { itemsOf } from '../../values';
import { type Family, type Layer, type LayerForward } from './layer';
import { required } from './signature';
import { unary } from './unary';

const linear = unary((layer, x) => layer.call('linear', x, layer.requiredTensor('weight'), layer.tensor('bias')));

const bilinear: LayerForward = {
  parameters: [required('input1'), required('input2')],
  suggest: ({ parameters }: StoredModule, name) => {
    const weight = parameters.get('weight');
    const size = weight instanceof Tensor ? weight.shape[name === 'input1' ? 1 : 2] : undefined;
    return size === undefined ? undefined : [2, size];
  },
  run: (layer, args) => {
    const inputs = [args.tensor('input1'), args.tensor('input2')];
    return layer.call('bilinear', ...inputs, layer.requiredTensor('weight'), layer.tensor('bias'));
  },
};

export const linears: Family = {
  Identity: unary((_layer, x) => x),
  Linear: linear,
  // The projections of attention, under their present and their old name.
  NonDynamicallyQuantizableLinear: linear,
  _LinearWithBias: linear,
  Bilinear: bilinear,
};

export const flattens: Family = {
  Flatten: unary((layer, x) => layer.call('flatten', x, layer.int('start_dim', 1n), layer.int('end_dim', -1n))),
  Unflatten: unary((layer, x) => layer.call('unflatten', x, layer.int('dim'), unflattenedSize(layer))),
};

function unflattenedSize(layer: Layer): bigint[] {
  const sizes = itemsOf(layer.option('unflattened_size')) ?? [];
  // With named tensors it is pairs of a name and a size, which names can't follow here.
  if (sizes.some((size) => typeof size !== 'bigint')) layer.wrong('unflattened_size', sizes[0] ?? null, 'ints');
  return layer.intList('unflattened_size');
}
