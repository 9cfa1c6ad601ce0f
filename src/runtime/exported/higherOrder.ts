// Calls that take graphs as arguments: `torch.cond`, and blocks under `torch.no_grad()`.

import { AppError } from '../../util/errors';
import { Tensor } from '../tensor';
import { itemOf } from '../item';
import { Tuple, type Value } from '../values';
import type { Argument, Graph, GraphNode } from './graph';
import type { GraphInterpreter } from './interpreter';
import { isTrue } from './symbolic';

/** @throws AppError `unsupported-operator` for others than those above. */
export async function callHigherOrder(
  interpreter: GraphInterpreter,
  node: GraphNode,
  evaluate: (argument: Argument) => Value,
): Promise<Value> {
  const name = node.target.slice('torch.ops.higher_order.'.length);
  const args = node.inputs.map(({ value }) => value);
  switch (name) {
    case 'cond': {
      const [predicate, onTrue, onFalse, operands] = args;
      const chosen = holds(evaluate(required(predicate))) ? onTrue : onFalse;
      const values = operands === undefined ? [] : evaluate(operands);
      return new Tuple(await interpreter.runGraph(graphOf(chosen), Array.isArray(values) ? values : [values]));
    }
    case 'wrap_with_set_grad_enabled': {
      const [enabled, graph, ...operands] = args;
      const { context } = interpreter;
      const before = context.gradEnabled;
      context.gradEnabled = isTrue(evaluate(required(enabled)));
      try {
        return new Tuple(await interpreter.runGraph(graphOf(graph), operands.map(evaluate)));
      } finally {
        context.gradEnabled = before;
      }
    }
    case 'wrap_with_autocast': {
      const [, , enabled] = args;
      const graphAt = args.findIndex(({ kind }) => kind === 'graph');
      if (isTrue(evaluate(required(enabled)))) break;
      return new Tuple(await interpreter.runGraph(graphOf(args[graphAt]), args.slice(graphAt + 1).map(evaluate)));
    }
  }
  throw new AppError(
    'unsupported-operator',
    `The runtime has no operator higher_order::${name}`,
    'SUPPORTED.md lists what runs; torch.cond and torch.no_grad() do.',
  );
}

function holds(predicate: Value): boolean {
  return isTrue(predicate instanceof Tensor ? itemOf(predicate) : predicate);
}

function required(argument: Argument | undefined): Argument {
  if (argument === undefined) throw new AppError('corrupt', 'A call of the graph lacks an argument');
  return argument;
}

function graphOf(argument: Argument | undefined): Graph {
  if (argument?.kind !== 'graph') throw new AppError('corrupt', 'A call of the graph lacks the graph that it runs');
  return argument.graph;
}
