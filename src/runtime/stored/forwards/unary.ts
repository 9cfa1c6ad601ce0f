// Layers that take one tensor.

import type { Tensor } from '../../tensor';
import type { Value } from '../../values';
import type { Layer, LayerForward } from './layer';
import { required } from './signature';

const input = [required('input')];

/** A layer whose forward takes `input` and calls no other module. */
export function unary(run: (layer: Layer, input: Tensor) => Value | Promise<Value>): LayerForward {
  return { parameters: input, run: (layer, args) => run(layer, args.tensor('input')) };
}
