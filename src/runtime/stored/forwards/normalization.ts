// Norms without running statistics: torch.nn.modules.normalization.

import { verifyBatchSize } from '../../operators/norm';
import type { Tensor } from '../../tensor';
import { refuse, type Family, type Layer, type LayerForward } from './layer';
import { required } from './signature';
import { unary } from './unary';

/** RMSNorm names its argument `x`. */
const rmsNorm: LayerForward = {
  parameters: [required('x')],
  run: (layer, args) => {
    const [x, weight] = [args.tensor('x'), layer.tensor('weight')];
    return layer.call('rms_norm', x, normalizedShape(layer), weight, layer.optionalFloat('eps'));
  },
};

export const norms: Family = {
  LayerNorm: unary((layer, x) => {
    const [weight, bias, eps] = [layer.tensor('weight'), layer.tensor('bias'), layer.float('eps')];
    return layer.call('layer_norm', x, normalizedShape(layer), weight, bias, eps, false);
  }),
  GroupNorm: unary((layer, x) => {
    if (x.rank < 2) refuse(`Expected at least 2 dimensions for input tensor but received ${x.rank}`);
    const groups = layer.int('num_groups');
    if (groups <= 0n) layer.wrong('num_groups', groups, 'positive');
    const [batch = 1, channels = 1, ...spatial] = x.shape;
    const sizes = [Math.floor((batch * channels) / Number(groups)), Number(groups), ...spatial];
    verifyBatchSize(sizes, `[${sizes.join(', ')}]`);
    return layer.call('group_norm', x, groups, layer.tensor('weight'), layer.tensor('bias'), layer.float('eps'), false);
  }),
  RMSNorm: rmsNorm,
  LocalResponseNorm: unary((layer, x) => localResponse(layer, x)),
  CrossMapLRN2d: unary((layer, x) => crossMap(layer, x)),
};

function normalizedShape(layer: Layer): bigint[] {
  return layer.intList('normalized_shape');
}

/** x / (k + α · mean of x² over neighbouring channels)^β. */
async function localResponse(layer: Layer, x: Tensor): Promise<Tensor> {
  if (x.rank < 3) refuse(`Expected 3D or higher dimensionality input (got ${x.rank} dimensions)`);
  if (x.elementCount === 0) return x;
  const size = positive(layer, 'size');
  const [before, after] = [size / 2n, (size - 1n) / 2n];
  const square = await layer.call('mul', x, x);
  let mean: Tensor;
  if (x.rank === 3) {
    const padded = await layer.call('pad', await layer.call('unsqueeze', square, 1n), [0n, 0n, before, after]);
    mean = await layer.call('squeeze', await layer.call('avg_pool2d', padded, [size, 1n], [1n]), 1n);
  } else {
    const [batch = 0n, channels = 0n, rows = 0n] = x.shape.map(BigInt);
    const spread = await layer.call('view', square, [batch, 1n, channels, rows, -1n]);
    const padded = await layer.call('pad', spread, [0n, 0n, 0n, 0n, before, after]);
    const pooled = await layer.call('avg_pool3d', padded, [size, 1n, 1n], [1n]);
    mean = await layer.call('view', await layer.call('squeeze', pooled, 1n), x.shape.map(BigInt));
  }
  return layer.call('div', x, await power(layer, await layer.call('mul', mean, layer.float('alpha'))));
}

async function power(layer: Layer, scaled: Tensor): Promise<Tensor> {
  return layer.call('pow', await layer.call('add', scaled, layer.float('k')), layer.float('beta'));
}

/** Lua's layer. Its sum of squares slides over the channels, and drops a channel one step later than it takes one up. */
async function crossMap(layer: Layer, x: Tensor): Promise<Tensor> {
  if (x.rank !== 4) refuse(`CrossMapLRN2d: Expected input to be 4D, got ${x.rank}D instead.`);
  const size = Number(positive(layer, 'size'));
  const channels = x.shape[1] ?? 0;
  if (channels === 0) return x;
  const reach = Math.floor((size - 1) / 2 + 1);
  const square = await layer.call('mul', x, x);
  const channel = (c: number): Promise<Tensor> => layer.call('select', square, 1n, BigInt(c));
  let sum = await channel(0);
  for (let c = 1; c < Math.min(reach, channels); c++) sum = await layer.call('add', sum, await channel(c));
  const sums = [sum];
  for (let c = 1; c < channels; c++) {
    if (c < channels - reach + 1) sum = await layer.call('add', sum, await channel(c + reach - 1));
    if (c > reach) sum = await layer.call('sub', sum, await channel(c - reach));
    sums.push(sum);
  }
  const scaled = await layer.call('mul', await layer.call('stack', sums, 1n), layer.float('alpha') / size);
  const scale = await layer.call('add', scaled, layer.float('k'));
  return layer.call('mul', await layer.call('pow', scale, -layer.float('beta')), x);
}

function positive(layer: Layer, name: string): bigint {
  const value = layer.int(name);
  return value > 0n ? value : layer.wrong(name, value, 'positive');
}
