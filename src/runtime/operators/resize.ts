// Upsampling, grid sampling and padding.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { kernel, kernelGraph, type Attributes } from '../kernels/graph';
import { Tensor } from '../tensor';
import type { Arguments, Scalar } from './arguments';
import type { OperatorBody, OperatorTable } from './registry';
import { mapAlong } from './separable';
import { operand, reshaped, shapeText } from './support';

type Mode = 'nearest' | 'nearest-exact' | 'linear' | 'cubic';

interface Resize {
  readonly mode: Mode;
  readonly alignCorners: boolean;
  readonly antialias: boolean;
  /** Output size of each spatial dimension. */
  readonly size: readonly number[];
  /** Factors as the program gave them; coordinates follow them rather than the rounded sizes. */
  readonly scales: readonly (number | null)[] | null;
}

/** ONNX's names for how torch maps output coordinates to the input. */
function resizeAttributes(resize: Resize): Attributes {
  switch (resize.mode) {
    case 'nearest':
      return { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    case 'nearest-exact':
      return { mode: 'nearest', coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' };
    case 'linear':
    case 'cubic':
      return {
        mode: resize.mode,
        coordinate_transformation_mode: resize.alignCorners ? 'align_corners' : 'half_pixel',
        // torch's choice for Keys' kernel.
        ...(resize.mode === 'cubic' ? { cubic_coeff_a: { float: -0.75 } } : {}),
      };
  }
}

/** Input [N, C, …] resized to the spatial sizes. */
async function upsample(input: Tensor, resize: Resize, context: RunContext): Promise<Tensor> {
  const spatial = resize.size.length;
  if (input.rank !== spatial + 2) {
    throw new AppError(
      'bad-input',
      `It is expected input_size equals to ${spatial + 2}, but got size ${input.rank} (${shapeText(input.shape)})`,
    );
  }
  if (resize.antialias) return antialiased(input, resize, context);
  // The kernels take one spatial dimension only as a second one beside it.
  const lone = spatial === 1;
  const wide = lone ? reshaped(input, [...input.shape.slice(0, 2), 1, input.shape[2] as number]) : input;
  const sizes = [...wide.shape.slice(0, 2), ...(lone ? [1] : []), ...resize.size];
  const byScale = resize.scales?.every((scale) => scale !== null) === true && !resize.alignCorners;
  const scales = byScale ? [1, 1, ...(lone ? [1] : []), ...(resize.scales as number[])] : null;
  // ONNX infers the shape from the target, so it is a constant of the graph and not an input.
  const target: { readonly sizes: readonly number[] } | { readonly scales: readonly number[] } =
    scales === null ? { sizes } : { scales };
  const result = await context.run(
    kernelGraph(
      'Resize',
      { attributes: resizeAttributes(resize), target },
      [wide],
      (graph, [x = ''], { attributes, target: to }) =>
        'sizes' in to
          ? graph.node('Resize', [x, '', '', graph.ints(to.sizes)], attributes)
          : graph.node(
              'Resize',
              [x, '', graph.constant(Tensor.of('float32', [to.scales.length], Float32Array.from(to.scales)))],
              attributes,
            ),
    ),
  );
  return reshaped(result, [...input.shape.slice(0, 2), ...resize.size]);
}

/** Filtered resizing is separable: each output is a weighted mean of the inputs under its widened kernel. */
async function antialiased(input: Tensor, resize: Resize, context: RunContext): Promise<Tensor> {
  let result = input;
  for (const [d, target] of resize.size.entries()) {
    const size = input.shape[2 + d] as number;
    const given = resize.scales?.[d];
    const scale = resize.alignCorners
      ? target > 1
        ? (size - 1) / (target - 1)
        : 0
      : given
        ? 1 / given
        : size / target;
    result = await mapAlong(result, 2 + d, filterMatrix(size, target, scale, resize.mode === 'cubic'), context);
  }
  return result;
}

/** Rows of weights that sum to 1, over the inputs within the kernel's support around each output's centre. */
function filterMatrix(size: number, target: number, scale: number, cubic: boolean): Float64Array {
  const matrix = new Float64Array(target * size);
  const stretch = Math.max(scale, 1);
  const support = (cubic ? 2 : 1) * stretch;
  for (let row = 0; row < target; row++) {
    const centre = scale * (row + 0.5);
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), size);
    let total = 0;
    for (let i = first; i < last; i++) {
      const weight = (cubic ? keys : triangle)((i - centre + 0.5) / stretch);
      matrix[row * size + i] = weight;
      total += weight;
    }
    for (let i = first; i < last; i++) matrix[row * size + i] = (matrix[row * size + i] as number) / total;
  }
  return matrix;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Keys' cubic kernel with a = -0.5, which torch takes when it filters. */
function keys(x: number): number {
  const [a, distance] = [-0.5, Math.abs(x)];
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0;
}

const modes: Readonly<Record<string, Mode>> = {
  upsample_nearest: 'nearest',
  _upsample_nearest_exact: 'nearest-exact',
  upsample_linear: 'linear',
  upsample_bilinear: 'linear',
  upsample_trilinear: 'linear',
  upsample_bicubic: 'cubic',
  _upsample_bilinear_aa: 'linear',
  _upsample_bicubic_aa: 'cubic',
};

function defineUpsample(table: OperatorTable, family: string, d: number): void {
  const mode = modes[family] as Mode;
  const antialias = family.endsWith('_aa');
  const name = antialias ? family.replace('_aa', `${d}d_aa`) : `${family}${d}d`;
  const corners = mode === 'linear' || mode === 'cubic' ? ', bool align_corners' : '';
  const resize = (args: Arguments, size: readonly number[], scales: readonly (number | null)[] | null): Resize => ({
    mode,
    antialias,
    alignCorners: corners !== '' && args.bool('align_corners'),
    size,
    scales,
  });
  table.define(
    `${name}.vec(Tensor input, SymInt[]? output_size${corners}, float[]? scale_factors) -> Tensor`,
    (args, context) => {
      const input = args.tensor('input');
      const scales = args.optionalFloats('scale_factors');
      const size =
        args.optionalInts('output_size') ??
        (scales ?? []).map((scale, i) => Math.floor((input.shape[2 + i] as number) * scale));
      return upsample(input, resize(args, size, args.has('output_size') ? null : scales), context);
    },
  );
  const scaleNames = d === 1 ? ['scales'] : ['scales_d', 'scales_h', 'scales_w'].slice(3 - d);
  const scaleArguments = scaleNames.map((scale) => `, float? ${scale}=None`).join('');
  table.define(`${name}(Tensor self, SymInt[${d}] output_size${corners}${scaleArguments}) -> Tensor`, (args, context) =>
    upsample(
      args.tensor('self'),
      resize(
        args,
        args.ints('output_size'),
        scaleNames.map((scale) => args.optionalFloat(scale)),
      ),
      context,
    ),
  );
}

/** Pads from the last dimension backwards, two numbers each, as torch's `pad`; negative ones crop. */
function pad(
  input: Tensor,
  padding: readonly number[],
  mode: string,
  value: Scalar,
  context: RunContext,
): Promise<Tensor> {
  const rank = input.rank;
  if (padding.length % 2 !== 0 || padding.length > 2 * rank) {
    throw new AppError(
      'bad-input',
      `Padding length should be even and at most twice the number of dimensions, got ${padding.length} for ${shapeText(input.shape)}`,
    );
  }
  const starts = new Array<number>(rank).fill(0);
  const ends = new Array<number>(rank).fill(0);
  for (let i = 0; i < padding.length / 2; i++) {
    const d = rank - 1 - i;
    const size = input.shape[d] as number;
    const [start, end] = [padding[2 * i] as number, padding[2 * i + 1] as number];
    if (mode === 'reflect' && (start >= size || end >= size)) {
      throw new AppError(
        'bad-input',
        `Padding size should be less than the corresponding input dimension, but got: padding (${start}, ${end}) at dimension ${d} of input ${shapeText(input.shape)}`,
      );
    }
    starts[d] = start;
    ends[d] = end;
  }
  const amounts = Tensor.of('int64', [2 * rank], BigInt64Array.from([...starts, ...ends], BigInt));
  const fill = mode === 'constant' ? operand(value, input.dtype) : null;
  return context.run(kernel('Pad', [input, amounts, fill], { mode }));
}

/** ONNX's names for torch's padding modes. */
const padModes: Readonly<Record<string, string>> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
  circular: 'wrap',
};

