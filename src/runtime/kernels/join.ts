// Joins waiting calls into one call of one graph, so that what lies between them never leaves the kernels' memory.

import { sameShape, Tensor, type Shape } from '../tensor';
import { Snapshot, type Deferred, type DeferredInput, type Link } from './deferred';
import { KernelCall, type DescribeGraph, type GraphBuilder, type GraphParameters, type GraphValue } from './graph';

/** Where a call of the joined graph gets an input from. */
type Source =
  | null
  /** An input of the joined graph. */
  | { readonly input: number }
  /** The result of an earlier call; `before` and `after` are the inputs that hold the shapes of an arrangement. */
  | {
      readonly call: number;
      readonly rank: number;
      readonly before?: number;
      readonly order?: readonly number[];
      readonly after?: number;
    };

/** All that the joined graph depends on besides dtypes, ranks and bound weights; shapes are inputs. */
interface JoinedParameters extends GraphParameters {
  readonly calls: readonly {
    readonly name: string;
    readonly parameters: GraphParameters;
    readonly inputs: readonly Source[];
  }[];
  readonly outputs: readonly number[];
}

/** `calls` in an order in which each stands after those whose results it takes, and every call that they lack. */
export function withSources(outputs: readonly Deferred[]): Deferred[] {
  const ordered = new Set<Deferred>();
  const visit = (call: Deferred): void => {
    if (ordered.has(call)) return;
    for (const input of call.inputs) if (isLink(input)) visit(input.source);
    ordered.add(call);
  };
  outputs.forEach(visit);
  return [...ordered];
}

/** One call that computes the results of `outputs`, which are among `calls`; these are sorted as {@link withSources} does. */
export function joinCalls(calls: readonly Deferred[], outputs: readonly Deferred[]): KernelCall {
  const inputs = new Inputs();
  const numbers = new Map(calls.map((call, i) => [call, i]));
  const parameters: JoinedParameters = {
    calls: calls.map(({ call, inputs: taken }) => ({
      name: call.name,
      parameters: call.parameters,
      inputs: taken.map((input, i) => sourceOf(input, call.bound.includes(i), inputs, numbers)),
    })),
    outputs: outputs.map((output) => numbers.get(output) as number),
  };
  const describe = describeJoined(calls.map(({ call }) => call.describe)) as DescribeGraph<GraphParameters>;
  return new KernelCall(`${calls.length} joined operators`, parameters, inputs.tensors, describe, inputs.bound);
}

/** The inputs of the joined graph, each once. */
class Inputs {
  readonly tensors: Tensor[] = [];
  readonly bound: number[] = [];

  add(tensor: Tensor, bound: boolean): number {
    const known = this.tensors.findIndex(
      (other, i) =>
        other.storage === tensor.storage &&
        other.offset === tensor.offset &&
        sameShape(other.shape, tensor.shape) &&
        sameShape(other.strides, tensor.strides) &&
        this.bound.includes(i) === bound,
    );
    if (known >= 0) return known;
    if (bound) this.bound.push(this.tensors.length);
    return this.tensors.push(tensor) - 1;
  }

  shape(shape: Shape): number {
    return this.add(Tensor.of('int64', [shape.length], BigInt64Array.from(shape, BigInt)), false);
  }
}

function sourceOf(
  input: DeferredInput,
  bound: boolean,
  inputs: Inputs,
  numbers: ReadonlyMap<Deferred, number>,
): Source {
  if (input === null) return null;
  if (input instanceof Snapshot) return { input: inputs.add(input.tensor, bound) };
  const { before, order, after } = input.arrangement;
  return {
    call: numbers.get(input.source) as number,
    rank: input.shape.length,
    ...(before === undefined ? {} : { before: inputs.shape(before) }),
    ...(order === undefined ? {} : { order }),
    ...(after === undefined ? {} : { after: inputs.shape(after) }),
  };
}

function describeJoined(describes: readonly DescribeGraph<GraphParameters>[]): DescribeGraph<JoinedParameters> {
  return (graph, names, { calls, outputs }) => {
    const results: GraphValue[] = [];
    calls.forEach((call, i) => {
      const inputs = call.inputs.map((source) => valueOf(source, graph, names, results));
      const described = (describes[i] as DescribeGraph<GraphParameters>)(graph, inputs, call.parameters);
      results.push(typeof described === 'string' ? described : (described[0] as GraphValue));
    });
    return outputs.map((i) => results[i] as GraphValue);
  };
}

function valueOf(
  source: Source,
  graph: GraphBuilder,
  names: readonly GraphValue[],
  results: readonly GraphValue[],
): GraphValue {
  if (source === null) return '';
  if ('input' in source) return names[source.input] as GraphValue;
  let value = results[source.call] as GraphValue;
  if (source.before !== undefined) value = graph.node('Reshape', [value, names[source.before] as GraphValue]);
  if (source.order !== undefined) value = graph.node('Transpose', [value], { perm: source.order });
  if (source.after !== undefined) value = graph.node('Reshape', [value, names[source.after] as GraphValue]);
  return value;
}

function isLink(input: DeferredInput): input is Link {
  return input !== null && !(input instanceof Snapshot);
}
