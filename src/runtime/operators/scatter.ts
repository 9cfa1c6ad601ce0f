// gather, scatter and their relatives: one index for each element, along one dimension.

import { AppError } from '../../util/errors';
import { allocate, convertElements, isFloating, isHalf, type ElementArray } from '../elements';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import { outOfBounds, positions } from './indexPlan';
import type { OperatorBody, OperatorTable } from './registry';
import { broadcastShapes, expandTo, operand, shapeText, wrapDim } from './support';

const asVector = (tensor: Tensor): Tensor => (tensor.rank === 0 ? tensor.view([1], [1]) : tensor);

/** Storage positions in `target` of the elements that `index` names along `dim`, one for each element of the index. */
function namedPositions(name: string, target: Tensor, dim: number, index: Tensor): Int32Array {
  if (index.elementCount === 0) return new Int32Array(0);
  if (index.dtype !== 'int64' && index.dtype !== 'int32') {
    throw new AppError('bad-input', `${name}(): Expected dtype int32/int64 for index`);
  }
  if (index.rank !== target.rank) {
    throw new AppError('bad-input', 'Index tensor must have the same number of dimensions as self tensor');
  }
  index.shape.forEach((size, d) => {
    if (d === dim || size <= target.shape[d]!) return;
    throw new AppError(
      'bad-input',
      `Size does not match at dimension ${d} expected index ${shapeText(index.shape)} to be no larger than self ${shapeText(target.shape)} apart from dimension ${dim}`,
    );
  });
  const result = positions(
    index.shape,
    target.strides.map((stride, d) => (d === dim ? 0 : stride)),
    target.offset,
  );
  const numbers = index.toNumbers();
  const [size, stride] = [target.shape[dim]!, target.strides[dim]!];
  for (let i = 0; i < numbers.length; i++) {
    const at = numbers[i]!;
    if (at < 0 || at >= size) throw outOfBounds(at, dim, size);
    result[i]! += at * stride;
  }
  return result;
}

function pick(source: Tensor, places: Int32Array, shape: readonly number[]): Tensor {
  const result = allocate(source.dtype, places.length);
  const [to, from] = [result, source.storage.elements] as unknown as [Float32Array, Float32Array];
  for (let i = 0; i < places.length; i++) to[i] = from[places[i]!]!;
  return Tensor.of(source.dtype, shape, result);
}

/** `torch.gather`: result[i][j] = self[index[i][j]][j] for dim 0. */
export function gatherAlong(self: Tensor, dim: number, index: Tensor): Tensor {
  const d = wrapDim(dim, self.rank);
  return pick(self, namedPositions('gather', asVector(self), d, asVector(index)), index.shape);
}

type Combine = (old: number, value: number) => number;

// These work on bigint as well: all operands of one array are of one kind. NaN wins in both extremes.
const combiners: Readonly<Record<string, Combine>> = {
  sum: (old, value) => old + value,
  add: (old, value) => old + value,
  mean: (old, value) => old + value,
  prod: (old, value) => old * value,
  multiply: (old, value) => old * value,
  amax: (old, value) => (Number.isNaN(old) || old > value ? old : value),
  amin: (old, value) => (Number.isNaN(old) || old < value ? old : value),
};

/** A copy of `self` with the elements of `source` put, or combined, at the places that `index` names. */
function scatterCopy(args: Arguments, source: Tensor, reduce: string | null, includeSelf: boolean): Tensor {
  const self = args.tensor('self');
  const d = wrapDim(args.int('dim'), self.rank);
  const index = asVector(args.tensor('index'));
  if (source.dtype !== self.dtype)
    throw new AppError('bad-input', 'scatter(): Expected self.dtype to be equal to src.dtype');
  const result = asVector(self.clone());
  const places = namedPositions('scatter', result, d, index);
  index.shape.forEach((size, i) => {
    if (source.rank > 0 && size > source.shape[i]!) {
      throw new AppError(
        'bad-input',
        `Expected index ${shapeText(index.shape)} to be no larger than self ${shapeText(self.shape)} apart from dimension ${d} and to be no larger size than src ${shapeText(source.shape)}`,
      );
    }
  });
  const shown = source.rank === 0 ? expandTo(source, index.shape) : source.view(index.shape, source.strides);
  const values = places.length === 0 ? allocate(self.dtype, 0) : shown.contiguousElements();
  const { elements } = result.storage;
  if (reduce === null) {
    const [to, from] = [elements, values] as unknown as [Float32Array, Float32Array];
    for (let i = 0; i < places.length; i++) to[places[i]!] = from[i]!;
  } else {
    result.storage.replace(combined(elements, values, self, places, reduce, includeSelf));
  }
  return result.view(self.shape, self.rank === 0 ? [] : result.strides);
}

