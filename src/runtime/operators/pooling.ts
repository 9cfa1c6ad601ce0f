// Max and average pooling, adaptive pooling and unpooling, in one to three dimensions.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { convertElements } from '../elements';
import { kernel, kernelGraph } from '../kernels/graph';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { binary } from './elementwise';
import { mapAlong } from './separable';
import { reshaped, shapeText } from './support';

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
}

/** Padding at the end of each dimension that gives torch's output size; beyond `padding` only in ceil mode. */
function endPadding(input: Tensor, window: Window): { end: number[]; output: number[] } {
  const spatial = window.kernel.length;
  const end: number[] = [];
  const output: number[] = [];
  for (let d = 0; d < spatial; d++) {
    const size = input.shape[input.rank - spatial + d] as number;
    const [k, s, p, dilation] = [window.kernel, window.stride, window.padding, window.dilation].map(
      (list) => list[d] as number,
    ) as [number, number, number, number];
    if (p > k / 2)
      throw new AppError(
        'bad-input',
        `pad should be at most half of effective kernel size, but got pad=${p}, kernel_size=${k}`,
      );
    const extent = dilation * (k - 1) + 1;
    const span = size + 2 * p - extent;
    let count = Math.floor(span / s) + 1;
    if (window.ceilMode) {
      count = Math.ceil(span / s) + 1;
      // A window must start inside the input or its leading padding.
      if ((count - 1) * s >= size + p) count--;
    }
    if (count < 1) {
      throw new AppError(
        'bad-input',
        `Given input size: ${shapeText(input.shape)}, the pooling output size is too small`,
      );
    }
    output.push(count);
    end.push(Math.max(0, (count - 1) * s + extent - size - p));
  }
  return { end, output };
}

/** Maxima and their positions in the flattened plane of each channel. */
async function maxPool(input: Tensor, window: Window, context: RunContext): Promise<[Tensor, Tensor]> {
  const spatial = window.kernel.length;
  const [batched, lead] = joinLead(input, spatial);
  const { end } = endPadding(batched, window);
  const attributes = {
    kernel_shape: window.kernel,
    strides: window.stride,
    pads: [...window.padding, ...end],
    dilations: window.dilation,
  };
  const [values, positions] = (await context.runAll(
    kernelGraph('MaxPool with indices', { attributes }, [batched], (graph, inputs, parameters) =>
      graph.nodeWithOutputs('MaxPool', inputs, parameters.attributes, 2),
    ),
  )) as [Tensor, Tensor];
  // ONNX counts positions through the whole tensor, torch within each channel.
  const plane = BigInt(input.shape.slice(input.rank - spatial).reduce((product, size) => product * size, 1));
  const indices = positions.storage.elements as BigInt64Array;
  for (let i = 0; i < indices.length; i++) indices[i] = (indices[i] as bigint) % plane;
  const shape = [...lead, ...values.shape.slice(2)];
  return [reshaped(values, shape), reshaped(positions, shape)];
}

async function maxPoolValues(input: Tensor, window: Window, context: RunContext): Promise<Tensor> {
  const [batched, lead] = joinLead(input, window.kernel.length);
  const { end, output } = endPadding(batched, window);
  const call = kernel('MaxPool', [batched], {
    kernel_shape: window.kernel,
    strides: window.stride,
    pads: [...window.padding, ...end],
    dilations: window.dilation,
  });
  const result = await context.later.run(call.giving([...batched.shape.slice(0, 2), ...output]));
  return reshaped(result, [...lead, ...result.shape.slice(2)]);
}

/** Input [N, C, …] or [C, …] as [1, N·C, …] with the leading sizes that were joined. */
function joinLead(input: Tensor, spatial: number): [Tensor, readonly number[]] {
  if (input.rank !== spatial + 1 && input.rank !== spatial + 2) {
    throw new AppError(
      'bad-input',
      `Expected ${spatial + 1}D or ${spatial + 2}D input to pooling, but got input of size: ${shapeText(input.shape)}`,
    );
  }
  const lead = input.shape.slice(0, input.rank - spatial);
  const channels = lead.reduce((product, size) => product * size, 1);
  return [reshaped(input, [1, channels, ...input.shape.slice(input.rank - spatial)]), lead];
}

interface AverageOptions {
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
}

async function averagePool(
  input: Tensor,
  window: Window,
  options: AverageOptions,
  context: RunContext,
): Promise<Tensor> {
  const [batched, lead] = joinLead(input, window.kernel.length);
  const { end, output } = endPadding(batched, window);
  const cells = window.kernel.reduce((product, size) => product * size, 1);
  // Sums over the window, divided by all its cells; then corrected to the number that torch divides by.
  const call = kernel('AveragePool', [batched], {
    kernel_shape: window.kernel,
    strides: window.stride,
    pads: [...window.padding, ...end],
    count_include_pad: 1,
  });
  const averaged = await context.later.run(call.giving([...batched.shape.slice(0, 2), ...output]));
  const correction = divisorCorrection(batched, window, output, cells, options);
  const result = correction === undefined ? averaged : await context.later.run(binary('Mul', averaged, correction));
  return reshaped(result, [...lead, ...result.shape.slice(2)]);
}

