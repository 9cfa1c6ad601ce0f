// Layer norm and RMS norm: over the last dimensions of each sample.

import { AppError } from '../../util/errors';
import type { DType } from '../../model/dtype';
import type { RunContext } from '../context';
import { convertElements, isHalf } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { paddingOf, withPadding } from '../nested';
import { Tensor, elementCount } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { batchStatistics } from './norm';
import type { OperatorTable } from './registry';
import { cast, operand, shapeText } from './support';
import { reshape } from './view';
import { boundWeights } from './weights';

/** The dtype in which kernels compute: halves are widened, and parameters of another dtype follow the input. */
export function computedIn(input: Tensor): DType {
  return isHalf(input.dtype) ? 'float32' : input.dtype;
}

function filled(dtype: DType, shape: readonly number[], value: number): Tensor {
  return Tensor.of(dtype, shape, convertElements(new Float64Array(elementCount(shape)).fill(value), 'float64', dtype));
}

/** The output is always in the input's dtype: with a half input the executor rounds it. */
export function affineInputs(input: Tensor, weight: Tensor | null, bias: Tensor | null): (Tensor | null)[] {
  const dtype = computedIn(input);
  const fit = (tensor: Tensor | null): Tensor | null =>
    tensor === null || isHalf(tensor.dtype) ? tensor : cast(tensor, dtype);
  return [input, fit(weight), fit(bias)];
}

function checkNormalizedShape(
  input: Tensor,
  shape: readonly number[],
  weight: Tensor | null,
  bias: Tensor | null,
): void {
  const tail = input.shape.slice(-shape.length);
  if (shape.length === 0)
    throw new AppError(
      'bad-input',
      'Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []',
    );
  for (const [name, tensor] of Object.entries({ weight, bias })) {
    if (tensor !== null && shapeText(tensor.shape) !== shapeText(shape)) {
      throw new AppError(
        'bad-input',
        `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape ${shapeText(tensor.shape)} and normalized_shape = ${shapeText(shape)}`,
      );
    }
  }
  if (input.rank < shape.length || shapeText(tail) !== shapeText(shape)) {
    throw new AppError(
      'bad-input',
      `Given normalized_shape=${shapeText(shape)}, expected input with shape [*, ${shape.join(', ')}], but got input of size${shapeText(input.shape)}`,
    );
  }
}

/** `torch.layer_norm`: (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions. */
export function layerNorm(
  input: Tensor,
  shape: readonly number[],
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): KernelCall {
  checkNormalizedShape(input, shape, weight, bias);
  const inputs = affineInputs(input, weight ?? filled(computedIn(input), shape, 1), bias);
  return kernelGraph(
    'layer_norm',
    { eps, axis: -shape.length },
    inputs,
    (graph, [x = '', scale = '', shift = ''], { eps: epsilon, axis }) =>
      graph.node('LayerNormalization', [x, scale, shift], { axis, epsilon: { float: epsilon } }),
    weight === null ? [] : boundWeights(inputs, [1, 2]),
  ).giving(input.shape);
}

/** Also the mean and 1 / sqrt(var + eps) of each sample, as the backward would need them. */
async function nativeLayerNorm(args: Arguments, context: RunContext): Promise<Tuple> {
  const [input, shape, eps] = [args.tensor('input'), args.ints('normalized_shape'), args.float('eps')];
  const output = await context.run(
    layerNorm(input, shape, args.optionalTensor('weight'), args.optionalTensor('bias'), eps),
  );
  const samples = input.elementCount / Math.max(1, elementCount(shape));
  const outer = [...input.shape.slice(0, input.rank - shape.length), ...shape.map(() => 1)];
  return new Tuple([output, ...sampleStatistics(input, samples, outer, eps)]);
}

/** Mean and inverse deviation of each of `samples` runs of elements. */
export function sampleStatistics(
  input: Tensor,
  samples: number,
  shape: readonly number[],
  eps: number,
): [Tensor, Tensor] {
  const { mean, variance } = batchStatistics(reshape(input, [1, samples, -1]));
  const dtype = computedIn(input);
  const inverse = variance.map((value) => 1 / Math.sqrt(value + eps));
  return [mean, inverse].map((values) => Tensor.of(dtype, shape, convertElements(values, 'float64', dtype))) as [
    Tensor,
    Tensor,
  ];
}

const machineEpsilon: Partial<Record<DType, number>> = {
  float32: 2 ** -23,
  float64: 2 ** -52,
  float16: 2 ** -23,
  bfloat16: 2 ** -23,
};

/** `torch.rms_norm`: x / sqrt(mean(x²) + eps) * weight over the last dimensions. Without an eps it is the dtype's own. */
function rmsNorm(args: Arguments): KernelCall {
  const [input, shape, weight] = [args.tensor('input'), args.ints('normalized_shape'), args.optionalTensor('weight')];
  checkNormalizedShape(input, shape, weight, null);
  const eps = args.optionalFloat('eps') ?? machineEpsilon[input.dtype] ?? 0;
  const [x, scale] = affineInputs(input, weight, null) as [Tensor, Tensor | null];
  const inputs = [x, scale, operand(eps, computedIn(input))];
  return kernelGraph(
    'rms_norm',
    { dims: shape.length, scaled: weight !== null },
    inputs,
    (graph, [value = '', factor = '', small = ''], { dims, scaled }) => {
      const axes = graph.ints(Array.from({ length: dims }, (_, i) => i - dims));
      const mean = graph.node('ReduceMean', [graph.node('Mul', [value, value]), axes], { keepdims: 1 });
      const root = graph.node('Sqrt', [graph.node('Add', [mean, small])]);
      const normal = graph.node('Div', [value, root]);
      return scaled ? graph.node('Mul', [normal, factor]) : normal;
    },
    weight === null ? [] : boundWeights(inputs, [1]),
  ).giving(input.shape);
}

export function defineLayerNorms(table: OperatorTable): void {
  const shape = 'SymInt[] normalized_shape';
  table.define(
    `layer_norm(Tensor input, ${shape}, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor`,
    async (args, context) => {
      const [input, shape] = [args.tensor('input'), args.ints('normalized_shape')];
      const call = layerNorm(
        input,
        shape,
        args.optionalTensor('weight'),
        args.optionalTensor('bias'),
        args.float('eps'),
      );
      const filled = paddingOf(input);
      return filled === undefined ? call : withPadding(await context.run(call), filled);
    },
  );
  table.define(
    `native_layer_norm(Tensor input, ${shape}, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)`,
    nativeLayerNorm,
  );
  table.define(`rms_norm(Tensor input, ${shape}, Tensor? weight=None, float? eps=None) -> Tensor`, rmsNorm);
}
