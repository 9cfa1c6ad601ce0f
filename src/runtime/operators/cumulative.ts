// Running sums and products along a dimension.

import { convertElements, isFloating } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import type { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import type { OperatorBody, OperatorTable } from './registry';
import { fromRows, rowsOf } from './rows';
import { cast, wrapDim } from './support';

/** Integers are accumulated in int64. */
function accumulated(args: Arguments): Tensor {
  const self = args.tensor('self');
  return cast(self, args.dtype('dtype') ?? (isFloating(self.dtype) ? self.dtype : 'int64'));
}

/** y[i] = x[0] + … + x[i] */
function cumulativeSum(self: Tensor, dim: number): KernelCall | Tensor {
  const axis = wrapDim(dim, self.rank);
  if (self.rank === 0 || self.elementCount === 0) return self.clone();
  return kernelGraph('cumsum', { axis }, [self], (graph, [x = ''], parameters) =>
    graph.node('CumSum', [x, graph.scalar('int64', parameters.axis)]),
  );
}

/** Folds each row from its start, in double precision. */
function scan(self: Tensor, dim: number, step: (total: number, value: number) => number): Tensor {
  const axis = wrapDim(dim, self.rank);
  const { numbers, count, length } = rowsOf(self, self.rank === 0 ? [] : [axis]);
  const result = new Float64Array(numbers.length);
  for (let row = 0; row < count; row++) {
    for (let i = row * length; i < (row + 1) * length; i++) {
      const value = numbers[i] as number;
      result[i] = i === row * length ? value : step(result[i - 1] as number, value);
    }
  }
  return fromRows(self.dtype, convertElements(result, 'float64', self.dtype), self.shape, axis, length);
}

function logAddExp(a: number, b: number): number {
  const largest = Math.max(a, b);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log1p(Math.exp(-Math.abs(a - b)));
}

export function defineCumulative(table: OperatorTable): void {
  const bodies: Readonly<Record<string, OperatorBody>> = {
    cumsum: (args) => cumulativeSum(accumulated(args), args.int('dim')),
    cumprod: (args) => scan(accumulated(args), args.int('dim'), (total, value) => total * value),
  };
  for (const [name, body] of Object.entries(bodies))
    table.defineWithInplace(`${name}(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor`, body);
  table.define('logcumsumexp(Tensor self, int dim) -> Tensor', (args) =>
    scan(args.tensor('self'), args.int('dim'), logAddExp),
  );
}
