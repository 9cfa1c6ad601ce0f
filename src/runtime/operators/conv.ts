// Convolutions in one to three dimensions.

import { AppError } from '../../util/errors';
import { kernel, type KernelCall } from '../kernels/graph';
import type { Tensor } from '../tensor';
import type { OperatorTable } from './registry';
import { shapeText } from './support';

interface ConvOptions {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** Input [N, C, …] or [C, …], weight [out, C / groups, …]. Weight and bias are bound: they rarely change. */
export function convolution(input: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions): KernelCall {
  const spatial = weight.rank - 2;
  const channels = input.shape[input.rank - spatial - 1];
  const expected = (weight.shape[1] as number) * options.groups;
  if (channels !== expected) {
    throw new AppError(
      'bad-input',
      `Given groups=${options.groups}, weight of size ${shapeText(weight.shape)}, expected input${shapeText(input.shape)} to have ${expected} channels, but got ${channels ?? 0} channels instead`,
    );
  }
  const attributes = {
    kernel_shape: weight.shape.slice(2),
    strides: perDimension(options.stride, spatial),
    pads: [...perDimension(options.padding, spatial), ...perDimension(options.padding, spatial)],
    dilations: perDimension(options.dilation, spatial),
    group: options.groups,
  };
  return kernel('Conv', [input, weight, bias], attributes, [1, 2]);
}

function perDimension(values: readonly number[], spatial: number): number[] {
  return Array.from({ length: spatial }, (_, d) => values[values.length === 1 ? 0 : d] as number);
}

export function defineConvolutions(table: OperatorTable): void {
  for (const d of [1, 2, 3]) {
    table.define(
      `conv${d}d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[${d}] stride=1, SymInt[${d}] padding=0, SymInt[${d}] dilation=1, SymInt groups=1) -> Tensor`,
      (args) =>
        convolution(args.tensor('input'), args.tensor('weight'), args.optionalTensor('bias'), {
          stride: args.ints('stride'),
          padding: args.ints('padding'),
          dilation: args.ints('dilation'),
          groups: args.int('groups'),
        }),
    );
  }
}
