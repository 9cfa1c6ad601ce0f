// The arguments of a model's forward, and a shape that each will probably take.

import type { InputSpec } from '../../model/description';
import type { ScriptArchive } from '../program';
import { AppError } from '../../util/errors';
import { itemOf } from '../item';
import { Tensor } from '../tensor';
import type { Value } from '../values';
import type { CodeLibrary } from './codeLibrary';
import type { ModuleTree } from './moduleTree';

/** From the signature of the root's `forward`; shapes from the trace's inputs, else from the first layer with a weight. */
export async function inputSpecs(
  archive: ScriptArchive,
  library: CodeLibrary,
  tree: ModuleTree,
): Promise<readonly InputSpec[]> {
  const found = await library.findClass(archive.root.className);
  const parameters = found?.definition.methods.get('forward')?.parameters.slice(1) ?? [];
  return parameters.map((parameter, i): InputSpec => {
    const suggestion = suggest(archive, tree, i);
    return {
      name: parameter.name,
      type: parameter.type,
      hasDefault: parameter.defaultValue !== undefined,
      ...(suggestion !== undefined && parameter.type === 'Tensor' ? { suggestion } : {}),
    };
  });
}

/**
 * Arguments come as tensors; one that the signature calls a number takes the tensor's only element.
 * @throws AppError `bad-input` for a tensor of several.
 */
export function matchSignature(args: readonly Value[], specs: readonly InputSpec[]): Value[] {
  return args.map((value, i) => {
    const scalar = /^(?:Optional\[)?(int|float|bool)\b/.exec(specs[i]?.type ?? '')?.[1];
    if (scalar === undefined || !(value instanceof Tensor)) return value;
    if (value.elementCount !== 1) {
      const words = `forward() takes a value of type ${scalar} for '${specs[i]?.name ?? ''}'`;
      throw new AppError('bad-input', `${words}, but was given a tensor of shape [${value.shape.join(', ')}]`);
    }
    const item = itemOf(value);
    if (scalar === 'bool') return Boolean(Number(item));
    return scalar === 'float' ? Number(item) : BigInt(Math.trunc(Number(item)));
  });
}

type Suggestion = NonNullable<InputSpec['suggestion']>;

function suggest(archive: ScriptArchive, tree: ModuleTree, index: number): Suggestion | undefined {
  const traced = archive.tracedInputs?.[index];
  if (traced instanceof Tensor) return { shape: traced.shape, dtype: traced.dtype, from: 'the inputs of the trace' };
  return index === 0 ? fromFirstLayer(tree) : undefined;
}

/** Sizes that suit most models: a batch of 2 (BatchNorm in train mode needs more than one value per channel). */
function fromFirstLayer(tree: ModuleTree): Suggestion | undefined {
  for (const { object, path } of tree.nodes) {
    const weight = object.attributes.get('weight') ?? object.attributes.get('weight_ih_l0');
    if (!(weight instanceof Tensor)) continue;
    const type = object.className.slice(object.className.lastIndexOf('.') + 1);
    const from = `${path === '' ? type : path} (${type})`;
    const [outputs = 1, inputs = 1] = weight.shape;
    const { dtype } = weight;
    if (type === 'Embedding' || type === 'EmbeddingBag') return { shape: [2, 16], dtype: 'int64', from };
    if (/^(LSTM|GRU|RNN)$/.test(type)) return { shape: [2, 16, inputs], dtype, from };
    if (type === 'Linear') return { shape: [2, inputs], dtype, from };
    const spatial = weight.rank - 2;
    const side = [64, 64, 16][spatial - 1];
    if (type.startsWith('Conv') && side !== undefined) {
      const transposed = type.includes('Transpose');
      const groups = attributeInt(object.attributes.get('groups')) ?? 1;
      const channels = transposed ? outputs : inputs * groups;
      return { shape: [2, channels, ...new Array<number>(spatial).fill(side)], dtype, from };
    }
    if (/^BatchNorm1d$/.test(type)) return { shape: [2, outputs], dtype, from };
    if (/^BatchNorm2d$/.test(type)) return { shape: [2, outputs, 16, 16], dtype, from };
    if (/^LayerNorm$/.test(type)) return { shape: [2, ...weight.shape], dtype, from };
  }
  return undefined;
}

function attributeInt(value: unknown): number | undefined {
  return typeof value === 'bigint' ? Number(value) : undefined;
}
