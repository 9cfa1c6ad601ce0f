// What is fuzzed: for each format and layout its valid small models, and the mutations that know how its bytes are built.

import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { Draw } from './draw';
import type { Mutated } from './mutant';
import { mutateArchive } from './mutations/archive';
import { join, mutateBytes } from './mutations/bytes';
import { mutateSafetensors, mutateTar } from './mutations/containers';
import { mutateFlatbuffer } from './mutations/flatbuffer';
import { mutateJson } from './mutations/json';
import { mutatePickle } from './mutations/pickle';
import { mutateProtobuf } from './mutations/protobuf';

/** The files of one model in one folder, by name, and which of them is opened. */
export interface ModelFiles {
  readonly main: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Of the input that the model takes, where neither the file nor its first layer tells one. */
  readonly inputShape?: readonly number[];
}

type Mutation = (bytes: Uint8Array, draw: Draw, other: Uint8Array) => Mutated;

export interface FuzzFormat {
  readonly models: () => readonly ModelFiles[];
  /** The mutation for a file by its name. */
  readonly mutate: (file: string) => Mutation;
}

const fixtures = path.join(__dirname, '../fixtures');

/** By file; the others have sample inputs, or a shape of their own. */
const inputShapes: Readonly<Record<string, readonly number[]>> = {
  'attributes.pt': [2],
  'scripted.pt': [1, 3, 6, 6],
  'network.pth': [1, 1, 8, 8],
  'network_legacy.pth': [2, 3],
  'module.pth': [2, 3],
};

/** The committed models, each with the files beside it that it names. */
function committed(...paths: readonly (readonly [main: string, ...beside: readonly string[]])[]): () => ModelFiles[] {
  let read: ModelFiles[] | undefined;
  return () =>
    (read ??= paths.map(([main, ...beside]) => {
      const shape = inputShapes[path.basename(main)];
      const bytes = [main, ...beside].map((file) => [
        path.basename(file),
        new Uint8Array(readFileSync(path.join(fixtures, file))),
      ]);
      return {
        main: path.basename(main),
        files: Object.fromEntries(bytes) as Record<string, Uint8Array>,
        ...(shape === undefined ? {} : { inputShape: shape }),
      };
    }));
}

export const fuzzFormats: ReadonlyMap<string, FuzzFormat> = new Map<string, FuzzFormat>([
  [
    'torchscript',
    {
      models: committed(
        ['formats/scripted.pt'],
        ['formats/traced.pt'],
        ['formats/attributes.pt'],
        ['formats/frozen.pt'],
      ),
      mutate: () => mutateArchive,
    },
  ],
  ['exported', { models: committed(['formats/exported.pt2']), mutate: () => mutateArchive }],
  ['exported-2.8', { models: committed(['formats/exported_2_8.pt2']), mutate: () => mutateArchive }],
  ['exported-2.6', { models: committed(['formats/exported_2_6.pt2']), mutate: () => mutateArchive }],
  [
    'torch-save',
    {
      models: committed(['formats/module.pth'], ['formats/network.pth'], ['formats/checkpoint.pth']),
      mutate: () => mutateArchive,
    },
  ],
  ['legacy', { models: committed(['formats/legacy.pth'], ['formats/network_legacy.pth']), mutate: () => mutatePickle }],
  ['tar', { models: committed(['formats/first_versions.pth.tar']), mutate: () => mutateTar }],
  ['safetensors', { models: () => [safetensorsModel], mutate: () => mutateSafetensors }],
  [
    'shards',
    { models: () => [shardedModel], mutate: (file) => (file.endsWith('.json') ? mutateJson : mutateSafetensors) },
  ],
  [
    'onnx',
    {
      models: committed(
        ['onnx/train.onnx'],
        ['onnx/opset11.onnx'],
        ['onnx/nested.onnx'],
        ['onnx/dynamo.onnx'],
        ['onnx/mixed.onnx', 'onnx/mixed.onnx.data'],
      ),
      mutate: (file) => (file.endsWith('.onnx') ? mutateProtobuf : mutateBytes),
    },
  ],
  ['executorch', { models: committed(['onnx/plain.pte'], ['onnx/delegated.pte']), mutate: () => mutateFlatbuffer }],
]);

/** These float32 tensors of two elements each, all ones. */
function safetensors(names: readonly string[]): Uint8Array {
  const entries = names.map((name, i) => [name, { dtype: 'F32', shape: [2], data_offsets: [8 * i, 8 * i + 8] }]);
  const header = new TextEncoder().encode(
    JSON.stringify({ __metadata__: { format: 'pt' }, ...(Object.fromEntries(entries) as object) }),
  );
  const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
  return join(length, header, new Uint8Array(new Float32Array(2 * names.length).fill(1).buffer));
}

const statistics = ['bn.running_mean', 'bn.running_var'];
const weights = ['bn.weight', 'bn.bias'];
const safetensorsModel: ModelFiles = {
  main: 'model.safetensors',
  files: { 'model.safetensors': safetensors([...statistics, ...weights]) },
};

const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const index = {
  metadata: { total_size: 32 },
  weight_map: Object.fromEntries([
    ...statistics.map((name) => [name, first] as const),
    ...weights.map((name) => [name, second] as const),
  ]),
};
const shardedModel: ModelFiles = {
  main: 'model.safetensors.index.json',
  files: {
    'model.safetensors.index.json': new TextEncoder().encode(JSON.stringify(index)),
    [first]: safetensors(statistics),
    [second]: safetensors(weights),
  },
};