/** cells / divisor for each output position, or undefined where it is 1 everywhere. */
function divisorCorrection(
  input: Tensor,
  window: Window,
  output: readonly number[],
  cells: number,
  options: AverageOptions,
): Tensor | undefined {
  if (options.divisor === 0) throw new AppError('bad-input', 'divisor must be not zero');
  const spatial = window.kernel.length;
  const counts = output.map((count, d) => {
    const size = input.shape[2 + d] as number;
    const [k, s, p] = [window.kernel[d], window.stride[d], window.padding[d]] as [number, number, number];
    return Float64Array.from({ length: count }, (_, o) => {
      const start = o * s - p;
      const stop = Math.min(start + k, size + p);
      return options.countIncludePad ? stop - start : Math.min(stop, size) - Math.max(start, 0);
    });
  });
  const shape = [1, 1, ...output];
  const values = new Float64Array(output.reduce((product, size) => product * size, 1));
  let trivial = true;
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let divisor = 1;
    for (let d = spatial - 1; d >= 0; d--) {
      const size = output[d] as number;
      divisor *= (counts[d] as Float64Array)[rest % size] as number;
      rest = Math.floor(rest / size);
    }
    values[i] = cells / (options.divisor ?? divisor);
    trivial &&= values[i] === 1;
  }
  return trivial ? undefined : Tensor.of(input.dtype, shape, convertElements(values, 'float64', input.dtype));
}

/** Where each output cell of adaptive pooling starts and ends in the input. */
function adaptiveRanges(input: number, output: number): [number, number][] {
  return Array.from({ length: output }, (_, i) => [
    Math.floor((i * input) / output),
    Math.ceil(((i + 1) * input) / output),
  ]);
}

/** Averages over ranges are linear and separable: one matrix product a dimension. */
async function adaptiveAveragePool(input: Tensor, output: readonly number[], context: RunContext): Promise<Tensor> {
  let result = input;
  const first = input.rank - output.length;
  if (first < 1)
    throw new AppError(
      'bad-input',
      `adaptive_avg_pool: input of size ${shapeText(input.shape)} has too few dimensions`,
    );
  for (let d = 0; d < output.length; d++) {
    const size = result.shape[first + d] as number;
    const target = output[d] as number;
    if (size === target) continue;
    result = await mapAlong(result, first + d, averagingMatrix(size, target), context.later);
  }
  return result === input ? input.clone() : result;
}

function averagingMatrix(size: number, target: number): Float64Array {
  const matrix = new Float64Array(target * size);
  adaptiveRanges(size, target).forEach(([start, end], row) => {
    matrix.fill(1 / (end - start), row * size + start, row * size + end);
  });
  return matrix;
}

async function adaptiveMaxPool(
  input: Tensor,
  output: readonly number[],
  context: RunContext,
): Promise<[Tensor, Tensor]> {
  const spatial = output.length;
  const sizes = input.shape.slice(input.rank - spatial);
  const zeros = sizes.map(() => 0);
  const ones = sizes.map(() => 1);
  if (sizes.every((size, d) => size % (output[d] as number) === 0)) {
    const stride = sizes.map((size, d) => size / (output[d] as number));
    return maxPool(input, { kernel: stride, stride, padding: zeros, dilation: ones, ceilMode: false }, context);
  }
  // Ranges of different lengths: each output cell is the maximum of a slice.
  const lead = input.shape.slice(0, input.rank - spatial);
  const channels = lead.reduce((product, size) => product * size, 1);
  const cells = output.reduce((product, size) => product * size, 1);
  const values = Tensor.zeros(input.dtype, [...lead, ...output]);
  const indices = Tensor.zeros('int64', [...lead, ...output]);
  const ranges = output.map((count, d) => adaptiveRanges(sizes[d] as number, count));
  for (let cell = 0; cell < cells; cell++) {
    const chosen: [number, number][] = [];
    for (let d = spatial - 1, rest = cell; d >= 0; rest = Math.floor(rest / (output[d] as number)), d--) {
      chosen.unshift((ranges[d] as [number, number][])[rest % (output[d] as number)] as [number, number]);
    }
    const slice = sliceOf(input, chosen);
    const lengths = chosen.map(([start, end]) => end - start);
    const [maxima, positions] = await maxPool(
      slice,
      { kernel: lengths, stride: ones, padding: zeros, dilation: ones, ceilMode: false },
      context,
    );
    const found = positions.storage.elements as BigInt64Array;
    for (let c = 0; c < channels; c++) {
      values.storage.elements[c * cells + cell] = maxima.storage.elements[c] as never;
      indices.storage.elements[c * cells + cell] = BigInt(planePosition(Number(found[c]), chosen, sizes));
    }
  }
  return [values, indices];
}

