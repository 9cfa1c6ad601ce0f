// Multi-head attention: torch.nn.modules.activation.MultiheadAttention over torch.nn.functional.multi_head_attention_forward.

import { isFloating } from '../../elements';
import { paddingOf } from '../../nested';
import type { StoredModule } from '../../program';
import { Tensor } from '../../tensor';
import { Tuple, type Value } from '../../values';
import { itemsOf } from '../../values';
import { sizeText } from '../../operators/support';
import { refuse, type Layer, type LayerForward } from './layer';
import { canonicalMask, mergeMasks, needsGradient } from './masks';
import { flag, optional, required, type Arguments } from './signature';

export const multiheadAttention: LayerForward = {
  parameters: [
    required('query'),
    required('key'),
    required('value'),
    optional('key_padding_mask'),
    flag('need_weights', true),
    optional('attn_mask'),
    flag('average_attn_weights', true),
    flag('is_causal', false),
  ],
  suggest,
  run: runAttention,
};

function suggest({ parameters, attributes }: StoredModule, name: string): readonly number[] | undefined {
  const option = { query: 'embed_dim', key: 'kdim', value: 'vdim' }[name];
  const size =
    option === undefined ? undefined : attributes.get(parameters.get('in_proj_weight') ? 'embed_dim' : option);
  return typeof size === 'bigint' ? [2, 16, Number(size)] : undefined;
}

interface Options {
  readonly needWeights: boolean;
  readonly average: boolean;
  readonly causal: boolean;
}

async function runAttention(layer: Layer, args: Arguments): Promise<Value> {
  const inputs = [args.tensor('query'), args.tensor('key'), args.tensor('value')] as const;
  const [query, key, value] = inputs;
  const options = {
    needWeights: args.bool('need_weights'),
    average: args.bool('average_attn_weights'),
    causal: args.bool('is_causal'),
  };
  const given = [args.optionalTensor('attn_mask'), args.optionalTensor('key_padding_mask')] as const;
  const padding = await canonicalMask(layer, given[1], 'key_padding_mask', query);
  const mask = await canonicalMask(layer, given[0], 'attn_mask', query);
  const isBatched = query.rank === 3;
  const weight = layer.tensor('in_proj_weight');
  const hasFloatMask = given.some((tensor) => tensor !== null && isFloating(tensor.dtype));
  if (!hasFloatMask && isBatched && query === key && key === value && weight !== null && takesFusedPath(layer, query)) {
    const [merged, type] = await mergeMasks(layer, mask, padding, query);
    const sizes = [layer.int('embed_dim'), layer.int('num_heads')];
    const projections = [weight, layer.requiredTensor('in_proj_bias'), ...outputProjection(layer)];
    const rest = [merged, options.needWeights, options.average, type];
    const fused = await layer.operator('_native_multi_head_attention', ...inputs, ...sizes, ...projections, ...rest);
    return options.needWeights ? fused : new Tuple([itemsOf(fused)?.[0] ?? null, null]);
  }
  if (inputs.some((tensor) => paddingOf(tensor) !== undefined)) {
    refuse('MultiheadAttention does not support NestedTensor outside of its fast path.');
  }
  if (!isBatched || !layer.bool('batch_first', false)) return attend(layer, inputs, mask, padding, options);
  const swapped = new Map<Tensor, Tensor>();
  for (const tensor of new Set(inputs)) swapped.set(tensor, await layer.call('transpose', tensor, 1n, 0n));
  const [q, k, v] = inputs.map((tensor) => swapped.get(tensor)!);
  const [output, weights] = (await attend(layer, [q!, k!, v!], mask, padding, options)).items;
  return new Tuple([await layer.call('transpose', output!, 1n, 0n), weights!]);
}

/** torch's conditions for its fused kernel, those of the arguments left aside. */
function takesFusedPath(layer: Layer, query: Tensor): boolean {
  const [weight, bias] = [layer.requiredTensor('in_proj_weight'), layer.tensor('in_proj_bias')];
  if (query.dtype !== bias?.dtype || query.dtype !== weight.dtype || layer.training) return false;
  if (layer.int('num_heads') % 2n !== 0n || !layer.bool('batch_first', false)) return false;
  if (layer.tensor('bias_k') !== null || layer.tensor('bias_v') !== null || layer.bool('add_zero_attn')) return false;
  return !needsGradient(layer, [query, weight, bias, ...outputProjection(layer)]);
}

function outputProjection(layer: Layer): [Tensor, Tensor | null] {
  const projection = layer.child('out_proj');
  return [projection.requiredTensor('weight'), projection.tensor('bias')];
}

type Inputs = readonly [Tensor, Tensor, Tensor];

