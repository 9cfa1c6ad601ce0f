// Padding layers: torch.nn.modules.padding.

import type { Tensor } from '../../tensor';
import { refuse, type Family, type Layer, type LayerForward } from './layer';
import { unary } from './unary';

export const paddings: Family = {
  ZeroPad1d: constant(1, 0),
  ZeroPad2d: constant(2, 0),
  ZeroPad3d: constant(3, 0),
  ConstantPad1d: constant(1),
  ConstantPad2d: constant(2),
  ConstantPad3d: constant(3),
  ReflectionPad1d: pad(1, 'reflect'),
  ReflectionPad2d: pad(2, 'reflect'),
  ReflectionPad3d: pad(3, 'reflect'),
  ReplicationPad1d: pad(1, 'replicate'),
  ReplicationPad2d: pad(2, 'replicate'),
  ReplicationPad3d: pad(3, 'replicate'),
  CircularPad1d: pad(1, 'circular', checkRank),
  CircularPad2d: pad(2, 'circular', checkRank),
  CircularPad3d: pad(3, 'circular', checkRank),
};

function pad(dims: number, mode: string, check: (x: Tensor, dims: number) => void = () => undefined): LayerForward {
  return unary((layer, x) => {
    check(x, dims);
    return layer.call('pad', x, layer.ints('padding', 2 * dims), mode);
  });
}

/** Zero padding of old files has no value stored. */
function constant(dims: number, fallback?: number): LayerForward {
  return unary((layer: Layer, x) =>
    layer.call('pad', x, layer.ints('padding', 2 * dims), 'constant', layer.float('value', fallback)),
  );
}

function checkRank(x: Tensor, dims: number): void {
  if (x.rank !== dims + 1 && x.rank !== dims + 2) {
    refuse(`expected ${dims + 1}D or ${dims + 2}D input (got ${x.rank}D input)`);
  }
}
