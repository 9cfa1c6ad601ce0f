// torch's fused transformer operators, which its modules call in evaluation where no gradient is wanted ("fast path").

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { kernelGraph } from '../kernels/graph';
import { paddingOf, withPadding } from '../nested';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { attention, shapedMask } from './attention';
import { layerNorm } from './layerNorm';
import { maskedFill } from './masks';
import { linear } from './matmul';
import { binary } from './elementwise';
import type { OperatorTable } from './registry';
import { cast, scalarTensor } from './support';
import { splitWithSizes } from './split';
import { reshape, transpose, unsqueeze } from './view';

interface AttentionWeights {
  readonly heads: number;
  readonly qkvWeight: Tensor;
  readonly qkvBias: Tensor;
  readonly projectionWeight: Tensor;
  readonly projectionBias: Tensor;
  /** True where a place must not be looked at. */
  readonly mask: Tensor | null;
  readonly maskType: number | null;
}

/** Multi-head attention over [B, L, E]; the weights are [B, heads, L, S]. */
async function multiHead(
  inputs: readonly [Tensor, Tensor, Tensor],
  options: AttentionWeights,
  context: RunContext,
): Promise<[Tensor, Tensor]> {
  const { heads, qkvWeight, qkvBias, projectionWeight, projectionBias, mask, maskType } = options;
  const [query] = inputs;
  const [batch = 0, rows = 0, width = 0] = query.shape;
  const weights = splitWithSizes(qkvWeight, [width, width, width], 0);
  const biases = splitWithSizes(qkvBias, [width, width, width], 0);
  const parts: Tensor[] = [];
  for (const [i, input] of inputs.entries()) {
    const projected = await linear(input, weights[i]!, biases[i]!, context);
    parts.push(transpose(reshape(projected, [batch, -1, heads, width / heads]), 1, 2));
  }
  const [q, k, v] = parts as [Tensor, Tensor, Tensor];
  const scores = [batch, heads, rows, k.shape[2]!];
  const open = mask === null ? null : inverted(shapedMask(cast(mask, 'bool'), maskType, scores));
  const [mixed, used] = await attention(q, k, v, { mask: open, dropout: 0, causal: false, scale: null }, context);
  const joined = reshape(transpose(mixed, 1, 2), [batch, rows, width]);
  return [await linear(joined, projectionWeight, projectionBias, context), used];
}

function inverted(mask: Tensor): Tensor {
  return Tensor.of(
    'bool',
    mask.shape,
    (mask.contiguousElements() as Uint8Array).map((value) => 1 - value),
  );
}

function attentionWeights(args: Arguments, heads: string): AttentionWeights {
  return {
    heads: args.int(heads),
    qkvWeight: args.tensor('qkv_weight'),
    qkvBias: args.tensor('qkv_bias'),
    projectionWeight: args.tensor('proj_weight'),
    projectionBias: args.tensor('proj_bias'),
    mask: args.optionalTensor('mask'),
    maskType: args.optionalInt('mask_type'),
  };
}

async function nativeAttention(args: Arguments, context: RunContext): Promise<Tuple> {
  const inputs = [args.tensor('query'), args.tensor('key'), args.tensor('value')] as const;
  const [output, weights] = await multiHead(inputs, attentionWeights(args, 'num_head'), context);
  if (!args.bool('need_weights')) return new Tuple([output, Tensor.zeros(output.dtype, [0])]);
  if (!args.bool('average_attn_weights')) return new Tuple([output, weights]);
  const average = kernelGraph('average heads', {}, [weights], (graph, [x = '']) =>
    graph.node('ReduceMean', [x, graph.ints([1])], { keepdims: 0 }),
  );
  return new Tuple([output, await context.run(average)]);
}

/** A whole encoder layer: attention and feed-forward, each with its sum and norm, before or after. */
async function encoderLayer(args: Arguments, context: RunContext): Promise<Tensor> {
  const src = args.tensor('src');
  const [normFirst, eps] = [args.bool('norm_first'), args.float('eps')];
  const norm = (x: Tensor, number: 1 | 2): Promise<Tensor> =>
    context.run(
      layerNorm(x, [x.shape.at(-1)!], args.tensor(`norm_weight_${number}`), args.tensor(`norm_bias_${number}`), eps),
    );
  const add = (a: Tensor, b: Tensor): Promise<Tensor> => context.run(binary('Add', a, b));
  const feedForward = async (x: Tensor): Promise<Tensor> => {
    const wide = await linear(x, args.tensor('ffn_weight_1'), args.tensor('ffn_bias_1'), context);
    const active = await context.run(
      kernelGraph(
        'feed forward',
        { opType: args.bool('use_gelu') ? 'Gelu' : 'Relu' },
        [wide],
        (graph, [value = ''], { opType }) => graph.node(opType, [value]),
      ),
    );
    return linear(active, args.tensor('ffn_weight_2'), args.tensor('ffn_bias_2'), context);
  };
  const weights = attentionWeights(args, 'num_heads');
  const filled = paddingOf(src);
  const masked = filled === undefined ? weights : { ...weights, mask: inverted(filled), maskType: 1 };
  const first = normFirst ? await norm(src, 1) : src;
  const [attended] = await multiHead([first, first, first], masked, context);
  let x = await add(attended, src);
  if (!normFirst) x = await norm(x, 1);
  x = await add(await feedForward(normFirst ? await norm(x, 2) : x), x);
  if (!normFirst) x = await norm(x, 2);
  return filled === undefined ? x : withPadding(x, filled);
}

/** Whether each row of the mask is true up to some place and false from there. */
function isLeftAligned(mask: Tensor): boolean {
  const elements = mask.contiguousElements() as Uint8Array;
  const length = mask.shape.at(-1)!;
  for (let i = 1; i < elements.length; i++) {
    if (i % length !== 0 && elements[i] === 1 && elements[i - 1] === 0) return false;
  }
  return true;
}

function toPadded(args: Arguments): Tensor {
  const [self, padding] = [args.tensor('self'), args.float('padding')];
  const filled = paddingOf(self);
  if (filled === undefined) throw new AppError('bad-input', 'to_padded_tensor expects a nested tensor');
  const size = args.optionalInts('output_size') ?? self.shape;
  if (size.join() !== self.shape.join()) {
    throw new AppError(
      'unsupported-operator',
      `to_padded_tensor to another shape than [${self.shape.join(', ')}] is not supported`,
    );
  }
  return maskedFill(self, unsqueeze(inverted(filled), -1), scalarTensor(padding, 'float64'));
}

export function defineFusedTransformer(table: OperatorTable): void {
  const projections = 'Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias';
  table.define(
    `_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head, ${projections}, Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? mask_type=None) -> (Tensor, Tensor)`,
    nativeAttention,
  );
  table.define(
    `_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, ${projections}, bool use_gelu, bool norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None) -> Tensor`,
    encoderLayer,
  );
  table.define('_nested_tensor_from_mask_left_aligned(Tensor t, Tensor mask) -> bool', (args) =>
    isLeftAligned(args.tensor('mask')),
  );
  table.define('_nested_tensor_from_mask(Tensor t, Tensor mask, bool mask_check=True) -> Tensor', (args) => {
    const [t, mask] = [args.tensor('t'), args.tensor('mask')];
    if (args.bool('mask_check') && !isLeftAligned(mask)) {
      throw new AppError('bad-input', 'Expected mask to be left-aligned, as _nested_tensor_from_mask wants it');
    }
    return withPadding(t, mask);
  });
  table.define('to_padded_tensor(Tensor self, float padding, SymInt[]? output_size=None) -> Tensor', toPadded);
}