/** Over [L, B, E], or [L, E] without a batch: the output, and the attention weights or None. */
async function attend(
  layer: Layer,
  [query, key, value]: Inputs,
  mask: Tensor | null,
  padding: Tensor | null,
  { needWeights, average, causal }: Options,
): Promise<Tuple> {
  const heads = Number(layer.int('num_heads'));
  if (heads <= 0) layer.wrong('num_heads', BigInt(heads), 'positive');
  checkRanks([query, key, value], mask, padding, heads);
  const isBatched = query.rank === 3;
  const lift = (tensor: Tensor, dim: bigint): Promise<Tensor> => layer.call('unsqueeze', tensor, dim);
  let inputs: Inputs = [query, key, value];
  if (!isBatched) {
    // One tensor given three times is to stay one: its projections are computed together.
    const lifted = new Map<Tensor, Tensor>();
    for (const tensor of new Set(inputs)) lifted.set(tensor, await lift(tensor, 1n));
    inputs = [lifted.get(query)!, lifted.get(key)!, lifted.get(value)!];
    if (padding !== null) padding = await lift(padding, 0n);
  }
  const [rows = 0, batch = 0, width = 0] = inputs[0].shape;
  const embedding = Number(layer.int('embed_dim'));
  if (width !== embedding) refuse(`was expecting embedding dimension of ${embedding}, but got ${width}`);
  if (width % heads !== 0) refuse(`embed_dim ${width} not divisible by num_heads ${heads}`);
  if (causal && mask === null) refuse('Need attn_mask if specifying the is_causal hint.');
  const byHint = causal && padding === null && !needWeights;
  if (byHint) mask = null;
  let [q, k, v] = await project(layer, inputs);
  if (mask !== null) mask = await shapedMask(layer, mask, rows, inputs[1].shape[0] ?? 0, batch * heads);
  const widen = async (): Promise<void> => {
    if (mask !== null) mask = await layer.call('pad', mask, [0n, 1n]);
    if (padding !== null) padding = await layer.call('pad', padding, [0n, 1n]);
  };
  const [biasK, biasV] = [layer.tensor('bias_k'), layer.tensor('bias_v')];
  if (biasK !== null && biasV !== null) {
    k = await layer.call('cat', [k, await layer.call('repeat', biasK, [1n, BigInt(batch), 1n])], 0n);
    v = await layer.call('cat', [v, await layer.call('repeat', biasV, [1n, BigInt(batch), 1n])], 0n);
    await widen();
  }
  const size = width / heads;
  // [L, B, E] to [B · heads, L, size].
  const split = async (x: Tensor): Promise<Tensor> => {
    const shape = [x.shape[0] ?? 0, batch * heads, size].map(BigInt);
    return layer.call('transpose', await layer.call('reshape', x, shape), 0n, 1n);
  };
  [q, k, v] = [await split(q), await split(k), await split(v)];
  if (layer.bool('add_zero_attn', false)) {
    const zeros = Tensor.zeros(k.dtype, [batch * heads, 1, size]);
    [k, v] = [await layer.call('cat', [k, zeros], 1n), await layer.call('cat', [v, zeros], 1n)];
    await widen();
  }
  const columns = k.shape[1] ?? 0;
  if (padding !== null) mask = await withKeyPadding(layer, mask, padding, { batch, heads, columns });
  const dropout = layer.training ? layer.float('dropout') : 0;
  const [weight, bias] = outputProjection(layer);
  const finish = async (mixed: Tensor): Promise<Tensor> => {
    const flat = await layer.call('reshape', mixed, [rows * batch, width].map(BigInt));
    const output = await layer.call('linear', flat, weight, bias);
    const shaped = await layer.call('view', output, [rows, batch, output.shape[1] ?? 0].map(BigInt));
    return isBatched ? shaped : layer.call('squeeze', shaped, 1n);
  };
  if (needWeights) {
    const scaled = await layer.call('mul', q, Math.sqrt(1 / size));
    const keys = await layer.call('transpose', k, -2n, -1n);
    const product = await layer.call('bmm', scaled, keys);
    const scores = mask === null ? product : await layer.call('add', mask, product);
    let weights = await layer.call('softmax', scores, -1n);
    if (dropout > 0) weights = await layer.call('dropout', weights, dropout, true);
    const mixed = await layer.call('transpose', await layer.call('bmm', weights, v), 0n, 1n);
    const output = await finish(mixed);
    weights = await layer.call('view', weights, [batch, heads, rows, columns].map(BigInt));
    if (average) weights = await layer.call('mean', weights, [1n]);
    return new Tuple([output, isBatched ? weights : await layer.call('squeeze', weights, 0n)]);
  }
  const perHead = (x: Tensor): Promise<Tensor> =>
    layer.call('view', x, [batch, heads, x.shape[1] ?? 0, size].map(BigInt));
  if (mask !== null) {
    mask =
      mask.shape[0] === 1
        ? await lift(mask, 0n)
        : await layer.call('view', mask, [BigInt(batch), BigInt(heads), -1n, BigInt(columns)]);
  }
  const parts = [await perHead(q), await perHead(k), await perHead(v)];
  const mixed = await layer.call('scaled_dot_product_attention', ...parts, mask, dropout, byHint);
  return new Tuple([await finish(await layer.call('permute', mixed, [2n, 0n, 1n, 3n])), null]);
}

