// Weight norm: parameters kept as direction and length.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import type { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { wrapDim } from './support';

/** The 2-norm (or another) of each slice along `dim`; of everything where dim is -1. */
function normExcept(v: Tensor, p: number, dim: number): KernelCall {
  const d = dim === -1 ? -1 : wrapDim(dim, v.rank);
  const axes = [...v.shape.keys()].filter((i) => i !== d);
  if (p !== 2) throw new AppError('unsupported-operator', `norm_except_dim with the power ${p} is not supported`);
  return kernelGraph('norm_except_dim', { axes, whole: d === -1 }, [v], (graph, [value = ''], parameters) =>
    graph.node('ReduceL2', [value, graph.ints(parameters.axes)], { keepdims: parameters.whole ? 0 : 1 }),
  );
}

/** g v / |v|, the norm taken over all dimensions but `dim`. */
async function weightNorm(args: Arguments, context: RunContext): Promise<[Tensor, Tensor]> {
  const [v, g] = [args.tensor('v'), args.tensor('g')];
  const norms = await context.run(normExcept(v, 2, args.int('dim')));
  const weight = await context.run(
    kernelGraph('weight_norm', {}, [v, g, norms], (graph, [direction = '', length = '', norm = '']) =>
      graph.node('Mul', [direction, graph.node('Div', [length, norm])]),
    ),
  );
  return [weight, norms];
}

export function defineWeightNorm(table: OperatorTable): void {
  table.define(
    '_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor',
    async (args, context) => (await weightNorm(args, context))[0],
  );
  table.define(
    '_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)',
    async (args, context) => new Tuple(await weightNorm(args, context)),
  );
  table.define('norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor', (args) =>
    normExcept(args.tensor('v'), args.int('pow'), args.int('dim')),
  );
}
