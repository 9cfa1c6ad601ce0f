// Scaled dot product attention.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { convertElements, isFloating } from '../elements';
import { kernelGraph, type GraphBuilder, type GraphValue } from '../kernels/graph';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { dropoutMask } from './dropout';
import { copyAs } from './join';
import { maskedFill } from './masks';
import type { OperatorTable } from './registry';
import { cast, operand, scalarTensor, shapeText, wrapDim } from './support';
import { expand, transpose, unsqueeze } from './view';

export interface AttentionOptions {
  readonly mask: Tensor | null;
  readonly dropout: number;
  readonly causal: boolean;
  /** 1 / sqrt(E) where it is null. */
  readonly scale: number | null;
}

/**
 * softmax(q k^T * scale + mask) v, with q [..., L, E], k [..., S, E], v [..., S, Ev]; also the weights [..., L, S] as they met v.
 * A row whose places are all masked gives 0, as torch has it. Dropout draws from the forward's generator.
 */
export async function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
  context: RunContext,
): Promise<[Tensor, Tensor]> {
  check(q, k, v, options);
  const dtype = q.dtype === 'float64' ? 'float64' : 'float32';
  const [rows, places] = [q.shape.at(-2)!, k.shape.at(-2)!];
  const mask = options.causal ? causalMask(rows, places) : options.mask;
  const added = mask === null ? null : mask.dtype === 'bool' ? additive(mask, dtype) : cast(mask, dtype);
  const scale = options.scale ?? 1 / Math.sqrt(q.shape.at(-1)!);
  const p = options.dropout;
  const lead = q.shape.slice(0, -2);
  const dropped = p > 0 ? dropoutMask(context, [...lead, rows, places], dtype, p, p === 1 ? 0 : 1 / (1 - p)) : null;
  const inputs = [q, transpose(k, -2, -1), v, operand(scale, dtype), added, dropped];
  const [output, weights] = await context.runAll(
    kernelGraph('attention', { masked: added !== null, drops: dropped !== null, dtype }, inputs, describeAttention),
  );
  return [output!, weights!];
}

interface Parameters extends Record<string, unknown> {
  readonly masked: boolean;
  readonly drops: boolean;
  readonly dtype: 'float32' | 'float64';
}

function describeAttention(
  graph: GraphBuilder,
  inputs: readonly GraphValue[],
  { masked, drops, dtype }: Parameters,
): GraphValue[] {
  const [q = '', k = '', v = '', scale = '', mask = '', kept = ''] = inputs;
  const products = graph.node('MatMul', [graph.node('Mul', [q, scale]), k]);
  const scores = masked ? graph.node('Add', [products, mask]) : products;
  const softmax = graph.node('Softmax', [scores], { axis: -1 });
  const weights = masked ? zeroWhereAllMasked(graph, scores, softmax, dtype) : softmax;
  const used = drops ? graph.node('Mul', [weights, kept]) : weights;
  return [graph.node('MatMul', [used, v]), used];
}

/** The softmax of a row of nothing but -inf is NaN in ONNX, 0 in torch's attention. */
function zeroWhereAllMasked(
  graph: GraphBuilder,
  scores: GraphValue,
  softmax: GraphValue,
  dtype: 'float32' | 'float64',
): GraphValue {
  const largest = graph.node('ReduceMax', [scores, graph.ints([-1])], { keepdims: 1 });
  const allMasked = graph.node('Equal', [largest, graph.scalar(dtype, -Infinity)]);
  return graph.node('Where', [allMasked, graph.scalar(dtype, 0), softmax]);
}

function check(q: Tensor, k: Tensor, v: Tensor, { mask, causal, dropout }: AttentionOptions): void {
  for (const [name, tensor] of Object.entries({ query: q, key: k, value: v })) {
    if (tensor.rank < 2) {
      throw new AppError(
        'bad-input',
        `scaled_dot_product_attention: Expected query, key, and value to all be  at least 2 dimensional, but got ${name}.dim: ${tensor.rank}`,
      );
    }
    if (tensor.dtype !== q.dtype || !isFloating(q.dtype)) {
      throw new AppError(
        'bad-input',
        `Expected query, key, and value to have the same dtype, but got query.dtype: ${q.dtype} key.dtype: ${k.dtype} and value.dtype: ${v.dtype} instead.`,
      );
    }
  }
  if (q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2)) {
    throw new AppError(
      'bad-input',
      `scaled_dot_product_attention: query ${shapeText(q.shape)}, key ${shapeText(k.shape)} and value ${shapeText(v.shape)} don't fit`,
    );
  }
  if (causal && mask !== null) {
    throw new AppError(
      'bad-input',
      '_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True',
    );
  }
  if (!(dropout >= 0 && dropout <= 1))
    throw new AppError('bad-input', `dropout probability has to be between 0 and 1, but got ${dropout}`);
}

