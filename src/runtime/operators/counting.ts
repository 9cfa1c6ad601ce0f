// Counting: distinct values, histograms, membership.

import { AppError } from '../../util/errors';
import { convertElements, isFloating } from '../elements';
import { resultType } from '../scalarTypes';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Operand } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { reducedDims, reducedShape, rowsOf } from './rows';
import { operand } from './support';

const empty = (): Tensor => Tensor.of('int64', [0], new BigInt64Array(0));

/** Distinct slices along a dimension (null: distinct elements), which of them each one is, and how often each occurs. */
function unique(self: Tensor, dim: number | null, sorted: boolean, wantInverse: boolean, wantCounts: boolean): Tuple {
  const axis = dim === null ? null : (reducedDims([dim], self.rank)[0] ?? 0);
  const others = self.shape.map((_, d) => d).filter((d) => d !== axis);
  // One row for each slice.
  const rows = axis === null ? { ...rowsOf(self, []), length: 1 } : rowsOf(self, others);
  const { elements, count, length } = rows;
  const values = (elements instanceof BigInt64Array ? elements : rows.numbers) as ArrayLike<number>;
  const compare = (a: number, b: number): number => {
    for (let i = 0; i < length; i++) {
      const [left, right] = [values[a * length + i] as number, values[b * length + i] as number];
      if (left < right) return -1;
      if (left > right) return 1;
    }
    return 0;
  };
  const order = Array.from({ length: count }, (_, i) => i);
  // Without `sorted` only neighbours are compared.
  if (sorted) order.sort((a, b) => compare(a, b) || a - b);
  const firsts: number[] = [];
  const counts: bigint[] = [];
  const inverse = new BigInt64Array(count);
  order.forEach((slice, i) => {
    const isNew = i === 0 || compare(order[i - 1] as number, slice) !== 0;
    if (isNew) {
      firsts.push(slice);
      counts.push(0n);
    }
    counts[counts.length - 1] = (counts.at(-1) as bigint) + 1n;
    inverse[slice] = BigInt(firsts.length - 1);
  });
  const inverseShape = axis === null ? self.shape : [count];
  return new Tuple([
    selectSlices(self, axis, firsts),
    wantInverse ? Tensor.of('int64', inverseShape, inverse) : empty(),
    wantCounts ? Tensor.of('int64', [counts.length], BigInt64Array.from(counts)) : empty(),
  ]);
}

function selectSlices(self: Tensor, axis: number | null, chosen: readonly number[]): Tensor {
  const source =
    axis === null
      ? new Tensor(self.contiguous().storage, [self.elementCount], [1], self.isContiguous ? self.offset : 0)
      : self;
  const dim = axis ?? 0;
  const shape = source.shape.map((size, d) => (d === dim ? chosen.length : size));
  const result = Tensor.zeros(self.dtype, shape);
  const slice = (tensor: Tensor, at: number): Tensor =>
    tensor.view(
      tensor.shape.map((size, d) => (d === dim ? 1 : size)),
      tensor.strides,
      tensor.offset + at * (tensor.strides[dim] as number),
    );
  chosen.forEach((from, i) => {
    slice(result, i).write(slice(source, from).contiguousElements());
  });
  return result;
}

const countNonzero: OperatorBody = (args) => {
  const self = args.tensor('self');
  const dim = args.value('dim');
  const dims = reducedDims(dim === null ? null : Array.isArray(dim) ? dim.map(Number) : [Number(dim)], self.rank);
  const { numbers, count, length } = rowsOf(self, dims);
  const result = new BigInt64Array(count);
  for (let row = 0; row < count; row++) {
    let found = 0;
    for (let i = row * length; i < (row + 1) * length; i++) if (numbers[i] !== 0) found++;
    result[row] = BigInt(found);
  }
  return Tensor.of('int64', reducedShape(self.shape, dims, false), result);
};

