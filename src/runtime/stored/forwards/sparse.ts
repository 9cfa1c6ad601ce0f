// Embeddings: torch.nn.modules.sparse.

import type { Tensor } from '../../tensor';
import { itemsOf } from '../../values';
import { sizeText } from '../../operators/support';
import { refuse, type Family, type Layer, type LayerForward } from './layer';
import { optional, required, type Arguments } from './signature';
import { unary } from './unary';

const embeddingBag: LayerForward = {
  parameters: [required('input'), optional('offsets'), optional('per_sample_weights')],
  run: (layer, args) => runBag(layer, args),
};

export const embeddings: Family = {
  Embedding: unary(async (layer, x) => {
    const weight = layer.requiredTensor('weight');
    const rows = BigInt(weight.shape[0] ?? 0);
    let padding = layer.optionalInt('padding_idx') ?? -1n;
    if (layer.option('padding_idx', null) !== null) {
      if (padding >= rows || padding < -rows) refuse('Padding_idx must be within num_embeddings');
      if (padding < 0n) padding += rows;
    }
    await renormalise(layer, weight, x);
    return layer.call('embedding', weight, x, padding, ...gradients(layer));
  }),
  EmbeddingBag: embeddingBag,
};

/** Options that only a backward reads. */
function gradients(layer: Layer): [boolean, boolean] {
  return [layer.bool('scale_grad_by_freq', false), layer.bool('sparse', false)];
}

/** Rows that are looked up are scaled down in place where they are longer than `max_norm`. */
async function renormalise(layer: Layer, weight: Tensor, indices: Tensor): Promise<void> {
  const limit = layer.optionalFloat('max_norm');
  if (limit !== null) await layer.call('embedding_renorm_', weight, indices, limit, layer.float('norm_type', 2));
}

const modes: ReadonlyMap<string, bigint> = new Map([
  ['sum', 0n],
  ['mean', 1n],
  ['max', 2n],
]);

async function runBag(layer: Layer, args: Arguments): Promise<Tensor> {
  const weight = layer.requiredTensor('weight');
  if (weight.rank !== 2) refuse(`weight has to be a 2D Tensor, but got Tensor of dimension ${weight.rank}`);
  let [x, offsets, scales] = [
    args.tensor('input'),
    args.optionalTensor('offsets'),
    args.optionalTensor('per_sample_weights'),
  ];
  let lastOffset = layer.bool('include_last_offset', false);
  if (scales !== null && scales.shape.join() !== x.shape.join()) {
    refuse(
      `embedding_bag: If per_sample_weights (${sizeText(scales.shape)}) is not None, then it must have the same shape as the input (${sizeText(x.shape)})`,
    );
  }
  if (x.rank === 2) {
    if (offsets !== null) {
      refuse(
        'if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences.',
      );
    }
    const [rows = 0, columns = 0] = x.shape;
    const starts = Array.from({ length: rows }, (_, row) => BigInt(row * columns));
    offsets = await layer.call('to', await layer.call('tensor', starts), x);
    lastOffset = false;
    scales = scales === null ? null : await layer.call('reshape', scales, [-1n]);
    x = await layer.call('reshape', x, [-1n]);
  } else if (x.rank !== 1) refuse(`input has to be 1D or 2D Tensor, but got Tensor of dimension ${x.rank}`);
  else if (offsets === null) refuse('offsets has to be a 1D Tensor but got None');
  else if (offsets.rank !== 1) refuse('offsets has to be a 1D Tensor');
  const name = layer.string('mode', 'mean');
  const mode = modes.get(name) ?? refuse('mode has to be one of sum, mean or max');
  const [byFrequency, sparse] = gradients(layer);
  await renormalise(layer, weight, x);
  if (scales !== null && name !== 'sum') {
    refuse(
      `embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='${name}').`,
    );
  }
  const rest = [byFrequency, mode, sparse, scales, lastOffset, layer.optionalInt('padding_idx')];
  const results = itemsOf(await layer.operator('embedding_bag', weight, x, offsets, ...rest)) ?? [];
  return results[0] as Tensor;
}
