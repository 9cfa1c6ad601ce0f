// Tensors of combinations: Cartesian products, choices of r elements, Vandermonde matrices.

import { AppError } from '../../util/errors';
import { allocate } from '../elements';
import { resultType } from '../scalarTypes';
import { Tensor } from '../tensor';
import type { OperatorTable } from './registry';
import { cast } from './support';

/** Rows of elements, picked by their positions from one vector for each column. */
function pickRows(columns: readonly Tensor[], rows: readonly (readonly number[])[]): Tensor {
  const dtype = resultType(columns);
  const sources = columns.map((column) => cast(column, dtype).contiguousElements());
  const elements = allocate(dtype, rows.length * columns.length);
  rows.forEach((row, r) => {
    row.forEach((position, c) => (elements[r * columns.length + c] = (sources[c] as Float32Array)[position] as number));
  });
  return Tensor.of(dtype, [rows.length, columns.length], elements);
}

/** Every way to choose one position from each length, the last one running fastest. */
function productOf(lengths: readonly number[]): number[][] {
  return lengths.reduce<number[][]>((rows, length) => rows.flatMap((row) => Array.from({ length }, (_, i) => [...row, i])), [[]]);
}

/** Ascending choices of r positions out of n. */
function choices(n: number, r: number, replacement: boolean): number[][] {
  let rows: number[][] = [[]];
  for (let i = 0; i < r; i++) {
    rows = rows.flatMap((row) => {
      const start = row.length === 0 ? 0 : (row.at(-1) as number) + (replacement ? 0 : 1);
      return Array.from({ length: Math.max(0, n - start) }, (_, k) => [...row, start + k]);
    });
  }
  return rows;
}

export function defineCombinations(table: OperatorTable): void {
  const needVector = (tensor: Tensor, name: string): void => {
    if (tensor.rank !== 1) throw new AppError('bad-input', `${name}: Expect a 1D vector, but got shape [${tensor.shape.join(', ')}]`);
  };
  table.define('cartesian_prod(Tensor[] tensors) -> Tensor', (args) => {
    const tensors = args.tensors('tensors');
    for (const tensor of tensors) needVector(tensor, 'cartesian_prod');
    if (tensors.length === 1) return tensors[0] as Tensor;
    return pickRows(tensors, productOf(tensors.map((tensor) => tensor.elementCount)));
  });
  table.define('combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor', (args) => {
    const [self, r] = [args.tensor('self'), args.int('r')];
    needVector(self, 'combinations');
    const rows = choices(self.elementCount, r, args.bool('with_replacement'));
    return pickRows(new Array<Tensor>(r).fill(self), rows);
  });
  table.define('vander(Tensor x, int? N=None, bool increasing=False) -> Tensor', (args) => {
    const x = args.tensor('x');
    needVector(x, 'vander');
    const columns = args.optionalInt('N') ?? x.elementCount;
    const values = x.toNumbers();
    const result = new Float64Array(values.length * columns);
    for (let i = 0; i < values.length; i++) {
      for (let c = 0; c < columns; c++) result[i * columns + c] = (values[i] as number) ** (args.bool('increasing') ? c : columns - 1 - c);
    }
    return cast(Tensor.of('float64', [values.length, columns], result), x.dtype === 'bool' ? 'int64' : x.dtype);
  });
}
