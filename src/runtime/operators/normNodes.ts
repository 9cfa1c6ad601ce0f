// The nodes of a p-norm, for norms of tensors and of differences.

import type { DType } from '../../model/dtype';
import type { GraphBuilder, GraphValue } from '../kernels/graph';
import type { Tensor } from '../tensor';
import { reduceNode } from './reduction';
import { operand } from './support';

/** Each has a formula of its own; every other p is a `power`. */
export type NormKind = 'two' | 'one' | 'largest' | 'smallest' | 'count' | 'power';

const kinds: ReadonlyMap<number, NormKind> = new Map<number, NormKind>([
  [2, 'two'],
  [1, 'one'],
  [Infinity, 'largest'],
  [-Infinity, 'smallest'],
  [0, 'count'],
]);

export function normKind(p: number): NormKind {
  return kinds.get(p) ?? 'power';
}

/** The inputs `power` and `one` of {@link normNodes}. */
export function normConstants(p: number, dtype: DType): [Tensor, Tensor] {
  return [operand(Number.isFinite(p) ? p : 0, dtype), operand(1, dtype)];
}

/** (Σ |x|^p)^(1/p) over the axes: 0 counts what is not 0, infinities take the largest and the smallest |x|. */
export function normNodes(
  graph: GraphBuilder,
  [x = '', power = '', one = '']: readonly GraphValue[],
  { kind, axes, keepdim }: { readonly kind: NormKind; readonly axes: readonly number[]; readonly keepdim: boolean },
): GraphValue {
  const size = graph.node('Abs', [x]);
  const over = (opType: string, value: GraphValue): GraphValue =>
    reduceNode(graph, opType, value, axes, keepdim ? 1 : 0);
  switch (kind) {
    case 'two':
      return axes.length === 0 ? size : over('ReduceL2', x);
    case 'one':
      return over('ReduceSum', size);
    case 'largest':
      return over('ReduceMax', size);
    case 'smallest':
      return over('ReduceMin', size);
    case 'count':
      return over('ReduceSum', graph.node('Sign', [size]));
    case 'power':
      return graph.node('Pow', [over('ReduceSum', graph.node('Pow', [size, power])), graph.node('Div', [one, power])]);
  }
}
