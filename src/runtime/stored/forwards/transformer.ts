// Encoders, decoders and the whole: torch.nn.modules.transformer.

import type { StoredModule } from '../../program';
import type { Tensor } from '../../tensor';
import type { Value } from '../../values';
import { refuse, type Family, type Layer } from './layer';
import { flag, optional, required, type Arguments } from './signature';
import { attention, detectCausal, feedForward, inBlocks, sequenceLength, tensorOf } from './transformerBlocks';
import { runEncoder, runEncoderLayer } from './transformerEncoder';

const hint = (name: string): ReturnType<typeof optional> => optional(name, 'Optional[bool]');

export const transformers: Family = {
  TransformerEncoder: {
    parameters: [required('src'), optional('mask'), optional('src_key_padding_mask'), hint('is_causal')],
    calls: withLists,
    suggest,
    run: runEncoder,
  },
  TransformerEncoderLayer: {
    parameters: [required('src'), optional('src_mask'), optional('src_key_padding_mask'), flag('is_causal', false)],
    calls: withLists,
    suggest,
    run: runEncoderLayer,
  },
  TransformerDecoder: {
    parameters: [
      required('tgt'),
      required('memory'),
      ...decoderMasks(),
      hint('tgt_is_causal'),
      flag('memory_is_causal', false),
    ],
    calls: withLists,
    suggest,
    run: runDecoder,
  },
  TransformerDecoderLayer: {
    parameters: [
      required('tgt'),
      required('memory'),
      ...decoderMasks(),
      flag('tgt_is_causal', false),
      flag('memory_is_causal', false),
    ],
    calls: withLists,
    suggest,
    run: runDecoderLayer,
  },
  Transformer: {
    parameters: [
      required('src'),
      required('tgt'),
      ...['src_mask', 'tgt_mask', 'memory_mask'].map((name) => optional(name)),
      ...['src_key_padding_mask', 'tgt_key_padding_mask', 'memory_key_padding_mask'].map((name) => optional(name)),
      hint('src_is_causal'),
      hint('tgt_is_causal'),
      flag('memory_is_causal', false),
    ],
    calls: withLists,
    suggest,
    run: runTransformer,
  },
};

function decoderMasks(): ReturnType<typeof optional>[] {
  return ['tgt_mask', 'memory_mask', 'tgt_key_padding_mask', 'memory_key_padding_mask'].map((name) => optional(name));
}

/** All children; of a list, its items. */
function withLists({ children }: StoredModule): ReadonlyMap<string, StoredModule> {
  const called = new Map<string, StoredModule>();
  for (const [name, child] of children) {
    if (child.qualifiedType !== 'torch.nn.modules.container.ModuleList') called.set(name, child);
    else for (const [index, item] of child.children) called.set(`${name}.${index}`, item);
  }
  return called;
}

/** A batch of 2 and sequences of 16, of the width of the first attention. */
function suggest(module: StoredModule): readonly number[] | undefined {
  const pending = [module];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const width = next.attributes.get('embed_dim');
    if (typeof width === 'bigint') return [2, 16, Number(width)];
    pending.push(...next.children.values());
  }
  return undefined;
}

async function runDecoder(layer: Layer, args: Arguments): Promise<Value> {
  const layers = layer.child('layers').children;
  const mask = args.optionalTensor('tgt_mask');
  let output = args.tensor('tgt');
  const first = layers[0] ?? refuse('The decoder has no layers');
  const isCausal = detectCausal(mask, args.optionalBool('tgt_is_causal'), sequenceLength(output, first));
  const keywords: Record<string, Value> = { tgt_is_causal: isCausal, memory_is_causal: args.value('memory_is_causal') };
  for (const { name } of decoderMasks()) keywords[name] = args.value(name);
  for (const each of layers) output = tensorOf(await each.forward([output, args.value('memory')], keywords));
  const norm = layer.optionalChild('norm');
  return norm === undefined ? output : norm.forward([output]);
}

function runDecoderLayer(layer: Layer, args: Arguments): Promise<Value> {
  const memory = args.tensor('memory');
  const masks = (kind: string): Record<string, Value> => ({
    attn_mask: args.value(`${kind}_mask`),
    key_padding_mask: args.value(`${kind}_key_padding_mask`),
    is_causal: args.value(`${kind}_is_causal`),
  });
  const own = (x: Tensor): Promise<Tensor> => attention(layer, 'self_attn', 'dropout1', [x, x, x], masks('tgt'));
  const cross = (x: Tensor): Promise<Tensor> =>
    attention(layer, 'multihead_attn', 'dropout2', [x, memory, memory], masks('memory'));
  const feed = (x: Tensor): Promise<Tensor> => feedForward(layer, x, 'dropout3');
  return inBlocks(layer, args.tensor('tgt'), layer.bool('norm_first', false), [own, cross, feed]);
}

async function runTransformer(layer: Layer, args: Arguments): Promise<Value> {
  const [src, tgt] = [args.tensor('src'), args.tensor('tgt')];
  const batch = layer.bool('batch_first', false) ? 0 : 1;
  if (src.rank === 3 && src.shape[batch] !== tgt.shape[batch]) refuse('the batch number of src and tgt must be equal');
  const width = Number(layer.int('d_model'));
  if (src.shape.at(-1) !== width || tgt.shape.at(-1) !== width) {
    refuse('the feature number of src and tgt must be equal to d_model');
  }
  const memory = await layer.child('encoder').forward([src], {
    mask: args.value('src_mask'),
    src_key_padding_mask: args.value('src_key_padding_mask'),
    is_causal: args.value('src_is_causal'),
  });
  const keywords: Record<string, Value> = {};
  for (const { name } of decoderMasks()) keywords[name] = args.value(name);
  for (const name of ['tgt_is_causal', 'memory_is_causal']) keywords[name] = args.value(name);
  return layer.child('decoder').forward([tgt, memory], keywords);
}