/** ONNX's names for the numbers by which grid_sampler gives its modes. */
const gridModes = ['linear', 'nearest', 'cubic'];
const gridPaddings = ['zeros', 'border', 'reflection'];

function gridSample(args: Arguments): ReturnType<typeof kernel> {
  return kernel('GridSample', [args.tensor('input'), args.tensor('grid')], {
    mode: gridModes[args.int('interpolation_mode')],
    padding_mode: gridPaddings[args.int('padding_mode')],
    align_corners: args.bool('align_corners') ? 1 : 0,
  });
}

export function defineResize(table: OperatorTable): void {
  for (const d of [1, 2, 3]) {
    defineUpsample(table, 'upsample_nearest', d);
    defineUpsample(table, '_upsample_nearest_exact', d);
    defineUpsample(table, ['upsample_linear', 'upsample_bilinear', 'upsample_trilinear'][d - 1] as string, d);
  }
  for (const family of ['upsample_bicubic', '_upsample_bilinear_aa', '_upsample_bicubic_aa'])
    defineUpsample(table, family, 2);

  table.define('pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor', (args, context) => {
    const mode = padModes[args.string('mode')];
    if (mode === undefined) throw new AppError('bad-input', `Unrecognised padding mode ${args.string('mode')}`);
    return pad(args.tensor('self'), args.ints('pad'), mode, args.optionalFloat('value') ?? 0, context);
  });
  table.define('constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor', (args, context) =>
    pad(args.tensor('self'), args.ints('pad'), 'constant', args.scalar('value'), context),
  );
  table.define('_pad_circular(Tensor self, SymInt[] pad) -> Tensor', (args, context) =>
    pad(args.tensor('self'), args.ints('pad'), 'wrap', 0, context),
  );
  for (const d of [1, 2, 3]) {
    const padWith =
      (mode: string): OperatorBody =>
      (args, context) =>
        pad(args.tensor('self'), args.ints('padding'), mode, 0, context);
    table.define(`reflection_pad${d}d(Tensor self, SymInt[${2 * d}] padding) -> Tensor`, padWith('reflect'));
    table.define(`replication_pad${d}d(Tensor self, SymInt[${2 * d}] padding) -> Tensor`, padWith('edge'));
  }
  for (const name of ['grid_sampler', 'grid_sampler_2d', 'grid_sampler_3d']) {
    table.define(
      `${name}(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor`,
      gridSample,
    );
  }
  table.define('affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor', (args) => {
    const size = args.ints('size');
    const sizes = Tensor.of('int64', [size.length], BigInt64Array.from(size, BigInt));
    return kernel('AffineGrid', [args.tensor('theta'), sizes], { align_corners: args.bool('align_corners') ? 1 : 0 });
  });
}
