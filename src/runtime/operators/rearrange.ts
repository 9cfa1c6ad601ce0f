// Copies in another order: flips, rolls, diagonals, triangles, scatters into a copy.

import { AppError } from '../../util/errors';
import { Tensor } from '../tensor';
import { convertElements } from '../elements';
import type { Arguments } from './arguments';
import { cat, copyAs } from './join';
import type { OperatorTable } from './registry';
import { expandTo, shapeText, wrapDim } from './support';
import { diagonal, narrow, permute, reshape, select, slice, transpose } from './view';

/** The elements in reverse along the dimensions, as a copy. */
export function flip(tensor: Tensor, dims: readonly number[]): Tensor {
  const turned = dims.map((dim) => wrapDim(dim, tensor.rank));
  if (tensor.elementCount === 0) return tensor.clone();
  const strides = tensor.strides.map((stride, d) => (turned.includes(d) ? -stride : stride));
  const offset = turned.reduce((at, d) => at + ((tensor.shape[d] ?? 1) - 1) * (tensor.strides[d] ?? 0), tensor.offset);
  // Negative strides are only good for the copy: no view has them.
  return copyAs(tensor.view(tensor.shape, strides, offset), tensor.shape);
}

/** The elements moved by `shifts` along the dimensions; what leaves at the end comes in at the start. */
function roll(tensor: Tensor, shifts: readonly number[], dims: readonly number[]): Tensor {
  if (dims.length === 0 && shifts.length === 1) {
    return reshape(roll(reshape(tensor, [-1]), shifts, [0]), tensor.shape);
  }
  if (shifts.length !== dims.length) {
    throw new AppError('bad-input', `shifts and dimensions must align. shifts: ${shifts.length}, dims:${dims.length}`);
  }
  return dims.reduce((rolled, dim, i) => {
    const d = wrapDim(dim, tensor.rank);
    const size = rolled.shape[d] ?? 1;
    if (rolled.elementCount === 0) return rolled;
    const start = (size - (shifts[i]! % size)) % size;
    return start === 0 ? rolled.clone() : cat([narrow(rolled, d, start, size - start), narrow(rolled, d, 0, start)], d);
  }, tensor);
}

function rotate(tensor: Tensor, k: number, dims: readonly number[]): Tensor {
  const [a = 0, b = 1] = dims;
  switch (((k % 4) + 4) % 4) {
    case 1:
      return copyOf(transpose(flip(tensor, [b]), a, b));
    case 2:
      return flip(tensor, [a, b]);
    case 3:
      return flip(transpose(tensor, a, b), [b]);
    default:
      return tensor.clone();
  }
}

const copyOf = (tensor: Tensor): Tensor => tensor.clone();

/** Keeps the elements on one side of a diagonal of the last two dimensions; the others become 0. */
function triangle(lower: boolean): (args: Arguments) => Tensor {
  return (args) => {
    const [self, offset] = [args.tensor('self'), args.int('diagonal')];
    if (self.rank < 2)
      throw new AppError('bad-input', `${lower ? 'tril' : 'triu'}: input tensor must have at least 2 dimensions`);
    const result = self.clone();
    const [rows, columns] = [self.shape.at(-2)!, self.shape.at(-1)!];
    const zero = result.storage.elements instanceof BigInt64Array ? 0n : 0;
    const elements = result.storage.elements as Float32Array;
    for (let start = 0, row = 0; start < elements.length; start += columns, row = (row + 1) % rows) {
      // The first column that is not on the kept side of a lower triangle, or the first that is on an upper one's.
      const edge = Math.min(columns, Math.max(0, row + offset + (lower ? 1 : 0)));
      if (lower) elements.fill(zero as number, start + edge, start + columns);
      else elements.fill(zero as number, start, start + edge);
    }
    return result;
  };
}