/** Queries, keys and values by the weights of each, packed in one matrix or apart. */
async function project(layer: Layer, [query, key, value]: Inputs): Promise<[Tensor, Tensor, Tensor]> {
  const packed = layer.tensor('in_proj_weight');
  const weights =
    packed === null
      ? ['q_proj_weight', 'k_proj_weight', 'v_proj_weight'].map((name) => layer.requiredTensor(name))
      : await thirds(layer, packed);
  const shapes = [key, value].map(({ shape }) => shape.slice(0, packed === null ? 2 : 3).join());
  if (shapes[0] !== shapes[1])
    refuse(`key shape ${sizeText(key.shape)} does not match value shape ${sizeText(value.shape)}`);
  const bias = layer.tensor('in_proj_bias');
  const biases = bias === null ? [null, null, null] : await thirds(layer, bias);
  const [q, k, v] = [query, key, value].map((x, i) => layer.call('linear', x, weights[i]!, biases[i]!));
  return [await q!, await k!, await v!];
}

async function thirds(layer: Layer, tensor: Tensor): Promise<readonly Tensor[]> {
  const parts = (await layer.operator('chunk', tensor, 3n)) as Tensor[];
  return parts.length === 3 ? parts : layer.wrong('in_proj_weight', tensor, 'three matrices in one');
}

function checkRanks([query, key, value]: Inputs, mask: Tensor | null, padding: Tensor | null, heads: number): void {
  const { rank } = query;
  if (rank !== 2 && rank !== 3) {
    refuse(`query should be unbatched 2D or batched 3D tensor but received ${rank}-D query tensor`);
  }
  const given = `For ${rank === 3 ? 'batched (3-D)' : 'unbatched (2-D)'} \`query\`, expected`;
  if (key.rank !== rank || value.rank !== rank) {
    refuse(
      `${given} \`key\` and \`value\` to be ${rank}-D but found ${key.rank}-D and ${value.rank}-D tensors respectively`,
    );
  }
  if (padding !== null && padding.rank !== rank - 1) {
    refuse(`${given} \`key_padding_mask\` to be \`None\` or ${rank - 1}-D but found ${padding.rank}-D tensor instead`);
  }
  if (mask !== null && mask.rank !== 2 && mask.rank !== 3) {
    refuse(`${given} \`attn_mask\` to be \`None\`, 2-D or 3-D but found ${mask.rank}-D tensor instead`);
  }
  const expected = [heads, query.shape[0] ?? 0, key.shape[0] ?? 0].join(', ');
  if (rank === 2 && mask?.rank === 3 && mask.shape.join(', ') !== expected) {
    refuse(`Expected \`attn_mask\` shape to be (${expected}) but got ${sizeText(mask.shape)}`);
  }
}

async function shapedMask(layer: Layer, mask: Tensor, rows: number, columns: number, planes: number): Promise<Tensor> {
  const expected = mask.rank === 2 ? [rows, columns] : [planes, rows, columns];
  if (mask.shape.join() !== expected.join()) {
    refuse(
      `The shape of the ${mask.rank}D attn_mask is ${sizeText(mask.shape)}, but should be (${expected.join(', ')}).`,
    );
  }
  return mask.rank === 2 ? layer.call('unsqueeze', mask, 0n) : mask;
}

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly columns: number;
}

async function withKeyPadding(layer: Layer, mask: Tensor | null, padding: Tensor, sizes: Sizes): Promise<Tensor> {
  const { batch, heads, columns } = sizes;
  for (const [dim, expected] of [batch, columns].entries()) {
    const got = padding.shape[dim] ?? 0;
    if (got !== expected) refuse(`Expected key_padded_mask.shape[${dim}] to be ${expected}, but got ${got}`);
  }
  const spread = await layer.call('view', padding, [batch, 1, 1, columns].map(BigInt));
  const perHead = await layer.call('expand', spread, [-1n, BigInt(heads), -1n, -1n]);
  const flat = await layer.call('reshape', perHead, [batch * heads, 1, columns].map(BigInt));
  return mask === null ? flat : layer.call('add', mask, flat);
}