/** How often each integer occurs, or the sum of its weights. */
const bincount: OperatorBody = (args) => {
  const [self, weights] = [args.tensor('self'), args.optionalTensor('weights')];
  const values = self.toNumbers();
  let length = args.int('minlength');
  for (let i = 0; i < values.length; i++) {
    if (self.rank !== 1 || isFloating(self.dtype) || (values[i] as number) < 0) {
      throw new AppError('bad-input', 'bincount only supports 1-d non-negative integral inputs.');
    }
    length = Math.max(length, (values[i] as number) + 1);
  }
  const counts = new Float64Array(length);
  const factors = weights?.toNumbers();
  for (let i = 0; i < values.length; i++)
    counts[values[i] as number] =
      (counts[values[i] as number] as number) + (factors === undefined ? 1 : (factors[i] as number));
  const dtype = weights === null ? 'int64' : weights.dtype === 'float32' ? 'float32' : 'float64';
  return Tensor.of(dtype, [length], convertElements(counts, 'float64', dtype));
};

/** Counts in bins of one width between min and max (those of the tensor where both are equal). */
const histogram: OperatorBody = (args) => {
  const [self, bins] = [args.tensor('self'), args.int('bins')];
  const values = self.toNumbers();
  let [low, high] = [Number(args.scalar('min')), Number(args.scalar('max'))];
  if (low === high && values.length > 0) {
    [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < values.length; i++)
      [low, high] = [Math.min(low, values[i] as number), Math.max(high, values[i] as number)];
  }
  if (low === high) [low, high] = [low - 1, high + 1];
  if (low > high) throw new AppError('bad-input', 'torch.histc: max must be larger than min');
  const counts = new Float64Array(bins);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!(value >= low && value <= high)) continue;
    const bin = Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return Tensor.of(self.dtype, [bins], convertElements(counts, 'float64', self.dtype));
};

/** Whether each element is among the others. */
const isIn: OperatorBody = (args) => {
  const [elements, candidates] = args.values as [Operand, Operand];
  const dtype = resultType([elements, candidates]);
  const [all, known] = [operand(elements, dtype), operand(candidates, dtype)];
  const set = new Set<number | bigint>(known.contiguousElements() as ArrayLike<number> as number[]);
  const invert = args.bool('invert');
  return Tensor.of(
    'bool',
    all.shape,
    Uint8Array.from(all.contiguousElements() as Float32Array, (element) => (set.has(element) !== invert ? 1 : 0)),
  );
};

export function defineCounting(table: OperatorTable): void {
  table.define(
    '_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)',
    (args) => unique(args.tensor('self'), null, true, args.bool('return_inverse'), args.bool('return_counts')),
  );
  table.define(
    '_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)',
    (args) => new Tuple(unique(args.tensor('self'), null, true, args.bool('return_inverse'), false).items.slice(0, 2)),
  );
  table.define(
    'unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)',
    (args) =>
      unique(args.tensor('self'), args.int('dim'), true, args.bool('return_inverse'), args.bool('return_counts')),
  );
  table.define(
    'unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)',
    (args) =>
      unique(
        args.tensor('self'),
        args.optionalInt('dim'),
        false,
        args.bool('return_inverse'),
        args.bool('return_counts'),
      ),
  );
  table.define('count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor', countNonzero);
  table.define('count_nonzero(Tensor self, int? dim=None) -> Tensor', countNonzero);
  table.define('bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor', bincount);
  table.define('histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor', histogram);
  const options = '*, bool assume_unique=False, bool invert=False';
  table.define(`isin.Tensor_Tensor(Tensor elements, Tensor test_elements, ${options}) -> Tensor`, isIn);
  table.define(`isin.Tensor_Scalar(Tensor elements, Scalar test_element, ${options}) -> Tensor`, isIn);
  table.define(`isin.Scalar_Tensor(Scalar element, Tensor test_elements, ${options}) -> Tensor`, isIn);
}
