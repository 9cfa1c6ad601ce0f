// Describing work for ONNX Runtime: which nodes with which attributes, apart from when and where they run.

import { itemSize, type DType } from '../../model/dtype';
import { bytesOfElements } from '../elements';
import { Tensor, type Shape } from '../tensor';

/** An ONNX attribute. A bare number or list is an INT; floats say so, since JavaScript can't tell 1 from 1.0. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] };

export type Attributes = Readonly<Record<string, Attribute | undefined>>;

/** A value in a graph under construction: the name of a tensor, or `''` for an optional input that is left out. */
export type GraphValue = string;

export interface GraphNode {
  readonly opType: string;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly attributes: Attributes;
}

/** A constant of the graph. */
export interface Initializer {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Collects the nodes of one ONNX graph. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly initializers: Initializer[] = [];
  private counter = 0;

  /** Adds a node with one output. */
  node(opType: string, inputs: readonly GraphValue[], attributes: Attributes = {}): GraphValue {
    return this.add(opType, inputs, attributes, 1)[0] as GraphValue;
  }

  /** Adds a node with several outputs. */
  nodeWithOutputs(
    opType: string,
    inputs: readonly GraphValue[],
    attributes: Attributes,
    outputs: number,
  ): readonly GraphValue[] {
    return this.add(opType, inputs, attributes, outputs);
  }

  /** A constant tensor. Its elements are not copied: they must stay as they are until the graph is encoded. */
  constant(tensor: Tensor): GraphValue {
    const name = this.fresh();
    this.initializers.push({
      name,
      dtype: tensor.dtype,
      shape: tensor.shape,
      bytes: bytesOfElements(tensor.contiguousElements()),
    });
    return name;
  }

  /** A constant list of int64, as ONNX takes axes and shapes. */
  ints(values: readonly number[]): GraphValue {
    return this.constant(Tensor.of('int64', [values.length], BigInt64Array.from(values, BigInt)));
  }

  /** A constant scalar of the dtype. */
  scalar(dtype: DType, value: number): GraphValue {
    const tensor = Tensor.zeros(dtype, []);
    const { elements } = tensor.storage;
    if (elements instanceof BigInt64Array) elements[0] = BigInt(value);
    else elements[0] = value;
    return this.constant(tensor);
  }

  fresh(): GraphValue {
    return `v${this.counter++}`;
  }

  private add(
    opType: string,
    inputs: readonly GraphValue[],
    attributes: Attributes,
    count: number,
  ): readonly GraphValue[] {
    const outputs = Array.from({ length: count }, () => this.fresh());
    this.nodes.push({ opType, inputs, outputs, attributes });
    return outputs;
  }
}

/** Parameters of a graph description; they are part of its identity, so a description may depend on them and on nothing else. */
export type GraphParameters = Readonly<Record<string, unknown>>;

/** Adds nodes that compute the outputs from the inputs. Must depend on `parameters` and the inputs' dtypes and ranks only. */
export type DescribeGraph<P extends GraphParameters> = (
  graph: GraphBuilder,
  inputs: readonly GraphValue[],
  parameters: P,
) => GraphValue | readonly GraphValue[];

/** One piece of work for the kernels: a described graph and the tensors that go in. */
export class KernelCall {
  constructor(
    /** Together with `parameters`, dtypes and ranks, the identity of the graph. */
    readonly name: string,
    readonly parameters: GraphParameters,
    readonly inputs: readonly (Tensor | null)[],
    readonly describe: DescribeGraph<GraphParameters>,
    /** Inputs that rarely change (weights): bound into the session instead of copied at every call. */
    readonly bound: readonly number[],
    /** Shape of the result, where the call has one output, of float32, and its shape is known beforehand: it may be deferred. */
    readonly shape?: Shape,
  ) {}

  /** The same call, with the shape of its only output, which is float32 where all inputs are. */
  giving(shape: Shape): KernelCall {
    return new KernelCall(this.name, this.parameters, this.inputs, this.describe, this.bound, shape);
  }
}

/** The tensors that the call binds into its session. */
export function boundTensors(call: KernelCall): readonly Tensor[] {
  return call.bound.map((i) => call.inputs[i] ?? null).filter((tensor) => tensor !== null);
}

/** Size of the tensors that the call binds. */
export function boundBytes(call: KernelCall): number {
  return boundTensors(call).reduce((sum, { elementCount, dtype }) => sum + elementCount * itemSize[dtype], 0);
}

/**
 * A call of a graph of several nodes. `describe` must be a pure function of its arguments: the graph is built once for each
 * `name`, `parameters`, dtypes and ranks, and reused.
 */
export function kernelGraph<P extends GraphParameters>(
  name: string,
  parameters: P,
  inputs: readonly (Tensor | null)[],
  describe: DescribeGraph<P>,
  bound: readonly number[] = [],
): KernelCall {
  return new KernelCall(name, parameters, inputs, describe as DescribeGraph<GraphParameters>, bound);
}

/** A call of a single ONNX operator with one output; null inputs are left out. */
export function kernel(
  opType: string,
  inputs: readonly (Tensor | null)[],
  attributes: Attributes = {},
  bound: readonly number[] = [],
): KernelCall {
  return kernelGraph(opType, { opType, attributes }, inputs, describeSingle, bound);
}

function describeSingle(
  graph: GraphBuilder,
  inputs: readonly GraphValue[],
  { opType, attributes }: { readonly opType: string; readonly attributes: Attributes },
): GraphValue {
  return graph.node(opType, inputs, attributes);
}
