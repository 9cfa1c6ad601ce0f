// BatchNorm and InstanceNorm: torch.nn.modules.batchnorm and instancenorm.

import { verifyBatchSize } from '../../operators/norm';
import type { Tensor } from '../../tensor';
import { sizeText } from '../../operators/support';
import { refuse, type Family, type Layer, type LayerForward } from './layer';
import { unary } from './unary';

export const batchNorms: Family = {
  BatchNorm1d: batchNorm((rank) => rank === 2 || rank === 3, '2D or 3D'),
  BatchNorm2d: batchNorm((rank) => rank === 4, '4D'),
  BatchNorm3d: batchNorm((rank) => rank === 5, '5D'),
  // One process alone: its statistics are those of its own batch.
  SyncBatchNorm: batchNorm(
    (rank) => rank >= 2,
    'at least 2D',
    (x) => {
      if (x.shape[1] === 0) refuse('SyncBatchNorm number of input channels should be non-zero');
    },
  ),
};

export const instanceNorms: Family = {
  InstanceNorm1d: instanceNorm(2, '2D or 3D'),
  InstanceNorm2d: instanceNorm(3, '3D or 4D'),
  InstanceNorm3d: instanceNorm(4, '4D or 5D'),
};

function batchNorm(
  takes: (rank: number) => boolean,
  ranks: string,
  check: (input: Tensor) => void = () => undefined,
): LayerForward {
  return unary(async (layer, x) => {
    if (!takes(x.rank)) refuse(`expected ${ranks} input (got ${x.rank}D input)`);
    check(x);
    const { training } = layer;
    const [mean, variance] = [layer.tensor('running_mean'), layer.tensor('running_var')];
    const tracks = layer.bool('track_running_stats', mean !== null);
    const momentum = layer.optionalFloat('momentum', 0.1);
    let factor = momentum ?? 0;
    if (training && tracks) {
      const counter = layer.tensor('num_batches_tracked');
      if (counter !== null) {
        await layer.call('add_', counter, 1n);
        // Without momentum the statistics are the average over all batches so far.
        factor = momentum ?? 1 / Number(counter.toNumbers()[0]);
      }
    }
    const byBatch = training || (mean === null && variance === null);
    if (byBatch) verifyBatchSize(x.shape, sizeText(x.shape));
    const eps = layer.float('eps');
    if (byBatch && eps <= 0) refuse(`batch_norm eps must be positive during training, but got ${eps}`);
    if (eps < 0) refuse(`batch_norm eps must be non-negative, but got ${eps}`);
    const used = !training || tracks;
    const statistics = used ? [mean, variance] : [null, null];
    const affine = [layer.tensor('weight'), layer.tensor('bias')];
    return layer.call('batch_norm', x, ...affine, ...statistics, byBatch, factor, eps, false);
  });
}

function instanceNorm(unbatchedRank: number, ranks: string): LayerForward {
  return unary(async (layer, x) => {
    if (x.rank !== unbatchedRank && x.rank !== unbatchedRank + 1) {
      refuse(`expected ${ranks} input (got ${x.rank}D input)`);
    }
    const dim = x.rank - unbatchedRank;
    const features = Number(layer.int('num_features'));
    if (x.shape[dim] !== features) {
      const words = `input's size at dim=${dim}`;
      if (layer.bool('affine', false)) {
        refuse(`expected ${words} to match num_features (${features}), but got: ${x.shape[dim] ?? 0}.`);
      }
      layer.warn(`${words} does not match num_features, which is not used because affine=False`);
    }
    if (dim === 1) return normaliseInstances(layer, x);
    const normalised = await normaliseInstances(layer, await layer.call('unsqueeze', x, 0n));
    return layer.call('squeeze', normalised, 0n);
  });
}

function normaliseInstances(layer: Layer, x: Tensor): Promise<Tensor> {
  const [mean, variance] = [layer.tensor('running_mean'), layer.tensor('running_var')];
  const byInput = layer.training || !layer.bool('track_running_stats', mean !== null);
  if (byInput && x.shape.slice(2).reduce((product, size) => product * size, 1) === 1) {
    refuse(`Expected more than 1 spatial element when training, got input size ${sizeText(x.shape)}`);
  }
  const [weight, bias, eps] = [layer.tensor('weight'), layer.tensor('bias'), layer.float('eps')];
  const momentum = layer.optionalFloat('momentum', 0.1) ?? 0;
  return layer.call('instance_norm', x, weight, bias, mean, variance, byInput, momentum, eps, false);
}
