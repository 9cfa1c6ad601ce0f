// Largest and smallest elements and where they are. Done here, since torch lets NaN win and kernels don't.

import { AppError } from '../../util/errors';
import { allocate, type ElementArray } from '../elements';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { OperatorBody, OperatorTable } from './registry';
import { checkNotEmpty, fromRows, orderedValues, reducedDims, reducedShape, rowsOf, type Rows } from './rows';
import { wrapDim } from './support';

type Direction = 'max' | 'min';

/** Index of the first largest (or smallest) element of a row; the first NaN wins. */
function extremeOf(rows: Rows, start: number, length: number, direction: Direction): number {
  const values = orderedValues(rows);
  let best = start;
  for (let i = start; i < start + length; i++) {
    const [value, champion] = [values[i] as number, values[best] as number];
    if (Number.isNaN(champion)) break;
    if (direction === 'max' ? value > champion : value < champion) best = i;
    else if (Number.isNaN(value)) best = i;
  }
  return best;
}

/** The extreme elements along the dimensions, and their positions in the rows. */
function extremes(
  self: Tensor,
  dims: readonly number[],
  keepdim: boolean,
  direction: Direction,
): { values: Tensor; indices: Tensor } {
  const rows = rowsOf(self, dims);
  const { count, length, elements } = rows;
  const values = allocate(self.dtype, count);
  const indices = new BigInt64Array(count);
  for (let row = 0; row < count; row++) {
    const best = extremeOf(rows, row * length, length, direction);
    copyElement(values, row, elements, best);
    indices[row] = BigInt(best - row * length);
  }
  const shape = reducedShape(self.shape, dims, keepdim);
  return { values: Tensor.of(self.dtype, shape, values), indices: Tensor.of('int64', shape, indices) };
}

function copyElement(target: ElementArray, at: number, source: ElementArray, from: number): void {
  target[at] = source[from] as number;
}

function index(direction: Direction): OperatorBody {
  return (args) => {
    const [self, dim] = [args.tensor('self'), args.optionalInt('dim')];
    if (self.dtype === 'bool') throw new AppError('bad-input', `arg${direction}(): does not support bool input`);
    checkNotEmpty(`arg${direction}`, self, dim === null ? null : wrapDim(dim, self.rank));
    return extremes(self, reducedDims(dim === null ? null : [dim], self.rank), args.bool('keepdim'), direction).indices;
  };
}

/** Running extremes and their positions; the later of equals. */
function cumulative(direction: Direction): OperatorBody {
  return (args) => {
    const self = args.tensor('self');
    const dim = wrapDim(args.int('dim'), self.rank);
    const rows = rowsOf(self, self.rank === 0 ? [] : [dim]);
    const { elements, count, length } = rows;
    const numbers = orderedValues(rows);
    const values = allocate(self.dtype, elements.length);
    const indices = new BigInt64Array(elements.length);
    for (let row = 0; row < count; row++) {
      let best = row * length;
      for (let i = row * length; i < (row + 1) * length; i++) {
        const [value, champion] = [numbers[i] as number, numbers[best] as number];
        if (
          Number.isNaN(value) ||
          (!Number.isNaN(champion) && (direction === 'max' ? value >= champion : value <= champion))
        )
          best = i;
        copyElement(values, i, elements, best);
        indices[i] = BigInt(best - row * length);
      }
    }
    return new Tuple([
      fromRows(self.dtype, values, self.shape, dim, length),
      fromRows('int64', indices, self.shape, dim, length),
    ]);
  };
}

export function defineExtremes(table: OperatorTable): void {
  for (const direction of ['max', 'min'] as const) {
    table.define(`${direction}(Tensor self) -> Tensor`, (args) => {
      const self = args.tensor('self');
      checkNotEmpty(direction, self, null);
      return extremes(self, reducedDims(null, self.rank), false, direction).values;
    });
    table.define(
      `${direction}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)`,
      (args) => {
        const [self, dim] = [args.tensor('self'), args.int('dim')];
        checkNotEmpty(direction, self, wrapDim(dim, self.rank));
        const dims = reducedDims([dim], self.rank);
        const { values, indices } = extremes(self, dims, args.bool('keepdim'), direction);
        return new Tuple([values, indices], ['values', 'indices']);
      },
    );
    table.define(`a${direction}(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor`, (args) => {
      const [self, given] = [args.tensor('self'), args.ints('dim')];
      const dims = reducedDims(given, self.rank);
      for (const dim of given.length === 0 ? [null] : dims) checkNotEmpty(`a${direction}`, self, dim);
      return extremes(self, dims, args.bool('keepdim'), direction).values;
    });
    table.define(`arg${direction}(Tensor self, int? dim=None, bool keepdim=False) -> Tensor`, index(direction));
    table.define(`cum${direction}(Tensor self, int dim) -> (Tensor values, Tensor indices)`, cumulative(direction));
  }
  table.define('aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)', (args) => {
    const [self, dim] = [args.tensor('self'), args.optionalInt('dim')];
    checkNotEmpty('aminmax', self, dim === null ? null : wrapDim(dim, self.rank));
    const dims = reducedDims(dim === null ? null : [dim], self.rank);
    const [low, high] = (['min', 'max'] as const).map(
      (direction) => extremes(self, dims, args.bool('keepdim'), direction).values,
    ) as [Tensor, Tensor];
    return new Tuple([low, high], ['min', 'max']);
  });
}
