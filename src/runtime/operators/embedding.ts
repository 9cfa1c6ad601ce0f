// Embeddings: rows of a table, one by one or summed up in bags.

import { AppError } from '../../util/errors';
import { allocate, convertElements, isFloating } from '../elements';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { shapeText } from './support';

/** Row numbers of an index tensor. @throws AppError with torch's message where there is no such row. */
function rowNumbers(weight: Tensor, indices: Tensor): ArrayLike<number> {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32') {
    throw new AppError(
      'bad-input',
      `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.${scalarTypeName(indices.dtype)}Tensor instead (while checking arguments for embedding)`,
    );
  }
  if (weight.rank !== 2) throw new AppError('bad-input', "'weight' must be 2-D");
  const numbers = indices.toNumbers();
  const rows = weight.shape[0]!;
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i]! < 0 || numbers[i]! >= rows) throw new AppError('bad-input', 'index out of range in self');
  }
  return numbers;
}

/** `torch.embedding`: rows of `weight`. `padding_idx` matters to gradients only. */
function embedding(args: Arguments): Tensor {
  const [weight, indices] = [args.tensor('weight'), args.tensor('indices')];
  const numbers = rowNumbers(weight, indices);
  const width = weight.shape[1]!;
  const table = weight.contiguousElements() as unknown as Float32Array;
  const result = allocate(weight.dtype, numbers.length * width);
  const to = result as unknown as Float32Array;
  for (let i = 0; i < numbers.length; i++)
    to.set(table.subarray(numbers[i]! * width, (numbers[i]! + 1) * width), i * width);
  return Tensor.of(weight.dtype, [...indices.shape, width], result);
}

type BagMode = 'sum' | 'mean' | 'max';

const bagModes: readonly BagMode[] = ['sum', 'mean', 'max'];

interface Bags {
  readonly rows: ArrayLike<number>;
  /** Bag of each row. */
  readonly bagOf: Int32Array;
  readonly count: number;
}

/** Bags start at the offsets; with `includeLast` the final offset is the end of the last bag. */
function bagsOf(weight: Tensor, indices: Tensor, offsets: Tensor, includeLast: boolean): Bags {
  const rows = rowNumbers(weight, indices);
  const starts = offsets.toNumbers();
  if (starts.length > 0 && starts[0] !== 0) {
    throw new AppError(
      'bad-input',
      `offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got ${starts[0]!}`,
    );
  }
  if (starts.length > 0 && starts[starts.length - 1]! > rows.length) {
    throw new AppError(
      'bad-input',
      `offsets[-1] can not be greater than input's length ${rows.length} but got offsets[-1] of ${starts[starts.length - 1]!}`,
    );
  }
  const count = Math.max(0, includeLast ? starts.length - 1 : starts.length);
  const bagOf = new Int32Array(rows.length);
  for (let bag = 0; bag < count; bag++) bagOf.fill(bag, starts[bag], starts[bag + 1] ?? rows.length);
  return { rows, bagOf, count };
}

/** `torch.embedding_bag`: (bags, bag of each index, indices a bag, chosen rows of mode max). */
function embeddingBag(args: Arguments): Tuple {
  const weight = args.tensor('weight');
  if (!isFloating(weight.dtype)) {
    throw new AppError(
      'bad-input',
      `Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, Double; but got torch.${scalarTypeName(weight.dtype)}Tensor instead (while checking arguments for embedding_bag)`,
    );
  }
  const mode = bagModes[args.int('mode')] ?? 'sum';
  const factors = args.optionalTensor('per_sample_weights')?.toNumbers();
  if (factors !== undefined && mode !== 'sum') {
    throw new AppError(
      'bad-input',
      `embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='${mode}').`,
    );
  }
  const { rows, bagOf, count } = bagsOf(
    weight,
    args.tensor('indices'),
    args.tensor('offsets'),
    args.bool('include_last_offset'),
  );
  const padding = args.schema.indexOf.has('padding_idx') ? (args.optionalInt('padding_idx') ?? -1) : -1;
  const skipped = padding < 0 && padding !== -1 ? padding + weight.shape[0]! : padding;
  const width = weight.shape[1]!;
  const table = weight.toNumbers();
  const sums = new Float64Array(count * width);
  const chosen = new BigInt64Array(mode === 'max' ? count * width : 0);
  const sizes = new BigInt64Array(count);
  for (let i = 0; i < rows.length; i++) {
    const [row, bag] = [rows[i]!, bagOf[i]!];
    if (row === skipped) continue;
    const factor = factors?.[i] ?? 1;
    for (let k = 0, from = row * width, to = bag * width; k < width; k++, from++, to++) {
      if (mode !== 'max') sums[to]! += table[from]! * factor;
      else if (sizes[bag] === 0n || table[from]! > sums[to]!) {
        sums[to] = table[from]!;
        chosen[to] = BigInt(row);
      }
    }
    sizes[bag]!++;
  }
  if (mode === 'mean') {
    for (let i = 0; i < sums.length; i++) sums[i]! /= Math.max(1, Number(sizes[Math.floor(i / width)]));
  }
  return new Tuple([
    Tensor.of(weight.dtype, [count, width], convertElements(sums, 'float64', weight.dtype)),
    Tensor.of('int64', [bagOf.length], BigInt64Array.from(bagOf, BigInt)),
    Tensor.of('int64', [count], sizes),
    Tensor.of('int64', mode === 'max' ? [count, width] : [0], chosen),
  ]);
}

