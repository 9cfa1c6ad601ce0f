// Small dense linear algebra in double precision on the host: determinants, inverses, linear systems.

import { AppError } from '../../util/errors';
import { convertElements, isFloating } from '../elements';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { broadcastShapes, expandTo, shapeText } from './support';
import { unsqueeze } from './view';

/** Square matrices of the last two dimensions, row-major, one after the other. */
interface Matrices {
  readonly values: Float64Array;
  readonly size: number;
  readonly count: number;
}

function matricesOf(tensor: Tensor, name: string): Matrices {
  const size = tensor.shape.at(-1) ?? 0;
  if (tensor.rank < 2) {
    throw new AppError('bad-input', `${name}: The input tensor A must have at least 2 dimensions.`);
  }
  if (tensor.shape.at(-2) !== size) {
    throw new AppError(
      'bad-input',
      `${name}: A must be batches of square matrices, but they are ${tensor.shape.at(-2) ?? 0} by ${size} matrices`,
    );
  }
  if (!isFloating(tensor.dtype)) {
    throw new AppError('bad-input', `${name}: Expected a floating point tensor as input, got ${tensor.dtype}`);
  }
  const count = size === 0 ? 0 : tensor.elementCount / (size * size);
  return { values: Float64Array.from(tensor.toNumbers()), size, count };
}

/**
 * Gauss-Jordan elimination with pivots of one matrix (overwritten), done to `right` (n rows of `columns`) as well.
 * Returns sign and logarithm of the absolute determinant; a singular matrix has -Infinity.
 */
function eliminate(a: Float64Array, n: number, right: Float64Array, columns: number): { sign: number; log: number } {
  let [sign, log] = [1, 0];
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let row = k + 1; row < n; row++) if (Math.abs(a[row * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = row;
    const value = a[pivot * n + k]!;
    if (value === 0) return { sign: 0, log: -Infinity };
    if (pivot !== k) {
      sign = -sign;
      swapRows(a, n, k, pivot);
      swapRows(right, columns, k, pivot);
    }
    sign *= Math.sign(value);
    log += Math.log(Math.abs(value));
    for (let row = 0; row < n; row++) {
      const factor = row === k ? 0 : a[row * n + k]! / value;
      if (factor === 0) continue;
      for (let i = k; i < n; i++) a[row * n + i]! -= factor * a[k * n + i]!;
      for (let i = 0; i < columns; i++) right[row * columns + i]! -= factor * right[k * columns + i]!;
    }
  }
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < columns; i++) right[row * columns + i]! /= a[row * n + row]!;
  }
  return { sign, log };
}

function swapRows(values: Float64Array, columns: number, a: number, b: number): void {
  for (let i = 0; i < columns; i++) {
    const kept = values[a * columns + i]!;
    values[a * columns + i] = values[b * columns + i]!;
    values[b * columns + i] = kept;
  }
}

function from(values: Float64Array, like: Tensor, shape: readonly number[]): Tensor {
  return Tensor.of(like.dtype, shape, convertElements(values, 'float64', like.dtype));
}

/** Solves A X = B for matrices B of the same leading dimensions. @throws AppError with torch's message where A is singular. */
function solve(a: Tensor, b: Tensor, name: string): Tensor {
  const lead = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = expandTo(a, [...lead, ...a.shape.slice(-2)]);
  const right = expandTo(b, [...lead, ...b.shape.slice(-2)]);
  const { values, size, count } = matricesOf(left, name);
  if (b.shape.at(-2) !== size) {
    throw new AppError(
      'bad-input',
      `${name}: Incompatible shapes of A and B for the equation AX = B (${shapeText(a.shape)} and ${shapeText(b.shape)})`,
    );
  }
  const columns = b.shape.at(-1)!;
  const result = Float64Array.from(right.toNumbers());
  for (let i = 0; i < count; i++) {
    const part = result.subarray(i * size * columns, (i + 1) * size * columns);
    const { sign } = eliminate(values.subarray(i * size * size, (i + 1) * size * size), size, part, columns);
    if (sign === 0) throw new AppError('bad-input', `${name}: The solver failed because the input matrix is singular.`);
  }
  return from(result, b, right.shape);
}

