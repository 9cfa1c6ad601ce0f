// Serialises a described graph as an ONNX model (onnx.proto3, field numbers from the ONNX specification).

import { PbfWriter } from 'pbf';

import type { DType } from '../../model/dtype';
import type { Attribute, GraphBuilder, GraphNode, GraphValue, Initializer } from './graph';

/** TensorProto.DataType numbers. */
export const onnxTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

const irVersion = 10;
const opsetVersion = 22;

/** Room for a node, or for what is said of a tensor; most take less. */
const bytesPerPart = 256;

export interface GraphInput {
  readonly name: GraphValue;
  readonly dtype: DType;
  readonly rank: number;
}

/** The bytes of a model with these inputs (shapes left open) and outputs (types inferred by ONNX Runtime). */
export function encodeModel(
  graph: GraphBuilder,
  inputs: readonly GraphInput[],
  outputs: readonly GraphValue[],
): Uint8Array {
  // Weights can be large: without room for all of them the writer would copy them again each time that it grows.
  const weights = graph.initializers.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const parts = 1 + graph.nodes.length + graph.initializers.length + inputs.length;
  const pbf = new PbfWriter(new Uint8Array(weights + parts * bytesPerPart));
  pbf.writeVarintField(1, irVersion);
  pbf.writeMessage(7, writeGraph, { graph, inputs, outputs });
  pbf.writeMessage(8, writeOpset, opsetVersion);
  return pbf.finish();
}

function writeOpset(version: number, pbf: PbfWriter): void {
  pbf.writeVarintField(2, version);
}

interface GraphParts {
  readonly graph: GraphBuilder;
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly GraphValue[];
}

function writeGraph({ graph, inputs, outputs }: GraphParts, pbf: PbfWriter): void {
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, 'g');
  for (const initializer of graph.initializers) pbf.writeMessage(5, writeTensor, initializer);
  for (const input of inputs) pbf.writeMessage(11, writeInput, input);
  for (const output of outputs) pbf.writeMessage(12, writeOutput, output);
}

function writeNode(node: GraphNode, pbf: PbfWriter): void {
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(4, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    if (attribute !== undefined) pbf.writeMessage(5, writeAttribute, { name, attribute });
  }
}

const attributeType = { FLOAT: 1, INT: 2, STRING: 3, FLOATS: 6, INTS: 7, STRINGS: 8 } as const;

function writeAttribute({ name, attribute }: { name: string; attribute: Attribute }, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof attribute === 'number') {
    pbf.writeVarintField(3, attribute);
    pbf.writeVarintField(20, attributeType.INT);
  } else if (typeof attribute === 'string') {
    pbf.writeBytesField(4, new TextEncoder().encode(attribute));
    pbf.writeVarintField(20, attributeType.STRING);
  } else if ('float' in attribute) {
    pbf.writeFloatField(2, attribute.float);
    pbf.writeVarintField(20, attributeType.FLOAT);
  } else if ('floats' in attribute) {
    for (const value of attribute.floats) pbf.writeFloatField(7, value);
    pbf.writeVarintField(20, attributeType.FLOATS);
  } else if ('strings' in attribute) {
    for (const value of attribute.strings) pbf.writeBytesField(9, new TextEncoder().encode(value));
    pbf.writeVarintField(20, attributeType.STRINGS);
  } else {
    for (const value of attribute) pbf.writeVarintField(8, value);
    pbf.writeVarintField(20, attributeType.INTS);
  }
}

function writeTensor(initializer: Initializer, pbf: PbfWriter): void {
  for (const size of initializer.shape) pbf.writeVarintField(1, size);
  pbf.writeVarintField(2, onnxTypes[initializer.dtype]);
  pbf.writeStringField(8, initializer.name);
  pbf.writeBytesField(9, initializer.bytes);
}

/** `ValueInfoProto` of a tensor whose sizes are left open. */
export function writeInput(input: GraphInput, pbf: PbfWriter): void {
  pbf.writeStringField(1, input.name);
  pbf.writeMessage(2, writeType, input);
}

/** `ValueInfoProto` without a type, which ONNX Runtime infers. */
export function writeOutput(name: GraphValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
}

function writeType(input: GraphInput, pbf: PbfWriter): void {
  pbf.writeMessage(1, writeTensorType, input);
}

function writeTensorType(input: GraphInput, pbf: PbfWriter): void {
  pbf.writeVarintField(1, onnxTypes[input.dtype]);
  pbf.writeMessage(2, writeOpenShape, input.rank);
}

/** A shape of known rank with every size left open, so that one session serves every batch and image size. */
function writeOpenShape(rank: number, pbf: PbfWriter): void {
  for (let i = 0; i < rank; i++) pbf.writeMessage(1, () => undefined, null);
}