function combined(
  elements: ElementArray,
  values: ElementArray,
  { dtype }: Tensor,
  places: Int32Array,
  reduce: string,
  includeSelf: boolean,
): ElementArray {
  const combine = combiners[reduce];
  if (combine === undefined) {
    throw new AppError('bad-input', `reduce argument must be either sum, prod, mean, amax or amin, got ${reduce}.`);
  }
  // Halves are summed in float32 and rounded once.
  const wide = isHalf(dtype) ? 'float32' : dtype;
  const work = convertElements(elements, dtype, wide) as unknown as Float32Array;
  const added = convertElements(values, dtype, wide) as unknown as Float32Array;
  const counts = new Int32Array(work.length).fill(includeSelf ? 1 : 0);
  for (let i = 0; i < places.length; i++) {
    const at = places[i]!;
    work[at] = counts[at] === 0 ? added[i]! : combine(work[at]!, added[i]!);
    counts[at]!++;
  }
  if (reduce === 'mean') divide(work, counts, isFloating(dtype));
  return wide === dtype ? work : convertElements(work, wide, dtype);
}

function divide(work: Float32Array | BigInt64Array, counts: Int32Array, floating: boolean): void {
  for (let i = 0; i < work.length; i++) {
    const count = counts[i]!;
    if (count <= 1) continue;
    if (work instanceof BigInt64Array) work[i] = work[i]! / BigInt(count);
    else work[i] = floating ? work[i]! / count : Math.floor(work[i]! / count);
  }
}

function take(args: Arguments): Tensor {
  const [self, index] = [args.tensor('self').contiguous(), args.tensor('index')];
  return pick(self, flatPositions(self, index), index.shape);
}

function flatPositions(self: Tensor, index: Tensor): Int32Array {
  if (index.dtype !== 'int64')
    throw new AppError('bad-input', `take(): Expected a long tensor for index, but got ${scalarTypeName(index.dtype)}`);
  const [numbers, count] = [index.toNumbers(), self.elementCount];
  return Int32Array.from(numbers, (at) => {
    if (at < -count || at >= count) {
      throw new AppError('bad-input', `out of range: tried to access index ${at} on a tensor of ${count} elements.`);
    }
    return self.offset + (at < 0 ? at + count : at);
  });
}

function put(args: Arguments): Tensor {
  const [result, source] = [args.tensor('self').clone(), args.tensor('source')];
  const places = flatPositions(result, args.tensor('index'));
  if (source.elementCount !== places.length) {
    throw new AppError(
      'bad-input',
      `put_(): Expected source and index to have the same number of elements, but got source.numel() = ${source.elementCount}, index.numel() = ${places.length}`,
    );
  }
  const elements = result.storage.elements as unknown as Float32Array;
  const values = source.contiguousElements() as unknown as Float32Array;
  if (args.bool('accumulate')) {
    result.storage.replace(combined(result.storage.elements, values, result, places, 'sum', true));
    return result;
  }
  for (let i = 0; i < places.length; i++) elements[places[i]!] = values[i]!;
  return result;
}

function takeAlong(args: Arguments): Tensor {
  const [self, indices, dim] = [args.tensor('self'), args.tensor('indices'), args.optionalInt('dim')];
  if (dim === null) {
    const flat = self.contiguous();
    return gatherAlong(flat.view([flat.elementCount], [1]), 0, indices.contiguous().view([indices.elementCount], [1]));
  }
  const d = wrapDim(dim, self.rank);
  const without = (tensor: Tensor): number[] => tensor.shape.map((size, i) => (i === d ? 1 : size));
  const common = broadcastShapes(without(self), without(indices));
  const shaped = (tensor: Tensor): Tensor =>
    expandTo(
      tensor,
      common.map((size, i) => (i === d ? tensor.shape[d]! : size)),
    );
  return gatherAlong(shaped(self), d, shaped(indices));
}

export function defineScatters(table: OperatorTable): void {
  table.define('gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor', (args) =>
    gatherAlong(args.tensor('self'), args.int('dim'), args.tensor('index')),
  );
  const ofSource =
    (reduce: string | null): OperatorBody =>
    (args) =>
      scatterCopy(args, args.tensor('src'), reduce, true);
  const ofValue: OperatorBody = (args) =>
    scatterCopy(args, operand(args.scalar('value'), args.tensor('self').dtype), null, true);
  const head = 'Tensor self, int dim, Tensor index';
  table.defineWithInplace(`scatter.value(${head}, Scalar value) -> Tensor`, ofValue);
  table.defineWithInplace(`scatter.src(${head}, Tensor src) -> Tensor`, ofSource(null));
  table.defineWithInplace(`scatter.reduce(${head}, Tensor src, *, str reduce) -> Tensor`, (args) =>
    scatterCopy(args, args.tensor('src'), args.string('reduce'), true),
  );
  table.defineWithInplace(`scatter.value_reduce(${head}, Scalar value, *, str reduce) -> Tensor`, (args) =>
    scatterCopy(args, operand(args.scalar('value'), args.tensor('self').dtype), args.string('reduce'), true),
  );
  table.defineWithInplace(`scatter_add(${head}, Tensor src) -> Tensor`, ofSource('sum'));
  table.defineWithInplace(
    `scatter_reduce.two(${head}, Tensor src, str reduce, *, bool include_self=True) -> Tensor`,
    (args) => scatterCopy(args, args.tensor('src'), args.string('reduce'), args.bool('include_self')),
  );
  table.define('take(Tensor self, Tensor index) -> Tensor', take);
  table.defineWithInplace('put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor', put);
  table.define('take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor', takeAlong);
}