function triangleIndices(lower: boolean): (args: Arguments) => Tensor {
  return (args) => {
    const [rows, columns, offset] = [args.int('row'), args.int('col'), args.int('offset')];
    const places: [number, number][] = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (lower ? column - row <= offset : column - row >= offset) places.push([row, column]);
      }
    }
    const dtype = args.dtype('dtype') ?? 'int64';
    const numbers = Float64Array.from([...places.map(([row]) => row), ...places.map(([, column]) => column)]);
    return Tensor.of(dtype, [2, places.length], convertElements(numbers, 'float64', dtype));
  };
}

/** A matrix (or several) with the elements of the last dimension on a diagonal. */
function diagonalEmbed(tensor: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const [a, b] = [wrapDim(dim1, tensor.rank + 1), wrapDim(dim2, tensor.rank + 1)];
  if (a === b) throw new AppError('bad-input', `diagonal dimensions cannot be identical ${dim1}, ${dim2}`);
  const size = (tensor.shape.at(-1) ?? 1) + Math.abs(offset);
  const rest = tensor.shape.slice(0, -1);
  const shape = Array.from({ length: tensor.rank + 1 }, (_, d) => (d === a || d === b ? size : rest.shift()!));
  const result = Tensor.zeros(tensor.dtype, shape);
  diagonal(result, offset, a, b).write(tensor.contiguousElements());
  return result;
}

function diag(self: Tensor, offset: number): Tensor {
  if (self.rank === 1) return diagonalEmbed(self, offset, 0, 1);
  if (self.rank === 2) return diagonal(self, offset, 0, 1).clone();
  throw new AppError('bad-input', `diag(): Supports 1D or 2D tensors. Got ${self.rank}D`);
}

/** A copy of `self` where the part that `part` shows holds `source`. */
function scatterInto(part: (copy: Tensor, args: Arguments) => Tensor): (args: Arguments) => Tensor {
  return (args) => {
    const [copy, source] = [args.tensor('self').clone(), args.tensor('src')];
    const target = part(copy, args);
    if (shapeText(target.shape) !== shapeText(source.shape)) {
      throw new AppError(
        'bad-input',
        `expected src to have a size equal to the slice of self. src size = ${shapeText(source.shape)}, slice size = ${shapeText(target.shape)}`,
      );
    }
    const elements = expandTo(source, target.shape).contiguousElements();
    target.write(source.dtype === copy.dtype ? elements : convertElements(elements, source.dtype, copy.dtype));
    return copy;
  };
}

/** [N, C r^2, H, W] -> [N, C, H r, W r]. */
function pixelShuffle(self: Tensor, r: number): Tensor {
  const [channels, height, width] = lastThree(self, 'pixel_shuffle');
  if (channels % (r * r) !== 0) {
    throw new AppError(
      'bad-input',
      `pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=${channels} is not divisible by ${r * r}`,
    );
  }
  const lead = self.shape.slice(0, -3);
  const n = lead.length;
  const apart = reshape(self, [...lead, channels / (r * r), r, r, height, width]);
  const order = [...lead.keys(), n, n + 3, n + 1, n + 4, n + 2];
  return copyAs(permute(apart, order), [...lead, channels / (r * r), height * r, width * r]);
}

/** [N, C, H r, W r] -> [N, C r^2, H, W]. */
function pixelUnshuffle(self: Tensor, r: number): Tensor {
  const [channels, height, width] = lastThree(self, 'pixel_unshuffle');
  if (height % r !== 0 || width % r !== 0) {
    throw new AppError(
      'bad-input',
      `pixel_unshuffle expects height and width to be divisible by downscale_factor, but input.size(-2)=${height} and input.size(-1)=${width} are not divisible by ${r}`,
    );
  }
  const lead = self.shape.slice(0, -3);
  const n = lead.length;
  const apart = reshape(self, [...lead, channels, height / r, r, width / r, r]);
  const order = [...lead.keys(), n, n + 2, n + 4, n + 1, n + 3];
  return copyAs(permute(apart, order), [...lead, channels * r * r, height / r, width / r]);
}

