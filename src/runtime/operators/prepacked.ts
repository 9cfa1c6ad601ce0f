// Layers as `torch.utils.mobile_optimizer.optimize_for_mobile` packs them: weights and options in one object, then a clamp.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import type { Tensor } from '../tensor';
import { ScriptObject, stateAttribute, Tuple, typeName, type Value } from '../values';
import { matchArguments, type Arguments } from './arguments';
import { convolution } from './conv';
import { clamp } from './limits';
import { linear } from './matmul';
import type { OperatorTable } from './registry';
import { parseSchema, type Schema } from './schema';

/** The layer of which the packed object was made, before its clamp. */
type Layer = (input: Tensor, packed: Arguments, context: RunContext) => Promise<Tensor>;

/**
 * y = clamp(layer(x), output_min, output_max), where a ReLU or Hardtanh was joined into the layer. torch dropped these with
 * XNNPACK; their signatures are those of torch 2.1.
 */
export function definePrepacked(table: OperatorTable): void {
  const layer = (name: string, packedClass: string, packing: string, run: Layer): void => {
    const signature = parseSchema(`prepacked::${name}_prepack(${packing}, ${limits}) -> ${packedClass}`);
    table.define(
      `prepacked::${name}_run(Tensor X, __torch__.torch.classes.xnnpack.${packedClass} W_prepack) -> Tensor Y`,
      async (args, context) => {
        const packed = unpack(args.value('W_prepack'), packedClass, signature);
        const [min, max] = [packed.optionalScalar('output_min'), packed.optionalScalar('output_max')];
        const result = await run(args.tensor('X'), packed, context);
        return min === null && max === null ? result : clamp(result, min, max);
      },
    );
  };
  layer('conv2d_clamp', 'Conv2dOpContext', `${weights}, ${window}, ${groups}`, (input, packed, context) =>
    context.run(convolution(input, packed.tensor('W'), packed.optionalTensor('B'), windowOptions(packed))),
  );
  layer(
    'conv2d_transpose_clamp',
    'TransposeConv2dOpContext',
    `${weights}, ${window}, int[2] output_padding, ${groups}`,
    (input, packed, context) => {
      const options = { ...windowOptions(packed), outputPadding: packed.ints('output_padding') };
      return context.run(convolution(input, packed.tensor('W'), packed.optionalTensor('B'), options));
    },
  );
  layer('linear_clamp', 'LinearOpContext', weights, (input, packed, context) =>
    linear(input, packed.tensor('W'), packed.optionalTensor('B'), context),
  );
}

const weights = 'Tensor W, Tensor? B';
const window = 'int[2] stride, int[2] padding';
const groups = 'int[2] dilation, int groups';
const limits = 'Scalar? output_min=None, Scalar? output_max=None';

function windowOptions(packed: Arguments): Parameters<typeof convolution>[3] {
  return {
    stride: packed.ints('stride'),
    padding: packed.ints('padding'),
    dilation: packed.ints('dilation'),
    groups: packed.int('groups'),
  };
}

/** The state of a packed object is the arguments that it was made of. @throws AppError where the file holds something else. */
function unpack(value: Value, packedClass: string, signature: Schema): Arguments {
  const isPacked = value instanceof ScriptObject && value.className.endsWith(`.${packedClass}`);
  const state = isPacked ? value.attributes.get(stateAttribute) : undefined;
  const packed = state instanceof Tuple ? matchArguments(signature, state.items, new Map(), false) : undefined;
  if (packed !== undefined) return packed;
  const words = isPacked ? 'of a form that the runtime does not know' : `missing: the code passes a ${typeName(value)}`;
  throw new AppError('corrupt', `The packed layer (${packedClass}) is ${words}`, 'Save or download the file again.');
}
