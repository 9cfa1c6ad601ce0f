// Attention masks, and the conditions under which torch takes its fused kernels.

import { isFloating } from '../../elements';
import type { Tensor } from '../../tensor';
import { refuse, type Layer } from './layer';

/** A mask of booleans as numbers that are added to the scores: −∞ where it is true. */
export async function canonicalMask(
  layer: Layer,
  mask: Tensor | null,
  name: string,
  like: Tensor,
): Promise<Tensor | null> {
  if (mask === null || isFloating(mask.dtype)) return mask;
  if (mask.dtype !== 'bool') refuse(`only bool and floating types of ${name} are supported`);
  const zeros = await layer.call('new_zeros', like, mask.shape.map(BigInt));
  return layer.call('masked_fill', zeros, mask, -Infinity);
}

/** Both masks as one for the fused kernels, with torch's number for its kind: 1 for [B, L], 2 for [B, heads, L, L]. */
export async function mergeMasks(
  attention: Layer,
  mask: Tensor | null,
  padding: Tensor | null,
  query: Tensor,
): Promise<readonly [Tensor | null, bigint | null]> {
  if (mask === null) return [padding, padding === null ? null : 1n];
  const [batch = 0n, length = 0n] = query.shape.map(BigInt);
  const heads = attention.int('num_heads');
  const shape = mask.rank === 3 ? [batch, -1n, length, length] : [1n, 1n, length, length];
  let merged = await attention.call('view', mask, shape);
  if (mask.rank !== 3) merged = await attention.call('expand', merged, [batch, heads, -1n, -1n]);
  if (padding === null) return [merged, 2n];
  const spread = await attention.call('view', padding, [batch, 1n, 1n, length]);
  const perHead = await attention.call('expand', spread, [-1n, heads, -1n, -1n]);
  return [await attention.call('add', merged, perHead), 2n];
}

/** The fused kernels have no backward: torch takes them only where nothing asks for one. */
export function needsGradient(layer: Layer, tensors: readonly (Tensor | null)[]): boolean {
  return layer.gradEnabled && tensors.some((tensor) => tensor?.requiresGrad === true);
}
