// The dropout family: torch.nn.modules.dropout.

import type { Tensor } from '../../tensor';
import { refuse, type Family, type Layer } from './layer';
import { unary } from './unary';

export const dropouts: Family = {
  Dropout: unary((layer, x) => drop(layer, x, 'dropout')),
  Dropout1d: unary((layer, x) => {
    if (x.rank !== 2 && x.rank !== 3) {
      refuse(
        `dropout1d: Expected 2D or 3D input, but received a ${x.rank}D input. Note that dropout1d exists to provide ` +
          'channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension ' +
          '(i.e. 2D or 3D inputs).',
      );
    }
    return dropChannels(layer, x, x.rank === 3);
  }),
  // An input of three dimensions is still taken for [N, C, L].
  Dropout2d: unary((layer, x) => drop(layer, x, 'feature_dropout')),
  Dropout3d: unary((layer, x) => dropChannels(layer, x, x.rank === 5)),
  // torch ignores `inplace` of these two.
  AlphaDropout: unary((layer, x) => layer.call('alpha_dropout', x, probability(layer), layer.training)),
  FeatureAlphaDropout: unary((layer, x) => layer.call('feature_alpha_dropout', x, probability(layer), layer.training)),
};

function drop(layer: Layer, x: Tensor, name: string): Promise<Tensor> {
  return layer.call(layer.bool('inplace', false) ? `${name}_` : name, x, probability(layer), layer.training);
}

async function dropChannels(layer: Layer, x: Tensor, isBatched: boolean): Promise<Tensor> {
  if (isBatched) return drop(layer, x, 'feature_dropout');
  const dropped = await drop(layer, await layer.call('unsqueeze', x, 0n), 'feature_dropout');
  return layer.call('squeeze', dropped, 0n);
}

function probability(layer: Layer): number {
  const p = layer.float('p');
  if (p < 0 || p > 1) refuse(`dropout probability has to be between 0 and 1, but got ${p}`);
  return p;
}
