// Convolutions and transposed convolutions in one to three dimensions.

import { AppError } from '../../util/errors';
import type { KernelRunner, RunContext } from '../context';
import { kernel, type KernelCall } from '../kernels/graph';
import { scalarTypeName } from '../scalarTypes';
import type { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { shapeText, withBatch } from './support';
import { boundWeights } from './weights';

interface ConvOptions {
  readonly stride: readonly number[];
  /** One number a dimension, or `same` and `valid`. */
  readonly padding: readonly number[] | string;
  readonly dilation: readonly number[];
  readonly groups: number;
  /** Set for a transposed convolution. */
  readonly outputPadding?: readonly number[] | undefined;
}

/** Input [N, C, …] or [C, …], weight [out, C / groups, …] (transposed: [C, out / groups, …]). */
async function convolve(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions,
  runner: KernelRunner,
): Promise<Tensor> {
  return withBatch(input, weight.rank, (batched) => runner.run(convolution(batched, weight, bias, options)));
}

export function convolution(input: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions): KernelCall {
  const spatial = weight.rank - 2;
  const transposed = options.outputPadding !== undefined;
  checkShapes(input, weight, options.groups, transposed);
  const kernelShape = weight.shape.slice(2);
  const dilations = perDimension(options.dilation, spatial);
  const padding = pads(options.padding, kernelShape, dilations);
  if (!transposed) checkKernelFits(input.shape.slice(2), kernelShape, dilations, padding);
  const attributes = {
    kernel_shape: kernelShape,
    strides: perDimension(options.stride, spatial),
    pads: padding,
    dilations,
    group: options.groups,
    ...(options.outputPadding === undefined ? {} : { output_padding: perDimension(options.outputPadding, spatial) }),
  };
  const inputs = [input, weight, bias];
  const call = kernel(transposed ? 'ConvTranspose' : 'Conv', inputs, attributes, boundWeights(inputs, [1, 2]));
  return call.giving([
    input.shape[0] as number,
    transposed ? (weight.shape[1] as number) * options.groups : (weight.shape[0] as number),
    ...input.shape.slice(2).map((size, d) => outputSize(size, d, attributes)),
  ]);
}

interface ConvAttributes {
  readonly kernel_shape: readonly number[];
  readonly strides: readonly number[];
  /** At the start of each dimension, then at the end of each. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly output_padding?: readonly number[];
}

function outputSize(size: number, d: number, attributes: ConvAttributes): number {
  const { kernel_shape, strides, pads, dilations, output_padding } = attributes;
  const extent = (dilations[d] as number) * ((kernel_shape[d] as number) - 1) + 1;
  const padding = (pads[d] as number) + (pads[d + kernel_shape.length] as number);
  const stride = strides[d] as number;
  if (output_padding !== undefined) return (size - 1) * stride - padding + extent + (output_padding[d] as number);
  return Math.floor((size + padding - extent) / stride) + 1;
}

function checkShapes(input: Tensor, weight: Tensor, groups: number, transposed: boolean): void {
  if (input.rank !== weight.rank) {
    throw new AppError(
      'bad-input',
      `Expected ${weight.rank - 1}D (unbatched) or ${weight.rank}D (batched) input to conv${weight.rank - 2}d, but got input of size: ${shapeText(input.shape)}`,
    );
  }
  if (input.dtype !== weight.dtype) {
    throw new AppError(
      'bad-input',
      `Input type (${scalarTypeName(input.dtype)}) and weight type (${scalarTypeName(weight.dtype)}) should be the same`,
    );
  }
  const expected = transposed ? (weight.shape[0] as number) : (weight.shape[1] as number) * groups;
  if (input.shape[1] === expected) return;
  throw new AppError(
    'bad-input',
    `Given groups=${groups}, weight of size ${shapeText(weight.shape)}, expected input${shapeText(input.shape)} to have ${expected} channels, but got ${String(input.shape[1])} channels instead`,
  );
}

function checkKernelFits(
  sizes: readonly number[],
  kernelShape: readonly number[],
  dilations: readonly number[],
  padding: readonly number[],
): void {
  const padded = sizes.map((size, d) => size + (padding[d] as number) + (padding[d + sizes.length] as number));
  const extents = kernelShape.map((size, d) => (dilations[d] as number) * (size - 1) + 1);
  if (padded.every((size, d) => size >= (extents[d] as number))) return;
  throw new AppError(
    'bad-input',
    `Calculated padded input size per channel: (${padded.join(' x ')}). Kernel size: (${extents.join(' x ')}). Kernel size can't be greater than actual input size`,
  );
}

function pads(
  padding: readonly number[] | string,
  kernelShape: readonly number[],
  dilations: readonly number[],
): number[] {
  if (padding === 'valid') return kernelShape.flatMap(() => [0, 0]);
  if (typeof padding === 'string') {
    // 'same' keeps the size at stride 1; an odd rest goes to the end, as in torch.
    const totals = kernelShape.map((size, d) => (dilations[d] as number) * (size - 1));
    return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))];
  }
  const each = perDimension(padding, kernelShape.length);
  return [...each, ...each];
}

function perDimension(values: readonly number[], spatial: number): number[] {
  return Array.from({ length: spatial }, (_, d) => values[values.length === 1 ? 0 : d] as number);
}

function options(args: Arguments, extra: Partial<ConvOptions> = {}): ConvOptions {
  return {
    stride: args.ints('stride'),
    padding: extra.padding ?? args.ints('padding'),
    dilation: args.ints('dilation'),
    groups: args.int('groups'),
    outputPadding: extra.outputPadding,
  };
}

export function defineConvolutions(table: OperatorTable): void {
  const run = (args: Arguments, context: RunContext, extra: Partial<ConvOptions> = {}): Promise<Tensor> =>
    convolve(
      args.values[0] as Tensor,
      args.tensor('weight'),
      args.optionalTensor('bias'),
      options(args, extra),
      context.later,
    );
  const list = (value: number, d: number): string => `[${new Array<number>(d).fill(value).join(', ')}]`;
  for (const d of [1, 2, 3]) {
    const head = 'Tensor input, Tensor weight, Tensor? bias=None';
    const stride = `SymInt[${d}] stride=${list(1, d)}`;
    const dilation = `SymInt[${d}] dilation=${list(1, d)}`;
    const padding = `SymInt[${d}] padding=${list(0, d)}`;
    table.define(`conv${d}d(${head}, ${stride}, ${padding}, ${dilation}, SymInt groups=1) -> Tensor`, run);
    table.define(
      `conv${d}d.padding(${head}, ${stride}, str padding="valid", ${dilation}, SymInt groups=1) -> Tensor`,
      (args, context) => run(args, context, { padding: args.string('padding') }),
    );
    const overload = d === 1 ? '' : '.input';
    table.define(
      `conv_transpose${d}d${overload}(${head}, ${stride}, ${padding}, SymInt[${d}] output_padding=${list(0, d)}, SymInt groups=1, ${dilation}) -> Tensor`,
      (args, context) => run(args, context, { outputPadding: args.ints('output_padding') }),
    );
  }
  const general =
    'Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups';
  const runGeneral = (args: Arguments, context: RunContext): Promise<Tensor> =>
    run(args, context, args.bool('transposed') ? { outputPadding: args.ints('output_padding') } : {});
  table.define(`convolution(${general}) -> Tensor`, runGeneral);
  const flags = 'bool benchmark, bool deterministic, bool cudnn_enabled';
  table.define(`_convolution(${general}, ${flags}, bool allow_tf32) -> Tensor`, runGeneral);
  // Traces of torch 1.6 and older call it without `allow_tf32`.
  table.define(
    `_convolution.deprecated(${general.replace('SymInt[] output_padding', 'int[] output_padding')}, ${flags}) -> Tensor`,
    runGeneral,
  );
  table.define(
    '_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] dilation, SymInt groups) -> Tensor',
    (args, context) => run(args, context, { padding: args.string('padding') }),
  );
  table.define(
    'mkldnn_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups) -> Tensor',
    run,
  );
}
