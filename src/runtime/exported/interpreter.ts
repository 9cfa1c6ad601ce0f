// Runs the graph of an exported program: one call after the other over the operator table, under the modes as they are now.

import { parentPath } from '../../model/module';
import { userLine } from '../../model/stackTrace';
import { AppError, toAppError } from '../../util/errors';
import type { RunContext } from '../context';
import { located } from '../located';
import { moduleReturns, type ModuleReturn } from '../moduleReturns';
import type { OperatorTable } from '../operators/registry';
import { Tensor } from '../tensor';
import { Dict, itemsOf, OpaqueValue, Tuple, typeName, type Value } from '../values';
import type { Argument, ExportedProgram, Graph, GraphNode } from './graph';
import { callHigherOrder } from './higherOrder';
import { metadataOperators } from './metadataOperators';
import { ModeRewriter } from './modeRewriter';
import type { ExportedModes } from './modes';
import { unflatten } from './pytree';
import { scalarFunction } from './symbolic';

/** Values of one graph by name; graphs inside of it have their own. */
type Scope = Map<string, Value>;

/** One forward. */
export class GraphInterpreter {
  private readonly rewriter: ModeRewriter;

  constructor(
    private readonly program: ExportedProgram,
    private readonly modes: ExportedModes,
    private readonly operators: OperatorTable,
    readonly context: RunContext,
  ) {
    this.rewriter = new ModeRewriter(program, modes, operators, context);
  }

  /** @param leaves for the inputs that are the caller's, in order. @throws AppError that names module and source line. */
  async run(leaves: readonly Value[]): Promise<Value> {
    const { graph, inputs, outputs, tensors, outputTree } = this.program;
    const scope: Scope = new Map();
    const rest = leaves.values();
    inputs.forEach((binding, i) => {
      const input = graph.inputs[i] as Argument;
      if (input.kind !== 'reference') {
        // The caller's value has been compared with this constant already.
        if (binding.kind === 'user' || binding.kind === 'fixed') rest.next();
        return;
      }
      if (binding.kind === 'user') scope.set(input.name, rest.next().value ?? null);
      else if (binding.kind === 'fixed') {
        rest.next();
        scope.set(input.name, binding.value);
      } else if (binding.kind === 'opaque') scope.set(input.name, new OpaqueValue(binding.what));
      else scope.set(input.name, tensors.get(binding.fullName) ?? missing(binding.fullName));
    });
    const inputValues = new Map(scope);
    const user = graph.outputs.filter((_, i) => outputs[i]?.kind === 'user');
    const results = await this.runIn(graph, scope, user);
    const returned: Value[] = [];
    for (const [i, binding] of outputs.entries()) {
      const value = results[i] as Value;
      if (binding.kind === 'user') returned.push(value);
      else if (binding.kind === 'mutation' && !this.leavesBuffer(binding.fullName))
        await this.overwrite(tensors.get(binding.fullName), value);
      else if (binding.kind === 'inputMutation') await this.overwrite(inputValues.get(binding.inputName), value);
    }
    return unflatten(outputTree, returned);
  }

  /** Runs a graph that another call takes as an argument; its outputs in order. */
  runGraph(graph: Graph, operands: readonly Value[]): Promise<readonly Value[]> {
    const scope: Scope = new Map();
    if (operands.length !== graph.inputs.length)
      throw new AppError('corrupt', `A graph of ${graph.inputs.length} inputs is given ${operands.length}`);
    graph.inputs.forEach((input, i) => {
      if (input.kind === 'reference') scope.set(input.name, operands[i] as Value);
    });
    return this.runIn(graph, scope);
  }

  /** @param returned the outputs that are no changes of buffers. */
  private async runIn(graph: Graph, scope: Scope, returned = graph.outputs): Promise<readonly Value[]> {
    const lastUses = lastUsesOf(graph);
    const returns = this.context.observer === undefined ? undefined : returnsOf(graph, returned);
    for (const [i, node] of graph.nodes.entries()) {
      this.context.throwIfCancelled();
      try {
        bind(node, await this.call(node, scope), scope);
      } catch (error) {
        const path = node.modules.at(-1)?.path;
        const thrown = toAppError(error, 'program-error');
        // A call in an inner graph has told already where it stands.
        throw node.inputs.some(({ value }) => value.kind === 'graph')
          ? thrown
          : located(thrown, path, userLine(node.stack()));
      }
      for (const { path, name } of returns?.get(i) ?? [])
        await this.context.moduleReturned(path, scope.get(name) ?? null);
      // What nobody reads any more must not hold its memory until the end.
      for (const name of lastUses.get(i) ?? []) scope.delete(name);
    }
    return graph.outputs.map((output) => this.evaluate(output, scope));
  }