/** True where a row may look: places up to its own. */
function causalMask(rows: number, places: number): Tensor {
  const elements = new Uint8Array(rows * places);
  for (let row = 0; row < rows; row++) elements.fill(1, row * places, row * places + Math.min(places, row + 1));
  return Tensor.of('bool', [rows, places], elements);
}

/** A mask that is true where it may look -> one to add: 0 there, -inf elsewhere. */
function additive(mask: Tensor, dtype: 'float32' | 'float64'): Tensor {
  const values = Float64Array.from(mask.contiguousElements() as Uint8Array, (may) => (may === 0 ? -Infinity : 0));
  return Tensor.of(dtype, mask.shape, convertElements(values, 'float64', dtype));
}

/** Grouped queries: each head of keys and values serves several heads of queries. */
function grouped(q: Tensor, tensor: Tensor): Tensor {
  const [heads = 1, own = 1] = [q.shape.at(-3), tensor.shape.at(-3)];
  if (heads === own) return tensor;
  if (heads % own !== 0) {
    throw new AppError(
      'bad-input',
      `Number of heads in key and value must divide the number of heads in query, got ${own} and ${heads}`,
    );
  }
  const repeated = unsqueeze(tensor, -3);
  const shape = repeated.shape.map((size, d) => (d === repeated.rank - 3 ? heads / own : size));
  return copyAs(
    expand(repeated, shape),
    tensor.shape.map((size, d) => (d === tensor.rank - 3 ? heads : size)),
  );
}

async function fromArguments(args: Arguments, context: RunContext): Promise<[Tensor, Tensor]> {
  const [q, k, v] = [args.tensor('query'), args.tensor('key'), args.tensor('value')];
  const shares = args.schema.indexOf.has('enable_gqa') && args.bool('enable_gqa');
  const options = {
    mask: args.optionalTensor('attn_mask'),
    dropout: args.float('dropout_p'),
    causal: args.bool('is_causal'),
    scale: args.optionalFloat('scale'),
  };
  return attention(q, shares ? grouped(q, k) : k, shares ? grouped(q, v) : v, options, context);
}

/** Softmax over `dim` where true places of the mask count for nothing. */
async function maskedSoftmax(args: Arguments, context: RunContext): Promise<Tensor> {
  const [self, given, type] = [args.tensor('self'), args.tensor('mask'), args.optionalInt('mask_type')];
  const mask = shapedMask(given, type, self.shape);
  const filled = maskedFill(self, cast(mask, 'bool'), scalarTensor(-Infinity, 'float64'));
  const axis = wrapDim(args.optionalInt('dim') ?? self.rank - 1, self.rank);
  return context.run(
    kernelGraph('masked_softmax', { axis }, [filled], (graph, [x = ''], parameters) =>
      graph.node('Softmax', [x], parameters),
    ),
  );
}

/** Mask types of torch's fused operators: 0 is [L, L], 1 is [B, L] of padding, 2 fits as it is. */
export function shapedMask(mask: Tensor, type: number | null, scores: readonly number[]): Tensor {
  if (type !== 1 || mask.rank !== 2) return mask;
  const wide = unsqueeze(unsqueeze(mask, 1), 1);
  return expand(wide, [scores[0]!, 1, 1, scores.at(-1)!]);
}

export function defineAttention(table: OperatorTable): void {
  const head = 'Tensor query, Tensor key, Tensor value';
  table.define(
    `scaled_dot_product_attention(${head}, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor`,
    async (args, context) => (await fromArguments(args, context))[0],
  );
  table.define(
    `_scaled_dot_product_attention_math(${head}, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)`,
    async (args, context) => {
      if (args.has('dropout_mask'))
        throw new AppError(
          'unsupported-operator',
          '_scaled_dot_product_attention_math with a dropout mask is not supported',
        );
      return new Tuple(await fromArguments(args, context));
    },
  );
  table.define(
    '_masked_softmax(Tensor self, Tensor mask, int? dim=None, int? mask_type=None) -> Tensor',
    maskedSoftmax,
  );
}
