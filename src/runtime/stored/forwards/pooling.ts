// Pooling layers: torch.nn.modules.pooling.

import type { Tensor } from '../../tensor';
import type { Value } from '../../values';
import { itemsOf } from '../../values';
import { refuse, type Family, type Layer, type LayerForward } from './layer';
import { optional, required } from './signature';
import { unary } from './unary';

export const poolings: Family = {
  MaxPool1d: maxPool(1),
  MaxPool2d: maxPool(2),
  MaxPool3d: maxPool(3),
  MaxUnpool1d: maxUnpool(1),
  MaxUnpool2d: maxUnpool(2),
  MaxUnpool3d: maxUnpool(3),
  AvgPool1d: averagePool(1),
  AvgPool2d: averagePool(2),
  AvgPool3d: averagePool(3),
  LPPool1d: powerPool(1),
  LPPool2d: powerPool(2),
  LPPool3d: powerPool(3),
  AdaptiveAvgPool1d: unary((layer, x) => layer.call('adaptive_avg_pool1d', x, outputSize(layer, x, 1))),
  AdaptiveAvgPool2d: unary((layer, x) => layer.call('adaptive_avg_pool2d', x, outputSize(layer, x, 2))),
  AdaptiveAvgPool3d: unary((layer, x) => layer.call('adaptive_avg_pool3d', x, outputSize(layer, x, 3))),
  AdaptiveMaxPool1d: adaptiveMax(1),
  AdaptiveMaxPool2d: adaptiveMax(2),
  AdaptiveMaxPool3d: adaptiveMax(3),
};

function maxPool(dims: number): LayerForward {
  return unary((layer, x) => {
    const window = [layer.ints('kernel_size', dims), stride(layer, dims), layer.ints('padding', dims, 0n)];
    const rest = [layer.ints('dilation', dims, 1n), layer.bool('ceil_mode', false)];
    const name = layer.bool('return_indices', false) ? `max_pool${dims}d_with_indices` : `max_pool${dims}d`;
    return layer.operator(name, x, ...window, ...rest);
  });
}

function averagePool(dims: number): LayerForward {
  return unary((layer, x) => {
    const window = [layer.ints('kernel_size', dims), stride(layer, dims), layer.ints('padding', dims, 0n)];
    const rest: Value[] = [layer.bool('ceil_mode', false), layer.bool('count_include_pad', true)];
    if (dims > 1) rest.push(layer.optionalInt('divisor_override'));
    return layer.call(`avg_pool${dims}d`, x, ...window, ...rest);
  });
}

/** (Σ x^p)^(1/p) over each window; the operators of the scripted form, since there is none in ATen. */
function powerPool(dims: number): LayerForward {
  return unary(async (layer, x) => {
    const [kernel, norm, ceil] = [
      layer.ints('kernel_size', dims),
      layer.float('norm_type'),
      layer.bool('ceil_mode', false),
    ];
    const window = [kernel, stride(layer, dims), new Array<bigint>(dims).fill(0n)];
    if (Math.abs(norm) === Infinity) {
      const size = await layer.call('abs', x);
      const ones = new Array<bigint>(dims).fill(1n);
      const pool = (values: Tensor): Promise<Tensor> => layer.call(`max_pool${dims}d`, values, ...window, ones, ceil);
      return norm > 0 ? pool(size) : layer.call('neg', await pool(await layer.call('neg', size)));
    }
    const mean = await layer.call(`avg_pool${dims}d`, await layer.call('pow', x, norm), ...window, ceil);
    const positive = await layer.call('relu', await layer.call('abs', mean));
    const signed = await layer.call('mul', await layer.call('sign', mean), positive);
    const sum = await layer.call(
      'mul',
      signed,
      kernel.reduce((product, size) => product * size, 1n),
    );
    return layer.call('pow', sum, 1 / norm);
  });
}

function adaptiveMax(dims: number): LayerForward {
  return unary(async (layer, x) => {
    const both = await layer.operator(`adaptive_max_pool${dims}d`, x, outputSize(layer, x, dims));
    return layer.bool('return_indices', false) ? both : (itemsOf(both)?.[0] ?? both);
  });
}

/** None in the size leaves that dimension as it is. */
function outputSize(layer: Layer, x: Tensor, dims: number): bigint[] {
  const items = itemsOf(layer.option('output_size'));
  if (items === undefined) return layer.ints('output_size', dims);
  if (x.rank <= items.length) refuse(`Input dimension should be at least ${items.length + 1}`);
  return items.map((item, i) => {
    if (item === null) return BigInt(x.shape.at(i - items.length) ?? 1);
    return typeof item === 'bigint' ? item : layer.wrong('output_size', item, 'an int or None');
  });
}

/** A stride that is missing or None is the size of the window. */
function stride(layer: Layer, dims: number): bigint[] {
  return layer.option('stride', null) === null ? layer.ints('kernel_size', dims) : layer.ints('stride', dims);
}

function maxUnpool(dims: number): LayerForward {
  return {
    parameters: [required('input'), required('indices'), optional('output_size', 'Optional[List[int]]')],
    run: async (layer, args) => {
      const [x, indices] = [args.tensor('input'), args.tensor('indices')];
      const [steps, padding] = [stride(layer, dims), layer.ints('padding', dims, 0n)];
      const size = unpooledSize(layer, x, dims, args.optionalInts('output_size')).map(BigInt);
      if (dims === 3) return layer.call('max_unpool3d', x, indices, size, steps, padding);
      if (dims === 2) return layer.call('max_unpool2d', x, indices, size);
      const flat = [await layer.call('unsqueeze', x, -1n), await layer.call('unsqueeze', indices, -1n)];
      return layer.call('squeeze', await layer.call('max_unpool2d', ...flat, [...size, 1n]), -1n);
    },
  };
}

function unpooledSize(layer: Layer, x: Tensor, dims: number, asked: readonly number[] | null): readonly number[] {
  const at = (name: 'kernel_size' | 'padding'): number[] =>
    layer.ints(name, dims, name === 'padding' ? 0n : undefined).map(Number);
  const [kernel, padding, steps] = [at('kernel_size'), at('padding'), stride(layer, dims).map(Number)];
  const usual = kernel.map((window, d) => ((x.shape.at(d - dims) ?? 0) - 1) * steps[d]! + window - 2 * padding[d]!);
  if (asked === null) return usual;
  const size = asked.length === dims + 2 ? asked.slice(2) : asked;
  if (size.length !== dims) {
    refuse(
      `output_size should be a sequence containing ${dims} or ${dims + 2} elements, but it has a length of '${size.length}'`,
    );
  }
  for (const [d, value] of size.entries()) {
    const [low, high] = [usual[d]! - steps[d]!, usual[d]! + steps[d]!];
    if (value <= low || value >= high) {
      refuse(`invalid output_size "[${size.join(', ')}]" (dim ${d} must be between ${low} and ${high})`);
    }
  }
  return size;
}
