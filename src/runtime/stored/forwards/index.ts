// The forwards of torch's own modules by their classes' qualified names.

import { activations } from './activation';
import { multiheadAttention } from './attention';
import { batchNorms, instanceNorms } from './batchnorm';
import { containers, wrapper } from './container';
import { convolutions } from './conv';
import { distances } from './distance';
import { dropouts } from './dropout';
import type { Family, LayerForward } from './layer';
import { flattens, linears } from './linear';
import { norms } from './normalization';
import { paddings } from './padding';
import { poolings } from './pooling';
import { recurrents } from './recurrent';
import { channelShuffles, folds, pixelShuffles, upsamplings } from './resampling';
import { embeddings } from './sparse';
import { transformers } from './transformer';

/** By the file of torch.nn.modules that has the classes. */
const families: Readonly<Record<string, Family>> = {
  activation: { ...activations, MultiheadAttention: multiheadAttention },
  batchnorm: batchNorms,
  channelshuffle: channelShuffles,
  container: containers,
  conv: convolutions,
  distance: distances,
  dropout: dropouts,
  flatten: flattens,
  fold: folds,
  instancenorm: instanceNorms,
  linear: linears,
  normalization: norms,
  padding: paddings,
  pixelshuffle: pixelShuffles,
  pooling: poolings,
  rnn: recurrents,
  sparse: embeddings,
  transformer: transformers,
  upsampling: upsamplings,
};

const byName = new Map<string, LayerForward>([
  ['torch.nn.parallel.data_parallel.DataParallel', wrapper],
  ['torch.nn.parallel.distributed.DistributedDataParallel', wrapper],
  ['torch.optim.swa_utils.AveragedModel', wrapper],
]);
for (const [file, family] of Object.entries(families)) {
  for (const [type, forward] of Object.entries(family)) byName.set(`torch.nn.modules.${file}.${type}`, forward);
}

/** The forward of a class such as `torch.nn.modules.conv.Conv2d`; undefined for every class that is not torch's own. */
export function forwardOf(qualifiedType: string): LayerForward | undefined {
  return byName.get(qualifiedType);
}

/** Qualified names of all classes that have a forward here. */
export function runnableTypes(): readonly string[] {
  return [...byName.keys()];
}
