// ONNX models (`torch.onnx.export`): the graph with its notes; weights stay in the file, or in the files beside it.

import { damaged } from './byteSource';
import type { Format, OpenedFile } from './format';
import { GraphReader, modelLayout, readOpsets } from './onnxGraph';
import { WeightFiles } from './onnxWeights';
import type { Peek } from './peek';
import { ProtobufReader } from './protobuf';

export const onnx: Format = {
  name: 'ONNX',
  extensions: ['onnx'],
  match: ({ head }) =>
    // ModelProto begins with ir_version, then a field of text or a message.
    head[0] === 0x08 && head[1]! >= 1 && head[1]! <= 30 && firstFields.has(head[2]!),
  open: openOnnx,
};

/** Tags of the fields 2 to 8 of ModelProto. */
const firstFields: ReadonlySet<number> = new Set([0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42]);

async function openOnnx({ source }: Peek): Promise<OpenedFile> {
  const reader = new ProtobufReader(source);
  const model = await reader.read(0, source.size, modelLayout);
  const graph = model.last(7);
  if (graph === undefined) throw damaged(source.name, 'it holds no graph');
  const weights = new WeightFiles(source);
  const graphs = new GraphReader(reader, weights);
  const file = {
    name: source.name,
    irVersion: model.int(1),
    opsets: readOpsets(model.messages(8)),
    graph: graphs.graph(reader.message(graph)),
    functions: model.all(25).map((field) => graphs.function(field)),
  };
  return { format: 'onnx', contents: { kind: 'onnx', file }, problems: await weights.problems() };
}
