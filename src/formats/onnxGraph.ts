// Graphs of ONNX files: nodes with their attributes and notes, initializers, inputs and outputs, functions.

import type {
  Encoded,
  OnnxAttribute,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from '../runtime/program';
import { beyondLimit, isCount } from './byteSource';
import { readTensor } from './onnxTensor';
import type { WeightFiles } from './onnxWeights';
import type { Field, Layout, Message, ProtobufReader } from './protobuf';

const MAX_SUBGRAPHS = 32;
/** Of all graphs and functions together. Large language models have ten thousand nodes, unrolled loops some ten times as many. */
const MAX_NODES = 250_000;
/** Initializers, and tensors in attributes; each of the former is a parameter of a module, which takes more than a node. */
const MAX_TENSORS = 80_000;

/** Messages that may be long, by the field numbers of onnx.proto3. */
const tensorLayout = (): Layout => new Map();
const attributeLayout = (): Layout =>
  new Map([
    [5, tensorLayout],
    [6, graphLayout],
    [10, tensorLayout],
    [11, graphLayout],
  ]);
const nodeLayout = (): Layout => new Map([[5, attributeLayout]]);
const graphLayout = (): Layout =>
  new Map([
    [1, nodeLayout],
    [5, tensorLayout],
  ]);
const functionLayout = (): Layout =>
  new Map([
    [7, nodeLayout],
    [11, attributeLayout],
  ]);
export const modelLayout: Layout = new Map([
  [7, graphLayout],
  [25, functionLayout],
]);

/** Reads the parts of one model. @throws AppError `corrupt`, `limit-exceeded`. */
export class GraphReader {
  private nodes = 0;
  private tensors = 0;

  constructor(
    private readonly reader: ProtobufReader,
    private readonly weights: WeightFiles,
  ) {}

  graph(message: Message, depth = 0): OnnxGraph {
    if (depth > MAX_SUBGRAPHS) {
      throw this.beyond(`its graphs are nested more than ${MAX_SUBGRAPHS} deep`);
    }
    const initializers = message.all(5).map((field) => this.tensor(field));
    return {
      nodes: message.all(1).map((field) => this.node(field, depth)),
      initializers: new Map(initializers.map((tensor) => [tensor.name, tensor])),
      inputs: message.all(11).map((field) => this.value(field)),
      outputs: message.all(12).map((field) => this.value(field)),
    };
  }

  function(field: Field): OnnxFunction {
    const message = this.reader.message(field);
    return {
      name: message.text(1),
      domain: domainName(message.text(10)),
      inputs: message.texts(4),
      outputs: message.texts(5),
      nodes: message.all(7).map((field) => this.node(field, 0)),
      defaults: message.all(11).map((attribute) => this.attribute(attribute, 0)),
      opsets: readOpsets(message.messages(9)),
      encoded: this.encoded(field),
    };
  }

  private node(field: Field, depth: number): OnnxNode {
    if (++this.nodes > MAX_NODES) throw this.beyond(`it has more than ${MAX_NODES} nodes`);
    const message = this.reader.message(field);
    const metadata = message.messages(9);
    return {
      inputs: message.texts(1),
      outputs: message.texts(2),
      name: message.text(3),
      opType: message.text(4),
      domain: domainName(message.text(7)),
      attributes: message.all(5).map((field) => this.attribute(field, depth)),
      metadata: metadata.length === 0 ? noMetadata : new Map(metadata.map((entry) => [entry.text(1), entry.text(2)])),
    };
  }

  private attribute(field: Field, depth: number): OnnxAttribute {
    const message = this.reader.message(field);
    const graphs = [...message.messages(6), ...message.messages(11)].map((graph) => this.graph(graph, depth + 1));
    return {
      name: message.text(1),
      value: this.attributeValue(message),
      graphs,
      reference: message.text(21),
      encoded: this.encoded(field),
    };
  }

  /** By the field that is there: old files have no type beside it. */
  private attributeValue(message: Message): number | string | OnnxTensor | undefined {
    const tensor = message.last(5);
    if (tensor !== undefined) return this.tensor(tensor);
    const [float, int, text] = [message.float(2), message.last(3), message.last(4)];
    // A float of zero may be left out, and then its type tells.
    if (float !== undefined || message.int(20) === FLOAT) return float ?? 0;
    if (int !== undefined || message.int(20) === INT) return int?.value ?? 0;
    return text?.bytes === undefined ? undefined : this.reader.text(text);
  }

  private tensor(field: Field): OnnxTensor {
    if (++this.tensors > MAX_TENSORS) throw this.beyond(`it has more than ${MAX_TENSORS} tensors`);
    return readTensor(this.reader.message(field), field, this.reader, this.weights);
  }

  /** `ValueInfoProto`: a name, and the type of a tensor with its sizes. */
  private value(field: Field): OnnxValue {
    const message = this.reader.message(field);
    const [type] = message.messages(2);
    const [tensor] = type?.messages(1) ?? [];
    const [shape] = tensor?.messages(2) ?? [];
    const sizes = shape?.messages(1).map((size): number | string | null => {
      const value = size.last(1)?.value;
      if (value !== undefined && isCount(value)) return value;
      return size.text(2) === '' ? null : size.text(2);
    });
    return { name: message.text(1), type: tensor?.int(1) ?? 0, shape: sizes, encoded: this.encoded(field) };
  }

  private encoded(field: Field): () => Encoded {
    return () => field.bytes ?? this.reader.source.read(field.start, field.end - field.start);
  }

  private beyond(reason: string): Error {
    return beyondLimit(this.reader.source.name, reason);
  }
}

const noMetadata: ReadonlyMap<string, string> = new Map();

/** `AttributeProto.AttributeType`. */
const FLOAT = 1;
const INT = 2;

/** Versions of the domains of operators. */
export function readOpsets(messages: readonly Message[]): Map<string, number> {
  return new Map(messages.map((opset) => [domainName(opset.text(1)), opset.int(2)]));
}

/** ONNX's own domain has two names. */
function domainName(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}
