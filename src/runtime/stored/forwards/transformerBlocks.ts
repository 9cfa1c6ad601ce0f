// What encoder and decoder layers have in common: attention and feed-forward with their norms, activations, causal masks.

import { Tensor } from '../../tensor';
import { OpaqueValue, type Value } from '../../values';
import { itemsOf } from '../../values';
import { refuse, type Layer } from './layer';

/** x + block(norm(x)) for each block, or norm(x + block(x)). */
export async function inBlocks(
  layer: Layer,
  input: Tensor,
  normFirst: boolean,
  blocks: readonly ((x: Tensor) => Promise<Tensor>)[],
): Promise<Tensor> {
  let x = input;
  for (const [i, block] of blocks.entries()) {
    const norm = layer.child(`norm${i + 1}`);
    x = normFirst
      ? await layer.call('add', x, await block(await norm.forwardTensor(x)))
      : await norm.forwardTensor(await layer.call('add', x, await block(x)));
  }
  return x;
}

export async function attention(
  layer: Layer,
  name: string,
  dropout: string,
  inputs: readonly Tensor[],
  options: Readonly<Record<string, Value>>,
): Promise<Tensor> {
  const result = await layer.child(name).forward(inputs, { ...options, need_weights: false });
  return layer.child(dropout).forwardTensor(tensorOf(itemsOf(result)?.[0] ?? result));
}

export async function feedForward(layer: Layer, x: Tensor, dropout: string): Promise<Tensor> {
  const inner = await activate(layer, await layer.child('linear1').forwardTensor(x));
  const dropped = await layer.child('dropout').forwardTensor(inner);
  return layer.child(dropout).forwardTensor(await layer.child('linear2').forwardTensor(dropped));
}

/** Functions of one tensor that pickles name, as operators. */
const functions: ReadonlyMap<string, string> = new Map([
  ...['relu', 'silu', 'selu', 'celu', 'elu', 'mish', 'leaky_relu', 'relu6', 'hardswish', 'tanh', 'sigmoid'].map(
    (name) => [`torch.nn.functional.${name}`, name] as const,
  ),
  ...['relu', 'selu', 'celu', 'tanh', 'sigmoid'].map((name) => [`torch.${name}`, name] as const),
  ['torch._C._nn.gelu', 'gelu'],
  // Before torch 1.12 it was a Python function.
  ['torch.nn.functional.gelu', 'gelu'],
]);

/** A module, or a function by name; relu where an old file has none. */
function activate(layer: Layer, x: Tensor): Promise<Tensor> {
  const module = layer.optionalChild('activation');
  if (module !== undefined) return module.forwardTensor(x);
  const value = layer.module.attributes.get('activation');
  if (value === undefined) return layer.call('relu', x);
  const name = value instanceof OpaqueValue ? functions.get(value.typeName) : undefined;
  return name === undefined ? layer.wrong('activation', value, 'a function of torch') : layer.call(name, x);
}

export function sequenceLength(src: Tensor, first: Layer): number {
  const batchFirst = first.child('self_attn').bool('batch_first', false);
  return src.shape[src.rank === 3 && batchFirst ? 1 : 0] ?? 0;
}

/** Whether the mask is the causal one: −∞ above the diagonal, 0 elsewhere. What the caller says counts more. */
export function detectCausal(mask: Tensor | null, said: boolean | null, size: number): boolean {
  if (said !== null || mask === null) return said === true;
  if (mask.shape.join() !== [size, size].join()) return false;
  const values = mask.toNumbers();
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== (i % size > Math.floor(i / size) ? -Infinity : 0)) return false;
  }
  return true;
}

export function tensorOf(value: Value): Tensor {
  return value instanceof Tensor ? value : refuse('A layer of the transformer did not return a tensor');
}
