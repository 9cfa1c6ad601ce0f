// Values of a graph that are known before it runs: initializers and constants, also through Identity nodes.

import type { DType } from '../../model/dtype';
import { itemSize } from '../../model/dtype';
import { onnxTypes } from '../kernels/onnxModel';
import { Storage } from '../storage';
import { contiguousStrides, elementCount, Tensor } from '../tensor';
import type { OnnxGraph, OnnxNode, OnnxTensor } from './onnxFile';

const dtypes = new Map(Object.entries(onnxTypes).map(([dtype, number]) => [number, dtype as DType]));

/** The dtype of a `TensorProto.DataType`; undefined for one that the runtime has no tensors of. */
export function dtypeOf(type: number): DType | undefined {
  return dtypes.get(type);
}

/** A tensor of its own whose elements are read when they are needed; undefined where the runtime has none of this type. */
export function lazyTensor({ type, shape, data }: OnnxTensor): Tensor | undefined {
  const dtype = dtypeOf(type);
  const count = elementCount(shape);
  if (dtype === undefined || data?.byteLength !== count * itemSize[dtype]) return undefined;
  const storage = Storage.lazy(dtype, count, (offset, length) => data.read(offset, length));
  return new Tensor(storage, shape, contiguousStrides(shape));
}

/** What is known of the values that the nodes of one graph can see. */
export class GraphValues {
  private readonly producers = new Map<string, OnnxNode>();

  constructor(
    private readonly graph: OnnxGraph,
    /** The graph around this one, whose values it sees as well. */
    private readonly outer?: GraphValues,
  ) {
    for (const node of graph.nodes) for (const output of node.outputs) this.producers.set(output, node);
  }

  /** The node that computes a value; undefined for inputs and initializers. */
  producer(name: string): OnnxNode | undefined {
    return this.producers.get(name) ?? this.outer?.producer(name);
  }

  /** The constant that a value is; undefined where it is computed. */
  constant(name: string): OnnxTensor | undefined {
    const seen = new Set<string>();
    for (let current = name; !seen.has(current);) {
      seen.add(current);
      const initializer = this.initializer(current);
      if (initializer !== undefined) return initializer;
      const node = this.producer(current);
      if (node?.domain !== '') return undefined;
      if (node.opType === 'Constant') {
        const value = node.attributes.find((attribute) => attribute.name === 'value')?.value;
        return typeof value === 'object' ? value : undefined;
      }
      if (node.opType !== 'Identity') return undefined;
      current = node.inputs[0] ?? '';
    }
    return undefined;
  }

  /** The only element of a constant, or what it is written as in attributes; undefined where it is computed. */
  async scalar(name: string): Promise<number | undefined> {
    const tensor = this.constant(name);
    if (tensor === undefined) {
      const node = this.producer(name);
      if (node?.opType !== 'Constant') return undefined;
      const value = node.attributes.find((attribute) => /^value_(float|int)$/.test(attribute.name))?.value;
      return typeof value === 'number' ? value : undefined;
    }
    const lazy = lazyTensor(tensor);
    if (lazy?.elementCount !== 1) return undefined;
    await lazy.storage.load();
    return Number(lazy.toNumbers()[0]);
  }

  private initializer(name: string): OnnxTensor | undefined {
    return this.graph.initializers.get(name) ?? this.outer?.initializer(name);
  }
}

/** The shortest decimal number that is this one in single precision: 0.3 for 0.30000001192092896. */
export function shortestSingle(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
