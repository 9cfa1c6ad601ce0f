// An ONNX file as its format read it: the graph with its names, and tensors whose elements stay in the file.

/** A model file (`ModelProto`). */
export interface OnnxFile {
  /** Base name, for messages. */
  readonly name: string;
  readonly irVersion: number;
  /** Version of each domain of operators; ONNX's own is `''`. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  readonly functions: readonly OnnxFunction[];
}

/** The graph of the model, or of a branch of `If` or the body of `Loop` and `Scan`. */
export interface OnnxGraph {
  /** In an order in which they can run. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** An operator of the file itself, made of other operators. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  /** Attributes with a value of their own, which a call may leave out. */
  readonly defaults: readonly OnnxAttribute[];
  readonly opsets: ReadonlyMap<string, number>;
  /** `FunctionProto` as in the file. */
  encoded(): Encoded;
}

export interface OnnxNode {
  readonly opType: string;
  /** `''` for ONNX's own operators. */
  readonly domain: string;
  readonly name: string;
  /** Names of values; `''` for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
  /** What exporters note beside a node. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface OnnxAttribute {
  readonly name: string;
  /** Of the kinds that matter here; undefined for the others. */
  readonly value: number | string | OnnxTensor | undefined;
  /** Subgraphs. */
  readonly graphs: readonly OnnxGraph[];
  /** In the body of a function: the attribute of the call that gives the value; else `''`. */
  readonly reference: string;
  /** `AttributeProto` as in the file. */
  encoded(): Encoded;
}

export interface OnnxTensor {
  readonly name: string;
  /** `TensorProto.DataType`. */
  readonly type: number;
  readonly shape: readonly number[];
  /** Elements as little-endian bytes; undefined for strings, and where the file of the weights is missing. */
  readonly data: TensorBytes | undefined;
  /** `TensorProto` as in the file; its elements may lie in another file. */
  encoded(): Encoded;
}

export interface TensorBytes {
  readonly byteLength: number;
  /** @throws AppError as reading the file does. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Bytes at hand, or still to be read from the file. */
export type Encoded = Uint8Array | Promise<Uint8Array>;

/** An input or output of a graph. */
export interface OnnxValue {
  readonly name: string;
  /** `TensorProto.DataType`; 0 where it is no tensor or not told. */
  readonly type: number;
  /** A number, the name of a size that is left open, or null; undefined where the rank is not told. */
  readonly shape: readonly (number | string | null)[] | undefined;
  /** `ValueInfoProto` as in the file. */
  encoded(): Encoded;
}