  private async call(node: GraphNode, scope: Scope): Promise<Value> {
    const { target } = node;
    const operator = /^torch\.ops\.aten\.(\w+)\.(\w+)$/.exec(target);
    if (operator !== null) {
      const [, name = '', overload = ''] = operator;
      const args = new Map(node.inputs.map((input) => [input.name, this.evaluate(input.value, scope)]));
      const special = metadataOperators.get(name);
      if (special !== undefined) return special(args);
      // Strides are those of the runtime's kernels, not those of the export, so that a view may need a copy.
      if (name === 'view' && overload === 'default')
        return this.operators.call(
          'reshape',
          [args.get('self') ?? null, args.get('size') ?? null],
          new Map(),
          this.context,
        );
      return this.rewriter.call(node, name, overload === 'default' ? '' : overload, args);
    }
    if (target.startsWith('torch.ops.higher_order.'))
      return callHigherOrder(this, node, (argument) => this.evaluate(argument, scope));
    const args = node.inputs.map((input) => this.evaluate(input.value, scope));
    if (target === '_operator.getitem') return getItem(args);
    const compute = scalarFunction(target);
    if (compute !== undefined) return compute(args);
    // Operators of other libraries; the table's own error names them.
    const name = target.replace(/^torch\.ops\./, '').replace(/\.default$/, '');
    return this.operators.call(name, args, new Map(), this.context);
  }

  private evaluate(argument: Argument, scope: Scope): Value {
    switch (argument.kind) {
      case 'constant':
        return argument.value;
      case 'reference': {
        const value = scope.get(argument.name);
        if (value === undefined)
          throw new AppError(
            'corrupt',
            `The graph uses ${argument.name} before it has a value`,
            'Export the model again.',
          );
        return value;
      }
      case 'list':
        return argument.items.map((item) => this.evaluate(item, scope));
      case 'dict': {
        const dict = new Dict();
        for (const [key, item] of argument.entries) dict.entries.set(key, this.evaluate(item, scope));
        return dict;
      }
      case 'graph':
        throw new AppError('unsupported-operator', 'The runtime has no operator that takes this graph as an argument');
      case 'unsupported':
        throw new AppError('unsupported-operator', `The runtime has no values of kind ${argument.what}`);
    }
  }

  /** In eval a normalisation leaves its statistics alone, though the graph of a train export hands back new ones. */
  private leavesBuffer(fullName: string): boolean {
    return this.modes.normalisesInEval(parentPath(fullName) ?? '');
  }

  private async overwrite(target: Value | undefined, value: Value): Promise<void> {
    if (!(target instanceof Tensor) || !(value instanceof Tensor) || target === value) return;
    await this.operators.callOverload(
      'copy_',
      '',
      new Map([
        ['self', target],
        ['src', value],
      ]),
      this.context,
    );
  }
}

function missing(fullName: string): OpaqueValue {
  return new OpaqueValue('Tensor', `${fullName} is missing in the file`);
}

/** Puts the results of a call under their names. */
function bind(node: GraphNode, result: Value, scope: Scope): void {
  const { outputs } = node;
  if (outputs.length === 0) return;
  const items = itemsOf(result);
  const several = outputs.length > 1 || (result instanceof Tuple && outputs[0]?.kind === 'reference');
  if (!several) {
    bindOne(outputs[0] as Argument, result, scope);
    return;
  }
  if (items === undefined || items.length < outputs.length)
    throw new AppError(
      'corrupt',
      `${node.target} returns ${typeName(result)} where the graph expects ${outputs.length} values`,
    );
  outputs.forEach((output, i) => {
    bindOne(output, items[i] as Value, scope);
  });
}

function bindOne(output: Argument, value: Value, scope: Scope): void {
  if (output.kind === 'reference') scope.set(output.name, value);
  else if (output.kind === 'list') {
    const items = itemsOf(value);
    if (items?.length !== output.items.length)
      throw new AppError(
        'program-error',
        `A call returned ${typeName(value)} where the graph expects ${output.items.length} values`,
      );
    output.items.forEach((item, i) => {
      bindOne(item, items[i] as Value, scope);
    });
  }
}

/** The values that leave modules, by the index of their node. */
function returnsOf(graph: Graph, returned: readonly Argument[]): ReadonlyMap<number, readonly ModuleReturn[]> {
  const nodes = graph.nodes.map(({ modules, inputs, outputs }) => ({
    paths: modules.map(({ path }) => path),
    reads: inputs.flatMap(({ value }) => referencesIn(value)),
    writes: outputs.flatMap(referencesIn),
  }));
  return moduleReturns(nodes, returned.flatMap(referencesIn));
}

function referencesIn(argument: Argument): string[] {
  if (argument.kind === 'reference') return [argument.name];
  if (argument.kind === 'list') return argument.items.flatMap(referencesIn);
  return argument.kind === 'dict' ? argument.entries.flatMap(([, item]) => referencesIn(item)) : [];
}

/** Names that are read for the last time by the node of an index. */
function lastUsesOf(graph: Graph): Map<number, string[]> {
  const last = new Map<string, number>();
  const visit = (argument: Argument, index: number): void => {
    for (const name of referencesIn(argument)) last.set(name, index);
  };
  graph.nodes.forEach((node, i) => {
    // A result that nobody reads is dropped at once.
    for (const output of node.outputs) visit(output, i);
    for (const { value } of node.inputs) visit(value, i);
  });
  for (const output of graph.outputs) visit(output, Infinity);
  const uses = new Map<number, string[]>();
  for (const [name, index] of last) {
    const names = uses.get(index);
    if (names === undefined) uses.set(index, [name]);
    else names.push(name);
  }
  return uses;
}

function getItem([container = null, key = null]: readonly Value[]): Value {
  const item = container instanceof Dict ? container.entries.get(key) : itemsOf(container)?.[Number(key)];
  if (item === undefined)
    throw new AppError('program-error', `${typeName(container)} has not the item that the graph takes of it`);
  return item;
}