function lastThree(tensor: Tensor, name: string): [number, number, number] {
  if (tensor.rank < 3)
    throw new AppError(
      'bad-input',
      `${name} expects input to have at least 3 dimensions, but got input with ${tensor.rank} dimension(s)`,
    );
  return tensor.shape.slice(-3) as [number, number, number];
}

/** Channels in groups, written down group by group. */
function channelShuffle(self: Tensor, groups: number): Tensor {
  const channels = self.shape[1];
  if (self.rank < 3 || channels === undefined) {
    throw new AppError(
      'bad-input',
      `channel_shuffle expects input with > 2 dims, but got input with sizes ${shapeText(self.shape)}`,
    );
  }
  if (groups <= 0 || channels % groups !== 0) {
    throw new AppError(
      'bad-input',
      `Number of channels must be divisible by groups. Got ${channels} channels and ${groups} groups.`,
    );
  }
  const apart = reshape(self, [self.shape[0]!, groups, channels / groups, ...self.shape.slice(2)]);
  return copyAs(transpose(apart, 1, 2), self.shape);
}

export function defineRearrangements(table: OperatorTable): void {
  table.define('flip(Tensor self, int[] dims) -> Tensor', (args) => flip(args.tensor('self'), args.ints('dims')));
  table.define('fliplr(Tensor self) -> Tensor', (args) => flip(args.tensor('self'), [1]));
  table.define('flipud(Tensor self) -> Tensor', (args) => flip(args.tensor('self'), [0]));
  table.define('roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor', (args) =>
    roll(args.tensor('self'), args.ints('shifts'), args.ints('dims')),
  );
  table.define('rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor', (args) =>
    rotate(args.tensor('self'), args.int('k'), args.ints('dims')),
  );
  table.defineWithInplace('tril(Tensor self, SymInt diagonal=0) -> Tensor', triangle(true));
  table.defineWithInplace('triu(Tensor self, SymInt diagonal=0) -> Tensor', triangle(false));
  const options = '*, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None';
  table.define(`tril_indices(int row, int col, int offset=0, ${options}) -> Tensor`, triangleIndices(true));
  table.define(`triu_indices(int row, int col, int offset=0, ${options}) -> Tensor`, triangleIndices(false));
  table.define('diag(Tensor self, int diagonal=0) -> Tensor', (args) =>
    diag(args.tensor('self'), args.int('diagonal')),
  );
  table.define('diagflat(Tensor self, int offset=0) -> Tensor', (args) =>
    diagonalEmbed(reshape(args.tensor('self'), [-1]), args.int('offset'), 0, 1),
  );
  table.define('diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor', (args) =>
    diagonalEmbed(args.tensor('self'), args.int('offset'), args.int('dim1'), args.int('dim2')),
  );
  table.define(
    'select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor',
    scatterInto((copy, args) => select(copy, args.int('dim'), args.int('index'))),
  );
  table.define(
    'slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor',
    scatterInto((copy, args) =>
      slice(copy, args.int('dim'), args.optionalInt('start'), args.optionalInt('end'), args.int('step')),
    ),
  );
  table.define(
    'diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor',
    scatterInto((copy, args) => diagonal(copy, args.int('offset'), args.int('dim1'), args.int('dim2'))),
  );
  table.define('pixel_shuffle(Tensor self, int upscale_factor) -> Tensor', (args) =>
    pixelShuffle(args.tensor('self'), args.int('upscale_factor')),
  );
  table.define('pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor', (args) =>
    pixelUnshuffle(args.tensor('self'), args.int('downscale_factor')),
  );
  for (const name of ['channel_shuffle', 'native_channel_shuffle']) {
    table.define(`${name}(Tensor self, SymInt groups) -> Tensor`, (args) =>
      channelShuffle(args.tensor('self'), args.int('groups')),
    );
  }
}
