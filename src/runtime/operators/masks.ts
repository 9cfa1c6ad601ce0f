// Operators that take a mask, and searches in sorted boundaries.

import { AppError } from '../../util/errors';
import { allocate, convertElements } from '../elements';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { broadcastShapes, expandTo, scalarTensor, shapeText } from './support';

/** A copy of `self` (broadcast with the mask) where true places hold `value`. */
export function maskedFill(self: Tensor, mask: Tensor, value: Tensor): Tensor {
  if (mask.dtype !== 'bool') {
    throw new AppError(
      'bad-input',
      `masked_fill_ only supports boolean masks, but got mask with dtype ${scalarTypeName(mask.dtype)}`,
    );
  }
  const shape = broadcastShapes(self.shape, mask.shape);
  const result = expandTo(self, shape).clone();
  const elements = result.storage.elements as unknown as Float32Array;
  const chosen = expandTo(mask, shape).contiguousElements() as Uint8Array;
  const filling = convertElements(value.contiguousElements(), value.dtype, self.dtype)[0] as number;
  for (let i = 0; i < elements.length; i++) if (chosen[i] !== 0) elements[i] = filling;
  return result;
}

function fillWithNumber(args: Arguments): Tensor {
  const [self, value] = [args.tensor('self'), args.scalar('value')];
  if (self.dtype === 'float16' && Number.isFinite(Number(value)) && Math.abs(Number(value)) > 65504) {
    throw new AppError('bad-input', 'value cannot be converted to type at::Half without overflow');
  }
  return maskedFill(self, args.tensor('mask'), scalarTensor(value, typeof value === 'bigint' ? 'int64' : 'float64'));
}

function fillWithTensor(args: Arguments): Tensor {
  const value = args.tensor('value');
  if (value.rank > 0) {
    throw new AppError(
      'bad-input',
      `masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.rank} dimension(s).`,
    );
  }
  return maskedFill(args.tensor('self'), args.tensor('mask'), value);
}

/** Elements at true places, as a vector. */
function maskedSelect(args: Arguments): Tensor {
  const [self, mask] = [args.tensor('self'), args.tensor('mask')];
  if (mask.dtype !== 'bool') throw new AppError('bad-input', 'masked_select: expected BoolTensor for mask');
  const shape = broadcastShapes(self.shape, mask.shape);
  const from = expandTo(self, shape).contiguousElements() as unknown as Float32Array;
  const chosen = expandTo(mask, shape).contiguousElements() as Uint8Array;
  let count = 0;
  for (let i = 0; i < chosen.length; i++) count += chosen[i]!;
  const result = allocate(self.dtype, count);
  const to = result as unknown as Float32Array;
  for (let i = 0, k = 0; i < chosen.length; i++) if (chosen[i] !== 0) to[k++] = from[i]!;
  return Tensor.of(self.dtype, [count], result);
}

/** True places take the elements of `source` one after the other. */
function maskedScatter(args: Arguments): Tensor {
  const [self, mask, source] = [args.tensor('self'), args.tensor('mask'), args.tensor('source')];
  if (mask.dtype !== 'bool') {
    throw new AppError(
      'bad-input',
      `masked_scatter_ only supports boolean masks, but got mask with dtype ${scalarTypeName(mask.dtype)}`,
    );
  }
  if (source.dtype !== self.dtype) {
    throw new AppError(
      'bad-input',
      `masked_scatter_: expected self and source to have same dtypes but got ${scalarTypeName(self.dtype)} and ${scalarTypeName(source.dtype)}`,
    );
  }
  const shape = broadcastShapes(self.shape, mask.shape);
  const result = expandTo(self, shape).clone();
  const to = result.storage.elements as unknown as Float32Array;
  const from = source.contiguousElements() as unknown as Float32Array;
  const chosen = expandTo(mask, shape).contiguousElements() as Uint8Array;
  let k = 0;
  for (let i = 0; i < chosen.length; i++) {
    if (chosen[i] === 0) continue;
    if (k >= from.length) {
      throw new AppError(
        'bad-input',
        'masked_scatter_: expected source to have at least as many elements as the number of ones in the mask',
      );
    }
    to[i] = from[k++]!;
  }
  return result;
}

/** First place in the sorted row where the value fits: before equal ones, or behind them with `right`. */
function search(
  row: ArrayLike<number>,
  start: number,
  length: number,
  value: number,
  right: boolean,
  order?: ArrayLike<number>,
): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = row[start + (order === undefined ? middle : order[start + middle]!)]!;
    // NaN is larger than everything.
    const before = right ? !(at > value) || Number.isNaN(value) : !(at >= value);
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

function searchSorted(
  sequence: Tensor,
  values: Tensor,
  args: Arguments,
  right: boolean,
  sorter: Tensor | null,
): Tensor {
  const row = sequence.toNumbers();
  const order = sorter?.toNumbers();
  const length = sequence.shape.at(-1) ?? 1;
  const lead = (tensor: Tensor): string => shapeText(tensor.shape.slice(0, -1));
  if (sequence.rank !== 1 && (sequence.rank === 0 || lead(sequence) !== lead(values))) {
    throw new AppError(
      'bad-input',
      `torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor ${shapeText(sequence.shape)} and input value tensor ${shapeText(values.shape)}`,
    );
  }
  const numbers = values.toNumbers();
  const perRow = sequence.rank === 1 ? numbers.length : values.shape.at(-1)!;
  const result = new Int32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    result[i] = search(row, Math.floor(i / perRow) * length, length, numbers[i]!, right, order);
  }
  const dtype = args.bool('out_int32') ? 'int32' : 'int64';
  return Tensor.of(dtype, values.shape, convertElements(result, 'int32', dtype));
}

function bucketize(args: Arguments): Tensor {
  const boundaries = args.tensor('boundaries');
  if (boundaries.rank !== 1)
    throw new AppError('bad-input', `boundaries tensor must be 1 dimension, but got dim(${boundaries.rank})`);
  return searchSorted(boundaries, valuesOf(args), args, args.bool('right'), null);
}

function searchIn(args: Arguments): Tensor {
  const side = args.optionalString('side');
  const right = side === null ? args.bool('right') : side === 'right';
  return searchSorted(args.tensor('sorted_sequence'), valuesOf(args), args, right, args.optionalTensor('sorter'));
}

function valuesOf(args: Arguments): Tensor {
  const self = args.value('self');
  return self instanceof Tensor ? self : scalarTensor(self as number, 'float64');
}

export function defineMasks(table: OperatorTable): void {
  table.defineWithInplace('masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor', fillWithNumber);
  table.defineWithInplace('masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor', fillWithTensor);
  table.define('masked_select(Tensor self, Tensor mask) -> Tensor', maskedSelect);
  table.defineWithInplace('masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor', maskedScatter);
  table.define(
    'bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor',
    bucketize,
  );
  table.define(
    'bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor',
    bucketize,
  );
  const options = '*, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None';
  table.define(`searchsorted.Tensor(Tensor sorted_sequence, Tensor self, ${options}) -> Tensor`, searchIn);
  table.define(`searchsorted.Scalar(Tensor sorted_sequence, Scalar self, ${options}) -> Tensor`, searchIn);
}
