// Sorting along a dimension, and what follows from it: top k, medians, quantiles. Done here, stable as in torch.

import { AppError } from '../../util/errors';
import { allocate, convertElements, type ElementArray } from '../elements';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { notImplemented } from './elementwise';
import type { OperatorTable } from './registry';
import { checkNotEmpty, fromRows, orderedValues, reducedDims, reducedShape, rowsOf, type Rows } from './rows';
import { wrapDim } from './support';

/** Positions within a row in the order of their values; NaN counts as the largest, equals keep their order. */
function sortedPositions(rows: Rows, start: number, length: number, descending: boolean): Uint32Array {
  const values = orderedValues(rows);
  const positions = new Uint32Array(length);
  for (let i = 0; i < length; i++) positions[i] = i;
  return positions.sort((a, b) => {
    const [left, right] = [values[start + a] as number, values[start + b] as number];
    if (left < right) return descending ? 1 : -1;
    if (left > right) return descending ? -1 : 1;
    const nan = Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return nan === 0 ? a - b : descending ? -nan : nan;
  });
}

interface Picked {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** Picks `picked` elements of each row by their positions. */
function pick(
  self: Tensor,
  dim: number,
  picked: number,
  choose: (rows: Rows, start: number) => ArrayLike<number>,
): Picked {
  const rows = rowsOf(self, self.rank === 0 ? [] : [dim]);
  const values = allocate(self.dtype, rows.count * picked);
  const indices = new BigInt64Array(rows.count * picked);
  for (let row = 0; row < rows.count; row++) {
    const start = row * rows.length;
    const positions = choose(rows, start);
    for (let i = 0; i < picked; i++) {
      const position = positions[i] as number;
      copyElement(values, row * picked + i, rows.elements, start + position);
      indices[row * picked + i] = BigInt(position);
    }
  }
  return {
    values: fromRows(self.dtype, values, self.shape, dim, picked),
    indices: fromRows('int64', indices, self.shape, dim, picked),
  };
}

function copyElement(target: ElementArray, at: number, source: ElementArray, from: number): void {
  target[at] = source[from] as number;
}

function sort(self: Tensor, dim: number, descending: boolean): Picked {
  const axis = wrapDim(dim, self.rank);
  const length = self.shape[axis] ?? 1;
  return pick(self, axis, length, (rows, start) => sortedPositions(rows, start, length, descending));
}

const named = ({ values, indices }: Picked): Tuple => new Tuple([values, indices], ['values', 'indices']);

function topk(args: Arguments): Tuple {
  const [self, k] = [args.tensor('self'), args.int('k')];
  if (self.dtype === 'bool') throw new AppError('bad-input', 'topk does not support bool dtypes on CPU');
  const axis = wrapDim(args.int('dim'), self.rank);
  const length = self.shape[axis] ?? 1;
  if (k < 0 || k > length) throw new AppError('bad-input', 'selected index k out of range');
  return named(
    pick(self, axis, self.rank === 0 ? 1 : k, (rows, start) =>
      sortedPositions(rows, start, length, args.bool('largest')),
    ),
  );
}

/** One element of each row, as the dimension's reduction by the operator `name`. */
function pickOne(
  name: string,
  self: Tensor,
  dim: number,
  keepdim: boolean,
  choose: (rows: Rows, start: number) => number,
): Tuple {
  const axis = wrapDim(dim, self.rank);
  checkNotEmpty(name, self, axis);
  const picked = pick(self, axis, 1, (rows, start) => [choose(rows, start)]);
  const shape = reducedShape(self.shape, reducedDims([axis], self.rank), keepdim);
  const squeeze = (tensor: Tensor): Tensor => Tensor.of(tensor.dtype, shape, tensor.contiguousElements());
  return named({ values: squeeze(picked.values), indices: squeeze(picked.indices) });
}

function refuseBool(kernel: string, self: Tensor): void {
  if (self.dtype === 'bool') throw notImplemented(kernel, self.dtype);
}

/** The lower of the two in the middle. A NaN is the median, unless `ignoreNan`. */
function medianPosition(rows: Rows, start: number, ignoreNan: boolean): number {
  const order = sortedPositions(rows, start, rows.length, false);
  let numbers = order.length;
  while (numbers > 0 && Number.isNaN(rows.numbers[start + (order[numbers - 1] as number)])) numbers--;
  if (numbers < order.length && !ignoreNan) return order[numbers] as number;
  return order[numbers === 0 ? 0 : (numbers - 1) >> 1] as number;
}

/** The most frequent value, the smallest of equally frequent ones, at its last place. */
function modePosition(rows: Rows, start: number): number {
  const [order, values] = [sortedPositions(rows, start, rows.length, false), orderedValues(rows)];
  let [best, bestCount, run] = [0, 0, 0];
  for (let i = 0; i < order.length; i++) {
    const same = i > 0 && values[start + (order[i] as number)] === values[start + (order[i - 1] as number)];
    run = same ? run + 1 : 1;
    // A run is over where it is longest, at its last position.
    if (run > bestCount) [best, bestCount] = [order[i] as number, run];
  }
  return best;
}

/** The value below which a share q of each row lies, interpolated between neighbours. */
function quantile(args: Arguments, ignoreNan: boolean): Tensor {
  const [self, dim, q] = [args.tensor('self'), args.optionalInt('dim'), args.value('q')];
  const shares = q instanceof Tensor ? Array.from(q.toNumbers()) : [Number(q)];
  if (shares.some((share) => !(share >= 0 && share <= 1)))
    throw new AppError('bad-input', 'quantile() q values must be in the range [0, 1]');
  if (self.elementCount === 0) throw new AppError('bad-input', 'quantile() input tensor must be non-empty');
  if (self.dtype !== 'float32' && self.dtype !== 'float64')
    throw new AppError('bad-input', 'quantile() input tensor must be either float or double dtype');
  const dims = reducedDims(dim === null ? null : [dim], self.rank);
  const rows = rowsOf(self, dims);
  const result = new Float64Array(shares.length * rows.count);
  for (let row = 0; row < rows.count; row++) {
    const start = row * rows.length;
    const sorted = Array.from(
      sortedPositions(rows, start, rows.length, false),
      (position) => rows.numbers[start + position] as number,
    );
    const numbers = sorted.filter((value) => !Number.isNaN(value));
    shares.forEach((share, i) => {
      const usable = ignoreNan || numbers.length === sorted.length;
      result[i * rows.count + row] = usable ? interpolate(numbers, share, args.string('interpolation')) : NaN;
    });
  }
  const reduced = reducedShape(self.shape, dims, args.bool('keepdim'));
  const shape = q instanceof Tensor && q.rank > 0 ? [shares.length, ...reduced] : reduced;
  return Tensor.of(self.dtype, shape, convertElements(result, 'float64', self.dtype));
}

function interpolate(sorted: readonly number[], share: number, how: string): number {
  if (sorted.length === 0) return NaN;
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  const part = place - Math.floor(place);
  switch (how) {
    case 'linear':
      return low + (high - low) * part;
    case 'lower':
      return low;
    case 'higher':
      return high;
    case 'midpoint':
      return (low + high) / 2;
    case 'nearest':
      // Half to even, as torch rounds the place.
      return part < 0.5 || (part === 0.5 && Math.floor(place) % 2 === 0) ? low : high;
    default:
      throw new AppError(
        'bad-input',
        `quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ${how}`,
      );
  }
}

export function defineOrdering(table: OperatorTable): void {
  const pair = '(Tensor values, Tensor indices)';
  const sorted = (args: Arguments): Picked => sort(args.tensor('self'), args.int('dim'), args.bool('descending'));
  table.define(`sort(Tensor self, int dim=-1, bool descending=False) -> ${pair}`, (args) => named(sorted(args)));
  table.define(`sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> ${pair}`, (args) =>
    named(sorted(args)),
  );
  table.define('argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor', (args) => sorted(args).indices);
  table.define(
    'argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor',
    (args) => sorted(args).indices,
  );
  table.define('msort(Tensor self) -> Tensor', (args) => sort(args.tensor('self'), 0, false).values);
  table.define(`topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> ${pair}`, topk);
  table.define(`kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> ${pair}`, (args) => {
    const [self, k] = [args.tensor('self'), args.int('k')];
    const axis = wrapDim(args.int('dim'), self.rank);
    checkNotEmpty('kthvalue', self, axis);
    refuseBool('kthvalue_cpu', self);
    const length = self.shape[axis] ?? 1;
    if (k < 1 || k > length)
      throw new AppError('bad-input', 'kthvalue(): selected number k out of range for dimension');
    return pickOne(
      'kthvalue',
      self,
      args.int('dim'),
      args.bool('keepdim'),
      (rows, start) => sortedPositions(rows, start, length, false)[k - 1] as number,
    );
  });
  table.define(`mode(Tensor self, int dim=-1, bool keepdim=False) -> ${pair}`, (args) =>
    pickOne('mode', args.tensor('self'), args.int('dim'), args.bool('keepdim'), modePosition),
  );
  for (const [name, ignoreNan] of [
    ['median', false],
    ['nanmedian', true],
  ] as const) {
    table.define(`${name}.dim(Tensor self, int dim, bool keepdim=False) -> ${pair}`, (args) => {
      const self = args.tensor('self');
      refuseBool('median_out', self);
      return pickOne(name, self, args.int('dim'), args.bool('keepdim'), (rows, start) =>
        medianPosition(rows, start, ignoreNan),
      );
    });
    table.define(`${name}(Tensor self) -> Tensor`, (args) => {
      const self = args.tensor('self').contiguous();
      refuseBool('median_cpu', self);
      if (self.elementCount === 0)
        return Tensor.of(self.dtype, [], convertElements(Float64Array.of(NaN), 'float64', self.dtype));
      const flat = Tensor.of(self.dtype, [self.elementCount], self.contiguousElements());
      return pickOne(name, flat, 0, false, (rows, start) => medianPosition(rows, start, ignoreNan)).items[0] as Tensor;
    });
    const kind = ignoreNan ? 'nanquantile' : 'quantile';
    const options = 'int? dim=None, bool keepdim=False, *, str interpolation="linear"';
    table.define(`${kind}(Tensor self, Tensor q, ${options}) -> Tensor`, (args) => quantile(args, ignoreNan));
    table.define(`${kind}.scalar(Tensor self, float q, ${options}) -> Tensor`, (args) => quantile(args, ignoreNan));
  }
}