function sliceOf(input: Tensor, ranges: readonly [number, number][]): Tensor {
  const first = input.rank - ranges.length;
  const shape = input.shape.map((size, d) =>
    d < first ? size : (ranges[d - first] as [number, number])[1] - (ranges[d - first] as [number, number])[0],
  );
  const start = ranges.reduce((sum, [from], d) => sum + from * (input.strides[first + d] as number), input.offset);
  return input.view(shape, input.strides, start);
}

/** A position within a slice as a position in the whole plane. */
function planePosition(position: number, ranges: readonly [number, number][], sizes: readonly number[]): number {
  let result = 0;
  let rest = position;
  let factor = 1;
  for (let d = ranges.length - 1; d >= 0; d--) {
    const [start, end] = ranges[d] as [number, number];
    result += (start + (rest % (end - start))) * factor;
    rest = Math.floor(rest / (end - start));
    factor *= sizes[d] as number;
  }
  return result;
}

/** Puts each value at its index in a plane of zeros of the output size. */
function maxUnpool(input: Tensor, indices: Tensor, output: readonly number[]): Tensor {
  const lead = input.shape.slice(0, input.rank - output.length);
  const plane = output.reduce((product, size) => product * size, 1);
  const result = Tensor.zeros(input.dtype, [...lead, ...output]);
  const values = input.contiguousElements();
  const positions = indices.contiguousElements();
  const inputPlane = values.length / lead.reduce((product, size) => product * size, 1);
  for (let i = 0; i < values.length; i++) {
    const position = Number(positions[i]);
    if (position < 0 || position >= plane)
      throw new AppError(
        'bad-input',
        `Found an invalid max index: ${position} (output volumes are of size ${output.join('x')})`,
      );
    result.storage.elements[Math.floor(i / inputPlane) * plane + position] = values[i] as never;
  }
  return result;
}

function windowOf(args: Arguments, dilated: boolean): Window {
  const kernelSize = args.ints('kernel_size');
  const stride = args.ints('stride');
  return {
    kernel: kernelSize,
    stride: stride.length === 0 ? kernelSize : stride,
    padding: args.ints('padding'),
    dilation: dilated ? args.ints('dilation') : kernelSize.map(() => 1),
    ceilMode: args.bool('ceil_mode'),
  };
}

export function definePooling(table: OperatorTable): void {
  for (const d of [1, 2, 3]) {
    // torch's schemas for one dimension write their defaults as lists.
    const [zero, one] = d === 1 ? ['[0]', '[1]'] : ['0', '1'];
    const max = `Tensor self, int[${d}] kernel_size, int[${d}] stride=[], int[${d}] padding=${zero}, int[${d}] dilation=${one}, bool ceil_mode=False`;
    table.define(`max_pool${d}d(${max}) -> Tensor`, (args, context) =>
      maxPoolValues(args.tensor('self'), windowOf(args, true), context),
    );
    table.define(
      `max_pool${d}d_with_indices(${max}) -> (Tensor, Tensor)`,
      async (args, context) => new Tuple(await maxPool(args.tensor('self'), windowOf(args, true), context)),
    );
    const average = `Tensor self, int[${d}] kernel_size, int[${d}] stride=[], int[${d}] padding=${zero}, bool ceil_mode=False, bool count_include_pad=True`;
    table.define(
      `avg_pool${d}d(${average}${d === 1 ? '' : ', int? divisor_override=None'}) -> Tensor`,
      (args, context) => {
        const divisor = d === 1 ? null : args.optionalInt('divisor_override');
        return averagePool(
          args.tensor('self'),
          windowOf(args, false),
          { countIncludePad: args.bool('count_include_pad'), divisor },
          context,
        );
      },
    );
    const size = d === 1 ? 'int[1] output_size' : `SymInt[${d}] output_size`;
    const adaptive = (args: Arguments, context: RunContext): Promise<Tensor> =>
      adaptiveAveragePool(args.tensor('self'), args.ints('output_size'), context);
    table.define(`adaptive_avg_pool${d}d(Tensor self, ${size}) -> Tensor`, adaptive);
    if (d > 1) table.define(`_adaptive_avg_pool${d}d(Tensor self, ${size}) -> Tensor`, adaptive);
    table.define(
      `adaptive_max_pool${d}d(Tensor self, int[${d}] output_size) -> (Tensor, Tensor)`,
      async (args, context) => new Tuple(await adaptiveMaxPool(args.tensor('self'), args.ints('output_size'), context)),
    );
  }
  table.define('max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor', (args) =>
    maxUnpool(args.tensor('self'), args.tensor('indices'), args.ints('output_size')),
  );
  table.define(
    'max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor',
    (args) => maxUnpool(args.tensor('self'), args.tensor('indices'), args.ints('output_size')),
  );
}
