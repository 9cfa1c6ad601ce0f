// Activations: torch.nn.modules.activation without attention.

import { refuse, type Family, type Layer, type LayerForward } from './layer';
import type { Tensor } from '../../tensor';
import type { Value } from '../../values';
import { unary } from './unary';

export const activations: Family = {
  Threshold: inplace('threshold', (layer) => [layer.float('threshold'), layer.float('value')]),
  ReLU: inplace('relu'),
  RReLU: unary((layer, x) => {
    const name = layer.bool('inplace', false) ? 'rrelu_' : 'rrelu';
    return layer.call(name, x, layer.float('lower'), layer.float('upper'), layer.training);
  }),
  Hardtanh: inplace('hardtanh', limits),
  ReLU6: inplace('relu6'),
  Sigmoid: plain('sigmoid'),
  Hardsigmoid: inplace('hardsigmoid'),
  Tanh: plain('tanh'),
  SiLU: inplace('silu'),
  Mish: inplace('mish'),
  Hardswish: inplace('hardswish'),
  ELU: inplace('elu', (layer) => [layer.float('alpha')]),
  CELU: inplace('celu', (layer) => [layer.float('alpha')]),
  SELU: inplace('selu'),
  GLU: unary((layer, x) => layer.call('glu', x, layer.int('dim'))),
  GELU: unary((layer, x) => layer.call('gelu', x, layer.string('approximate', 'none'))),
  Hardshrink: unary((layer, x) => layer.call('hardshrink', x, layer.float('lambd'))),
  LeakyReLU: inplace('leaky_relu', (layer) => [layer.float('negative_slope')]),
  LogSigmoid: plain('log_sigmoid'),
  Softplus: unary((layer, x) => layer.call('softplus', x, layer.float('beta'), layer.float('threshold'))),
  Softshrink: unary((layer, x) => {
    const lambda = layer.float('lambd');
    if (lambda < 0) refuse(`lambda must be greater or equal to 0, but found to be ${lambda}.`);
    return layer.call('softshrink', x, lambda);
  }),
  PReLU: unary((layer, x) => layer.call('prelu', x, layer.requiredTensor('weight'))),
  Softsign: unary(async (layer, x) => layer.call('div', x, await layer.call('add', await layer.call('abs', x), 1n))),
  Tanhshrink: unary(async (layer, x) => layer.call('sub', x, await layer.call('tanh', x))),
  Softmin: unary(async (layer, x) => layer.call('softmax', await layer.call('neg', x), softmaxDim(layer, x))),
  Softmax: unary((layer, x) => layer.call('softmax', x, softmaxDim(layer, x))),
  Softmax2d: unary((layer, x) => {
    if (x.rank !== 3 && x.rank !== 4) refuse(`Softmax2d: expected input to be 3D or 4D, got ${x.rank}D instead`);
    return layer.call('softmax', x, -3n);
  }),
  LogSoftmax: unary((layer, x) => layer.call('log_softmax', x, softmaxDim(layer, x))),
};

function plain(name: string): LayerForward {
  return unary((layer, x) => layer.call(name, x));
}

/** Writes through its input where the option `inplace` says so. */
function inplace(name: string, options: (layer: Layer) => Value[] = () => []): LayerForward {
  return unary((layer, x) => layer.call(layer.bool('inplace', false) ? `${name}_` : name, x, ...options(layer)));
}

function limits(layer: Layer): Value[] {
  const [low, high] = [layer.float('min_val'), layer.float('max_val')];
  if (low > high) refuse('min_val cannot be greater than max_val');
  return [low, high];
}

/** Without a dimension torch still chooses one, as it did before the option was there. */
function softmaxDim(layer: Layer, { rank }: Tensor): bigint {
  return layer.optionalInt('dim') ?? (rank === 0 || rank === 1 || rank === 3 ? 0n : 1n);
}
