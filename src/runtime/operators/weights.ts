// Which tensors are weights: bound into a kernel's session instead of being copied at every call.

import type { Storage } from '../storage';
import type { Tensor } from '../tensor';

const seen = new WeakMap<Storage, number>();

/**
 * Whether the tensor is worth binding: a parameter, or a storage that is used again unchanged (constants of a frozen model).
 * A tensor that is computed anew at every forward (weight norm, spectral norm) would leave a dead session behind each time.
 */
function isWeight(tensor: Tensor): boolean {
  if (tensor.requiresGrad) return true;
  if (tensor.isPromised) return false;
  const known = seen.get(tensor.storage) === tensor.storage.version;
  seen.set(tensor.storage, tensor.storage.version);
  return known;
}

/** Those of the input positions `candidates` whose tensors are weights; all or none, so that a layer has two graphs at most. */
export function boundWeights(inputs: readonly (Tensor | null)[], candidates: readonly number[]): readonly number[] {
  const weights = candidates.map((i) => inputs[i] ?? null).map((tensor) => tensor === null || isWeight(tensor));
  return weights.every(Boolean) ? candidates : [];
}