function inverse(a: Tensor): Tensor {
  const { size, count } = matricesOf(a, 'linalg.inv');
  const identity = new Float64Array(size * size * count);
  for (let i = 0; i < identity.length; i++) identity[i] = Math.floor((i % (size * size)) / size) === i % size ? 1 : 0;
  return solve(a, from(identity, a, a.shape), 'linalg.inv');
}

/** Signs and logarithms of the absolute determinants. */
function determinants(a: Tensor, name: string): { sign: Float64Array; log: Float64Array } {
  const { values, size, count } = matricesOf(a, name);
  const [sign, log] = [new Float64Array(count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    const result = eliminate(values.subarray(i * size * size, (i + 1) * size * size), size, new Float64Array(0), 0);
    [sign[i], log[i]] = [result.sign, result.log];
  }
  return { sign, log };
}

function determinant(a: Tensor): Tensor {
  const { sign, log } = determinants(a, 'linalg.det');
  return from(
    sign.map((value, i) => (value === 0 ? 0 : value * Math.exp(log[i]!))),
    a,
    a.shape.slice(0, -2),
  );
}

function signAndLog(a: Tensor): Tuple {
  const { sign, log } = determinants(a, 'linalg.slogdet');
  return new Tuple([from(sign, a, a.shape.slice(0, -2)), from(log, a, a.shape.slice(0, -2))]);
}

function solveFor(args: Arguments): Tensor {
  const [a, b] = [args.tensor('A'), args.tensor('B')];
  if (!args.bool('left')) throw new AppError('unsupported-operator', 'linalg.solve with left=False is not supported');
  // A vector, or vectors for each of the matrices.
  const vector = b.rank === 1 || (a.rank - 1 === b.rank && shapeText(b.shape) === shapeText(a.shape.slice(0, -1)));
  if (!vector) return solve(a, b, 'linalg.solve');
  const result = solve(a, unsqueeze(b, -1), 'linalg.solve');
  return result.view(result.shape.slice(0, -1), result.strides.slice(0, -1));
}

/** Writes a number on the diagonal; `wrap` begins anew below each square of a tall matrix. */
function fillDiagonal(args: Arguments): Tensor {
  const [self, value] = [args.tensor('self'), Number(args.scalar('fill_value'))];
  if (self.rank < 2) throw new AppError('bad-input', 'dimensions must larger than 1');
  if (self.rank > 2 && self.shape.some((size) => size !== self.shape[0])) {
    throw new AppError('bad-input', 'all dimensions of input must be of equal length');
  }
  const [rows = 0, columns = 0] = self.shape;
  const stride = self.strides.reduce((sum, step) => sum + step, 0);
  const diagonal = (length: number, offset: number): void => {
    const part = self.view([length], [stride], offset);
    part.write(convertElements(new Float64Array(length).fill(value), 'float64', self.dtype));
  };
  diagonal(self.rank > 2 ? rows : Math.min(rows, columns), self.offset);
  if (!args.bool('wrap') || self.rank !== 2) return self;
  for (let row = columns + 1; row < rows; row += columns + 1) {
    diagonal(Math.min(columns, rows - row), self.offset + row * self.strides[0]!);
  }
  return self;
}

export function defineLinearAlgebra(table: OperatorTable): void {
  table.define('linalg_inv(Tensor A) -> Tensor', (args) => inverse(args.tensor('A')));
  table.define('inverse(Tensor self) -> Tensor', (args) => inverse(args.tensor('self')));
  table.define('linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor', solveFor);
  table.define('linalg_det(Tensor A) -> Tensor', (args) => determinant(args.tensor('A')));
  table.define('det(Tensor self) -> Tensor', (args) => determinant(args.tensor('self')));
  table.define('linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)', (args) => signAndLog(args.tensor('A')));
  table.define('slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)', (args) => signAndLog(args.tensor('self')));
  table.define('logdet(Tensor self) -> Tensor', (args) => {
    const { sign, log } = determinants(args.tensor('self'), 'logdet');
    const self = args.tensor('self');
    return from(
      log.map((value, i) => (sign[i]! < 0 ? NaN : value)),
      self,
      self.shape.slice(0, -2),
    );
  });
  table.define('fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)', fillDiagonal);
}
