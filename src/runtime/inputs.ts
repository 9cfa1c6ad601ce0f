// What to give a model's forward: a shape that it will probably take, and tensors as the numbers that a signature asks for.

import type { InputSpec } from '../model/description';
import type { TensorSpec } from '../model/module';
import { AppError } from '../util/errors';
import { itemOf } from './item';
import { Tensor } from './tensor';
import type { Value } from './values';

export type Suggestion = NonNullable<InputSpec['suggestion']>;

/** What a suggestion needs to know of a module. */
export interface LayerView {
  readonly path: string;
  /** Class name without its package. */
  readonly type: string;
  /** A tensor, or what is known of one that lies elsewhere. */
  tensor(name: string): Value | TensorSpec | undefined;
  attribute(name: string): Value | undefined;
}

/** From the first layer with a weight: a batch of 2 (BatchNorm in train mode needs more than one value per channel). */
export function suggestInput(layers: Iterable<LayerView>): Suggestion | undefined {
  for (const layer of layers) {
    const { path, type } = layer;
    const weight = ['weight', 'weight_ih_l0', 'weight_ih', 'in_proj_weight']
      .map((name) => layer.tensor(name))
      .find(isTensorLike);
    if (weight === undefined) continue;
    const shape = shapeFor(type, weight, layer);
    if (shape === undefined) continue;
    const dtype = type.startsWith('Embedding') ? 'int64' : weight.dtype;
    return { shape, dtype, from: `${path === '' ? type : path} (${type})` };
  }
  return undefined;
}

type TensorLike = Pick<TensorSpec, 'shape' | 'dtype'>;

function isTensorLike(value: Value | TensorSpec | undefined): value is (Value | TensorSpec) & TensorLike {
  return typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value;
}

function shapeFor(type: string, weight: TensorLike, layer: LayerView): readonly number[] | undefined {
  const [outputs = 1, inputs = 1] = weight.shape;
  if (type === 'Embedding' || type === 'EmbeddingBag') return [2, 16];
  if (/^(LSTM|GRU|RNN|MultiheadAttention)$/.test(type)) return [2, 16, inputs];
  if (/^(LSTM|GRU|RNN)Cell$/.test(type)) return [2, inputs];
  if (type === 'Linear') return [2, inputs];
  const spatial = weight.shape.length - 2;
  const side = [64, 64, 16][spatial - 1];
  if (type.startsWith('Conv') && side !== undefined) {
    const groups = layer.attribute('groups');
    const channels = type.includes('Transpose') ? outputs : inputs * (typeof groups === 'bigint' ? Number(groups) : 1);
    return [2, channels, ...new Array<number>(spatial).fill(side)];
  }
  const dims = /^(?:Batch|Instance)Norm([123])d$/.exec(type)?.[1];
  if (dims !== undefined)
    return type === 'BatchNorm1d' ? [2, outputs] : [2, outputs, ...new Array<number>(Number(dims)).fill(16)];
  if (type === 'LayerNorm' || type === 'RMSNorm') return [2, ...weight.shape];
  return undefined;
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
