// Packed sequences: all first steps, then all second steps of those that go on, and so on (torch.nn.utils.rnn).

import { AppError } from '../../util/errors';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { cat } from './join';
import { cast, expandTo, scalarTensor } from './support';
import { narrow, select, transpose } from './view';

/** How many sequences are at least as long as each step. */
function batchSizesOf(lengths: readonly number[]): number[] {
  return Array.from({ length: lengths[0] ?? 0 }, (_, t) => lengths.filter((length) => length > t).length);
}

const integers = (tensor: Tensor): number[] => Array.from(tensor.toNumbers());

const int64 = (values: readonly number[]): Tensor =>
  Tensor.of('int64', [values.length], BigInt64Array.from(values, BigInt));

/** Padded [T, B, *] with the sequences in order of falling length -> packed rows. */
export function pack(x: Tensor, sizes: readonly number[]): Tensor {
  return cat(
    sizes.map((size, t) => narrow(select(x, 0, t), 0, 0, size)),
    0,
  );
}

/** Packed rows -> padded [T, B, *] (zeros behind the ends), with the length of each sequence. */
export function unpack(data: Tensor, batchSizes: Tensor): { x: Tensor; lengths: number[]; sizes: number[] } {
  const sizes = integers(batchSizes);
  const batch = sizes[0] ?? 0;
  const x = Tensor.zeros(data.dtype, [sizes.length, batch, ...data.shape.slice(1)]);
  fill(x, data, sizes);
  return { x, sizes, lengths: lengthsOf(sizes) };
}

function lengthsOf(sizes: readonly number[]): number[] {
  return Array.from({ length: sizes[0] ?? 0 }, (_, i) => sizes.filter((size) => size > i).length);
}

function fill(x: Tensor, data: Tensor, sizes: readonly number[]): void {
  let start = 0;
  sizes.forEach((size, t) => {
    narrow(select(x, 0, t), 0, 0, size).write(narrow(data, 0, start, size).contiguousElements());
    start += size;
  });
}

/** `torch._pack_padded_sequence`: (packed rows, sequences at each step). */
export function packPadded(args: Arguments): Tuple {
  const given = args.tensor('input');
  const input = args.bool('batch_first') ? transpose(given, 0, 1) : given;
  const lengths = integers(args.tensor('lengths'));
  if (lengths.length !== input.shape[1]) {
    throw new AppError(
      'bad-input',
      `Expected \`len(lengths)\` to be equal to batch_size, but got ${lengths.length} (batch_size=${input.shape[1] ?? 0})`,
    );
  }
  lengths.forEach((length, i) => {
    if (length <= 0)
      throw new AppError(
        'bad-input',
        "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
      );
    if (i > 0 && length > lengths[i - 1]!) {
      throw new AppError(
        'bad-input',
        '`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability.',
      );
    }
  });
  if ((lengths[0] ?? 0) > input.shape[0]!) {
    throw new AppError('bad-input', `Expected lengths of at most ${input.shape[0]!} steps, got ${lengths[0] ?? 0}`);
  }
  const sizes = batchSizesOf(lengths);
  return new Tuple([pack(input, sizes), int64(sizes)]);
}

/** `torch._pad_packed_sequence`: (padded sequences, their lengths). */
export function padPacked(args: Arguments): Tuple {
  const [data, sizes, total] = [args.tensor('data'), integers(args.tensor('batch_sizes')), args.int('total_length')];
  if (total > 0 && total < sizes.length) {
    throw new AppError(
      'bad-input',
      `Expected total_length to be at least the length of the longest sequence in input, but got total_length=${total} and max sequence length being ${sizes.length}`,
    );
  }
  const shape = [Math.max(total, sizes.length), sizes[0] ?? 0, ...data.shape.slice(1)];
  const filling = cast(scalarTensor(args.scalar('padding_value'), 'float64'), data.dtype);
  const x = expandTo(filling, shape).clone();
  fill(x, data, sizes);
  return new Tuple([args.bool('batch_first') ? transpose(x, 0, 1) : x, int64(lengthsOf(sizes))]);
}
