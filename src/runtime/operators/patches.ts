// Sliding windows of images as columns, and back: torch.nn.Unfold and Fold.

import { AppError } from '../../util/errors';
import { convertElements } from '../elements';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import { copyAs } from './join';
import type { OperatorTable } from './registry';
import { shapeText } from './support';
import { narrow, unsqueeze } from './view';

type Pair = readonly [number, number];

interface Windows {
  readonly kernel: Pair;
  readonly dilation: Pair;
  readonly padding: Pair;
  readonly stride: Pair;
  /** Windows along height and width. */
  readonly count: Pair;
}

function windowsOf(args: Arguments, size: Pair): Windows {
  const pair = (name: string): Pair => args.ints(name) as unknown as Pair;
  const [kernel, dilation, padding, stride] = [pair('kernel_size'), pair('dilation'), pair('padding'), pair('stride')];
  const along = (d: 0 | 1): number =>
    Math.floor((size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1;
  const count: Pair = [along(0), along(1)];
  if (count[0] < 1 || count[1] < 1) {
    throw new AppError(
      'bad-input',
      `Given input with spatial size (${size.join(', ')}), kernel_size=(${kernel.join(', ')}), dilation=(${dilation.join(', ')}), padding=(${padding.join(', ')}), calculated shape of the array of sliding blocks as (${count.join(', ')}), but its components must be at least one.`,
    );
  }
  return { kernel, dilation, padding, stride, count };
}

/** The windows of a padded image [N, C, H, W] as a view [N, C, kernel height, kernel width, rows, columns]. */
function windowView(padded: Tensor, { kernel, dilation, stride, count }: Windows): Tensor {
  const [batch = 0, channels = 0] = padded.shape;
  const [image = 0, plane = 0, row = 0, column = 0] = padded.strides;
  return padded.view(
    [batch, channels, ...kernel, ...count],
    [image, plane, row * dilation[0], column * dilation[1], row * stride[0], column * stride[1]],
  );
}

/** The part of the padded image that holds the image itself. */
function inside(padded: Tensor, { padding }: Windows, [height, width]: Pair): Tensor {
  return narrow(narrow(padded, 2, padding[0], height), 3, padding[1], width);
}

function paddedZeros(like: Tensor, batch: number, channels: number, size: Pair, { padding }: Windows): Tensor {
  return Tensor.zeros(like.dtype, [batch, channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]]);
}

/** [N, C, H, W] -> [N, C kh kw, windows]. */
function imageToColumns(args: Arguments): Tensor {
  const given = args.tensor('self');
  if (given.rank !== 3 && given.rank !== 4) {
    throw new AppError(
      'bad-input',
      `Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: ${shapeText(given.shape)}`,
    );
  }
  const self = given.rank === 3 ? unsqueeze(given, 0) : given;
  const [batch = 0, channels = 0, height = 0, width = 0] = self.shape;
  const windows = windowsOf(args, [height, width]);
  const padded = paddedZeros(self, batch, channels, [height, width], windows);
  inside(padded, windows, [height, width]).write(self.contiguousElements());
  const { kernel, count } = windows;
  const shape = [channels * kernel[0] * kernel[1], count[0] * count[1]];
  return copyAs(windowView(padded, windows), given.rank === 3 ? shape : [batch, ...shape]);
}

/** [N, C kh kw, windows] -> [N, C, H, W]: windows that overlap are added. */
function columnsToImage(args: Arguments): Tensor {
  const given = args.tensor('self');
  const self = given.rank === 2 ? unsqueeze(given, 0) : given;
  const size = args.ints('output_size') as unknown as Pair;
  const windows = windowsOf(args, size);
  const { kernel, count } = windows;
  const [batch = 0, rows = 0, columns = 0] = self.shape;
  const channels = rows / (kernel[0] * kernel[1]);
  if (!Number.isInteger(channels)) {
    throw new AppError(
      'bad-input',
      `Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=${rows} and kernel_size=(${kernel.join(', ')}).`,
    );
  }
  if (columns !== count[0] * count[1]) {
    throw new AppError(
      'bad-input',
      `Given output_size=(${size.join(', ')}), expected size of input's dimension 2 to match the calculated number of sliding blocks ${count[0]} * ${count[1]} = ${count[0] * count[1]}, but got input.size(2)=${columns}.`,
    );
  }
  const wide = self.dtype === 'float64' ? 'float64' : 'float32';
  const padded = paddedZeros(Tensor.zeros(wide, [0]), batch, channels, size, windows);
  addWindows(padded, self, windows);
  const image = inside(padded, windows, size).contiguousElements();
  const shape = given.rank === 2 ? [channels, ...size] : [batch, channels, ...size];
  return Tensor.of(self.dtype, shape, convertElements(image, wide, self.dtype));
}

/** Adds the columns to the places of the image that they show, one place in the kernel after the other. */
function addWindows(padded: Tensor, columns: Tensor, windows: Windows): void {
  const { kernel, dilation, stride, count } = windows;
  const values = columns.toNumbers();
  const to = padded.storage.elements as Float32Array;
  const [, , height = 0, width = 0] = padded.shape;
  const planes = padded.elementCount / Math.max(1, height * width);
  let k = 0;
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        for (let row = 0; row < count[0]; row++) {
          let at = (plane * height + i * dilation[0] + row * stride[0]) * width + j * dilation[1];
          for (let column = 0; column < count[1]; column++, at += stride[1]) to[at]! += values[k++]!;
        }
      }
    }
  }
  padded.storage.markWritten();
}

export function definePatches(table: OperatorTable): void {
  const options = 'int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride';
  table.define(`im2col(Tensor self, ${options}) -> Tensor`, imageToColumns);
  table.define(`col2im(Tensor self, SymInt[2] output_size, ${options}) -> Tensor`, columnsToImage);
}
