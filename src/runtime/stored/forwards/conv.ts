// Convolutions and their transposes: torch.nn.modules.conv.

import { refuse, type Family, type Layer, type LayerForward } from './layer';
import type { Tensor } from '../../tensor';
import { optional, required } from './signature';
import { unary } from './unary';

export const convolutions: Family = {
  Conv1d: convolution(1),
  Conv2d: convolution(2),
  Conv3d: convolution(3),
  ConvTranspose1d: transposed(1),
  ConvTranspose2d: transposed(2),
  ConvTranspose3d: transposed(3),
};

function convolution(dims: number): LayerForward {
  return unary(async (layer, x) => {
    const [weight, bias] = [layer.requiredTensor('weight'), layer.tensor('bias')];
    const [stride, dilation, groups] = [layer.ints('stride', dims), layer.ints('dilation', dims), layer.int('groups')];
    const mode = layer.string('padding_mode', 'zeros');
    const name = `conv${dims}d`;
    if (mode === 'zeros') {
      const padding = typeof layer.option('padding') === 'string' ? knownPadding(layer) : layer.ints('padding', dims);
      return layer.call(name, x, weight, bias, stride, padding, dilation, groups);
    }
    if (!['reflect', 'replicate', 'circular'].includes(mode)) layer.wrong('padding_mode', mode, 'a known mode');
    const padded = await layer.call('pad', x, paddingOfBothSides(layer, dims), mode);
    return layer.call(name, padded, weight, bias, stride, new Array<bigint>(dims).fill(0n), dilation, groups);
  });
}

function knownPadding(layer: Layer): string {
  const padding = layer.string('padding');
  return padding === 'same' || padding === 'valid' ? padding : layer.wrong('padding', padding, "'same' or 'valid'");
}

/** For the last dimension first, left before right. An odd rest of `same` goes to the right. */
function paddingOfBothSides(layer: Layer, dims: number): bigint[] {
  if (typeof layer.option('padding') !== 'string') {
    return layer
      .ints('padding', dims)
      .reverse()
      .flatMap((size) => [size, size]);
  }
  if (knownPadding(layer) === 'valid') return new Array<bigint>(2 * dims).fill(0n);
  const [dilation, kernel] = [layer.ints('dilation', dims), layer.ints('kernel_size', dims)];
  const totals = dilation.map((step, d) => step * ((kernel[d] ?? 1n) - 1n));
  return totals.reverse().flatMap((total) => [total / 2n, total - total / 2n]);
}

function transposed(dims: number): LayerForward {
  return {
    parameters: [required('input'), optional('output_size', 'Optional[List[int]]')],
    run: (layer, args) => {
      const mode = layer.string('padding_mode', 'zeros');
      if (mode !== 'zeros') refuse(`Only \`zeros\` padding mode is supported for ConvTranspose${dims}d`);
      const x = args.tensor('input');
      const [stride, padding] = [layer.ints('stride', dims), layer.ints('padding', dims)];
      const dilation = layer.ints('dilation', dims, 1n);
      const size = args.optionalInts('output_size');
      const outputPadding =
        size === null
          ? layer.ints('output_padding', dims, 0n)
          : paddingFor(size, x, { stride, padding, dilation, kernel: layer.ints('kernel_size', dims) });
      const weights = [layer.requiredTensor('weight'), layer.tensor('bias')];
      const rest = [stride, padding, outputPadding, layer.int('groups'), dilation];
      return layer.call(`conv_transpose${dims}d`, x, ...weights, ...rest);
    },
  };
}

interface Window {
  readonly stride: readonly bigint[];
  readonly padding: readonly bigint[];
  readonly dilation: readonly bigint[];
  readonly kernel: readonly bigint[];
}

/** The output padding that gives the size that the caller asked for. @throws AppError where none does. */
function paddingFor(asked: readonly number[], x: Tensor, window: Window): bigint[] {
  const dims = window.stride.length;
  const others = x.rank === dims + 2 ? 2 : 1;
  const size = asked.length === others + dims ? asked.slice(others) : asked;
  if (size.length !== dims) {
    refuse(
      `ConvTranspose${dims}D: for ${x.rank}D input, output_size must have ${dims} or ${others + dims} elements (got ${size.length})`,
    );
  }
  const at = (values: readonly bigint[], d: number): number => Number(values[d] ?? 1n);
  const smallest = size.map((_, d) => {
    const kernel = at(window.dilation, d) * (at(window.kernel, d) - 1) + 1;
    return ((x.shape[d + others] ?? 0) - 1) * at(window.stride, d) - 2 * at(window.padding, d) + kernel;
  });
  const largest = smallest.map((least, d) => least + at(window.stride, d) - 1);
  if (size.some((value, d) => value < (smallest[d] ?? 0) || value > (largest[d] ?? 0))) {
    const [given, low, high] = [size, smallest, largest].map((list) => `[${list.join(', ')}]`);
    refuse(
      `requested an output size of ${given ?? ''}, but valid sizes range from ${low ?? ''} to ${high ?? ''} ` +
        `(for an input of torch.Size([${x.shape.slice(2).join(', ')}]))`,
    );
  }
  return size.map((value, d) => BigInt(value - (smallest[d] ?? 0)));
}
