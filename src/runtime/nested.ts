// Nested tensors as transformer encoders use them: a padded tensor [B, L, …] that knows which places are filled.

import type { Tensor } from './tensor';

const padding = new WeakMap<Tensor, Tensor>();

/** The mask [B, L], true where there is something, of a tensor that stands for a nested one. */
export function paddingOf(tensor: Tensor): Tensor | undefined {
  return padding.get(tensor);
}

/** The same elements as a nested tensor whose sequences end where `mask` turns false. */
export function withPadding(tensor: Tensor, mask: Tensor): Tensor {
  const result = tensor.view(tensor.shape, tensor.strides);
  padding.set(result, mask);
  return result;
}
