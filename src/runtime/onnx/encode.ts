// Writes a part of a graph as an ONNX model of its own; large tensors go beside it instead of into it.

import { PbfWriter } from 'pbf';

import type { SessionFile } from '../kernels/backend';
import { writeInput, writeOutput, type GraphInput } from '../kernels/onnxModel';
import type { OnnxFile, OnnxNode, OnnxTensor } from './onnxFile';

/** Tensors up to this many bytes stand in the model, where ONNX Runtime can compute with them while it plans. */
const maxInline = 1024;
/** The first version in which an initializer need not be an input as well. */
const minIrVersion = 4;

export interface GraphPart {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly string[];
  readonly initializers: readonly OnnxTensor[];
}

/** The bytes of the model, and the files that its large tensors are said to lie in. @throws AppError as reading does. */
export async function encodePart(
  file: OnnxFile,
  part: GraphPart,
): Promise<{ readonly model: Uint8Array; readonly files: readonly SessionFile[] }> {
  const files: SessionFile[] = [];
  const initializers: Uint8Array[] = [];
  for (const tensor of part.initializers) initializers.push(await encodeTensor(tensor, files));
  const nodes: Uint8Array[] = [];
  for (const node of part.nodes) nodes.push(await encodeNode(node));
  const functions: Uint8Array[] = [];
  for (const definition of file.functions) functions.push(await definition.encoded());

  const pbf = new PbfWriter();
  pbf.writeVarintField(1, Math.max(minIrVersion, file.irVersion));
  pbf.writeMessage(7, writeGraph, { ...part, nodes, initializers });
  for (const [domain, version] of file.opsets) {
    pbf.writeMessage(8, writeOpset, { domain, version });
  }
  for (const encoded of functions) pbf.writeBytesField(25, encoded);
  return { model: pbf.finish(), files };
}

interface EncodedGraph {
  readonly nodes: readonly Uint8Array[];
  readonly initializers: readonly Uint8Array[];
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly string[];
}

function writeGraph({ nodes, initializers, inputs, outputs }: EncodedGraph, pbf: PbfWriter): void {
  for (const node of nodes) pbf.writeBytesField(1, node);
  pbf.writeStringField(2, 'part');
  for (const initializer of initializers) pbf.writeBytesField(5, initializer);
  for (const input of inputs) pbf.writeMessage(11, writeInput, input);
  for (const output of outputs) pbf.writeMessage(12, writeOutput, output);
}

function writeOpset({ domain, version }: { domain: string; version: number }, pbf: PbfWriter): void {
  if (domain !== '') pbf.writeStringField(1, domain);
  pbf.writeVarintField(2, version);
}

async function encodeNode(node: OnnxNode): Promise<Uint8Array> {
  const pbf = new PbfWriter();
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.opType);
  for (const attribute of node.attributes) pbf.writeBytesField(5, await attribute.encoded());
  if (node.domain !== '') pbf.writeStringField(7, node.domain);
  return pbf.finish();
}

async function encodeTensor(tensor: OnnxTensor, files: SessionFile[]): Promise<Uint8Array> {
  const { name, shape, type, data } = tensor;
  if (data === undefined) return tensor.encoded();
  const pbf = new PbfWriter();
  for (const size of shape) pbf.writeVarintField(1, size);
  pbf.writeVarintField(2, type);
  pbf.writeStringField(8, name);
  const bytes = await data.read(0, data.byteLength);
  if (bytes.length <= maxInline) pbf.writeBytesField(9, bytes);
  else {
    const path = `tensor${files.length}`;
    files.push({ path, bytes });
    const entries = { location: path, offset: '0', length: String(bytes.length) };
    for (const entry of Object.entries(entries)) pbf.writeMessage(13, writeEntry, entry);
    pbf.writeVarintField(14, EXTERNAL);
  }
  return pbf.finish();
}

/** `TensorProto.DataLocation`. */
const EXTERNAL = 1;

function writeEntry([key, value]: readonly [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}
