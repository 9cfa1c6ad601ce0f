// The encoder of torch.nn.modules.transformer, on torch's fused kernel where torch takes it.

import { paddingOf } from '../../nested';
import type { Tensor } from '../../tensor';
import type { Value } from '../../values';
import { refuse, type Layer } from './layer';
import { canonicalMask, mergeMasks, needsGradient } from './masks';
import type { Arguments } from './signature';
import { attention, detectCausal, feedForward, inBlocks, sequenceLength, tensorOf } from './transformerBlocks';

export async function runEncoder(layer: Layer, args: Arguments): Promise<Value> {
  const src = args.tensor('src');
  const padding = await canonicalMask(layer, args.optionalTensor('src_key_padding_mask'), 'src_key_padding_mask', src);
  const mask = await canonicalMask(layer, args.optionalTensor('mask'), 'mask', src);
  const layers = layer.child('layers').children;
  const first = layers[0] ?? refuse('The encoder has no layers');
  let output = src;
  // Where a batch is padded, torch leaves the padded places out, and they come back as zeros.
  const filled = padding === null ? undefined : await filledPlaces(layer, first, src, mask, padding);
  if (filled !== undefined) output = await layer.call('_nested_tensor_from_mask', src, filled, false);
  const isCausal = detectCausal(mask, args.optionalBool('is_causal'), sequenceLength(src, first));
  const keywords = { src_mask: mask, is_causal: isCausal, src_key_padding_mask: filled === undefined ? padding : null };
  for (const each of layers) output = tensorOf(await each.forward([output], keywords));
  if (filled !== undefined) output = await layer.call('to_padded_tensor', output, 0, src.shape.map(BigInt));
  const norm = layer.optionalChild('norm');
  return norm === undefined ? output : norm.forward([output]);
}

/** True where `src` has something, if torch would make a nested tensor of it. */
async function filledPlaces(
  layer: Layer,
  first: Layer,
  src: Tensor,
  mask: Tensor | null,
  padding: Tensor,
): Promise<Tensor | undefined> {
  if (!layer.bool('use_nested_tensor', false) || first.training || src.rank !== 3 || mask !== null) return undefined;
  const filled = await layer.call('logical_not', padding);
  if (layer.bool('mask_check', true)) {
    const isAligned = await layer.operator('_nested_tensor_from_mask_left_aligned', src, filled);
    if (isAligned !== true) return undefined;
  }
  return needsGradient(layer, [src, ...encoderWeights(first)]) ? undefined : filled;
}

const hasBias = ['norm1', 'norm2', 'linear1', 'linear2'] as const;

/** Weights and biases of an encoder layer in the order of the fused kernel, the attention's before the others. */
function encoderWeights(layer: Layer): (Tensor | null)[] {
  const attention = layer.child('self_attn');
  const projection = attention.child('out_proj');
  return [
    ...[attention.tensor('in_proj_weight'), attention.tensor('in_proj_bias')],
    ...[projection.tensor('weight'), projection.tensor('bias')],
    ...hasBias.flatMap((name) => [layer.child(name).tensor('weight'), layer.child(name).tensor('bias')]),
  ];
}

export async function runEncoderLayer(layer: Layer, args: Arguments): Promise<Value> {
  const src = args.tensor('src');
  const padding = await canonicalMask(layer, args.optionalTensor('src_key_padding_mask'), 'src_key_padding_mask', src);
  const mask = await canonicalMask(layer, args.optionalTensor('src_mask'), 'src_mask', src);
  const normFirst = layer.bool('norm_first', false);
  if (takesFusedPath(layer, src, mask ?? padding)) return fused(layer, src, mask, padding, normFirst);
  const options = { attn_mask: mask, key_padding_mask: padding, is_causal: args.bool('is_causal') };
  const attend = (x: Tensor): Promise<Tensor> => attention(layer, 'self_attn', 'dropout1', [x, x, x], options);
  const feed = (x: Tensor): Promise<Tensor> => feedForward(layer, x, 'dropout2');
  return inBlocks(layer, src, normFirst, [attend, feed]);
}

function takesFusedPath(layer: Layer, src: Tensor, mask: Tensor | null): boolean {
  const inner = layer.child('self_attn');
  if (src.rank !== 3 || layer.training || !inner.bool('batch_first', false)) return false;
  if (inner.tensor('in_proj_bias') === null || inner.tensor('in_proj_weight') === null) return false;
  if (layer.int('activation_relu_or_gelu', 0n) === 0n) return false;
  if (layer.child('norm1').float('eps') !== layer.child('norm2').float('eps')) return false;
  if ((paddingOf(src) !== undefined && mask !== null) || inner.int('num_heads') % 2n === 1n) return false;
  return !needsGradient(layer, [src, ...encoderWeights(layer)]);
}

async function fused(
  layer: Layer,
  src: Tensor,
  mask: Tensor | null,
  padding: Tensor | null,
  normFirst: boolean,
): Promise<Value> {
  const inner = layer.child('self_attn');
  const [merged, type] = await mergeMasks(inner, mask, padding, src);
  const weights = encoderWeights(layer);
  const options = [layer.int('activation_relu_or_gelu') === 2n, normFirst, layer.child('norm1').float('eps')];
  const sizes = [inner.int('embed_dim'), inner.int('num_heads')];
  const all = [src, ...sizes, ...weights.slice(0, 4), ...options, ...weights.slice(4), merged, type];
  return layer.call('_transformer_encoder_layer_fwd', ...all);
}