/** Rows of `self` that are named and longer than `max_norm` are scaled down to it, in place. */
function renormalise(args: Arguments, self: Tensor): Tensor {
  const [indices, maxNorm, p] = [args.tensor('indices'), args.float('max_norm'), args.float('norm_type')];
  const rows = new Set(Array.from(rowNumbers(self, indices)));
  const width = self.shape[1]!;
  const values = Float64Array.from(self.toNumbers());
  for (const row of rows) {
    const part = values.subarray(row * width, (row + 1) * width);
    const norm = vectorNorm(part, p);
    if (norm <= maxNorm) continue;
    for (let k = 0; k < width; k++) part[k]! *= maxNorm / (norm + 1e-7);
  }
  self.write(convertElements(values, 'float64', self.dtype));
  return self;
}

/** The p-norm of a vector; p may be infinite. */
export function vectorNorm(values: Float64Array, p: number): number {
  let sum = 0;
  for (const value of values) {
    if (p === Infinity) sum = Math.max(sum, Math.abs(value));
    else sum += p === 2 ? value * value : Math.abs(value) ** p;
  }
  return p === Infinity ? sum : p === 2 ? Math.sqrt(sum) : sum ** (1 / p);
}

/** Slices along `dim` whose p-norm is larger than `maxnorm` are scaled down to it. */
function renorm(args: Arguments): Tensor {
  const [self, p, dim, maxNorm] = [
    args.tensor('self'),
    Number(args.scalar('p')),
    args.int('dim'),
    Number(args.scalar('maxnorm')),
  ];
  if (self.rank < 2)
    throw new AppError('bad-input', `renorm: input needs at least 2 dimensions, got ${shapeText(self.shape)}`);
  const result = self.clone();
  const d = dim < 0 ? dim + self.rank : dim;
  for (let i = 0; i < self.shape[d]!; i++) {
    const part = result.view(
      self.shape.map((size, k) => (k === d ? 1 : size)),
      result.strides,
      i * result.strides[d]!,
    );
    const values = Float64Array.from(part.toNumbers());
    const norm = vectorNorm(values, p);
    if (norm <= maxNorm) continue;
    for (let k = 0; k < values.length; k++) values[k]! *= maxNorm / (norm + 1e-7);
    part.write(convertElements(values, 'float64', self.dtype));
  }
  return result;
}

export function defineEmbeddings(table: OperatorTable): void {
  table.define(
    'embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor',
    embedding,
  );
  const head = 'Tensor weight, Tensor indices, Tensor offsets';
  const result = '(Tensor, Tensor, Tensor, Tensor)';
  const options =
    'bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False';
  table.define(`embedding_bag(${head}, ${options}) -> ${result}`, embeddingBag);
  table.define(
    `embedding_bag.padding_idx(${head}, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> ${result}`,
    embeddingBag,
  );
  for (const name of ['_embedding_bag', '_embedding_bag_forward_only']) {
    table.define(`${name}(${head}, ${options}, int padding_idx=-1) -> ${result}`, embeddingBag);
  }
  table.define(
    'embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)',
    (args) => renormalise(args, args.tensor('self')),
  );
  table.define('embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor', (args) =>
    renormalise(args, args.tensor('self').clone()),
  );
  table.defineWithInplace('renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor', renorm);
}
