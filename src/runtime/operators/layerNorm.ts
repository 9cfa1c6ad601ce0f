// Normalisation over the elements of one sample: layer, RMS, group and instance norm, and the weight norm of parameters.

import { AppError } from '../../util/errors';
import type { DType } from '../../model/dtype';
import type { RunContext } from '../context';
import { convertElements, isHalf } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { paddingOf, withPadding } from '../nested';
import { Tensor, elementCount } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { repeat } from './join';
import { batchNorm, batchStatistics, updateRunningStatistics, type BatchStatistics } from './norm';
import type { OperatorTable } from './registry';
import { cast, operand, shapeText, wrapDim } from './support';
import { reshape } from './view';
import { boundWeights } from './weights';

/** The dtype in which kernels compute: halves are widened, and parameters of another dtype follow the input. */
function computedIn(input: Tensor): DType {
  return isHalf(input.dtype) ? 'float32' : input.dtype;
}

function filled(dtype: DType, shape: readonly number[], value: number): Tensor {
  return Tensor.of(dtype, shape, convertElements(new Float64Array(elementCount(shape)).fill(value), 'float64', dtype));
}

/** The output is always in the input's dtype: with a half input the executor rounds it. */
function affineInputs(input: Tensor, weight: Tensor | null, bias: Tensor | null): (Tensor | null)[] {
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
  );
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
function sampleStatistics(input: Tensor, samples: number, shape: readonly number[], eps: number): [Tensor, Tensor] {
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
  );
}

/** `torch.group_norm`: normalises each group of channels of each sample, then scales each channel. */
function groupNorm(
  input: Tensor,
  groups: number,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): KernelCall | Tensor {
  const [batch = 0, channels = 0] = input.shape;
  if (input.rank < 2)
    throw new AppError('bad-input', `Expected at least 2 dimensions for input tensor but received ${input.rank}`);
  if (channels % groups !== 0) {
    throw new AppError(
      'bad-input',
      `Expected number of channels in input to be divisible by num_groups, but got input of shape ${shapeText(input.shape)} and num_groups=${groups}`,
    );
  }
  for (const [name, tensor] of Object.entries({ weight, bias })) {
    if (tensor !== null && shapeText(tensor.shape) !== shapeText([channels])) {
      throw new AppError(
        'bad-input',
        `Expected ${name} to be a vector of size equal to the number of channels in input, but got ${name} of shape ${shapeText(tensor.shape)} and input of shape ${shapeText(input.shape)}`,
      );
    }
  }
  if (input.elementCount === 0) return input.clone();
  const perChannel = (tensor: Tensor | null): Tensor | null =>
    tensor === null ? null : reshape(tensor, [channels, ...new Array<number>(input.rank - 2).fill(1)]);
  const grouped = reshape(input, [batch, groups, -1]);
  const shape = Tensor.of('int64', [input.rank], BigInt64Array.from(input.shape, BigInt));
  const [x, scale, shift] = affineInputs(grouped, perChannel(weight), perChannel(bias)) as [
    Tensor,
    Tensor | null,
    Tensor | null,
  ];
  const inputs = [x, scale, shift, shape, operand(eps, computedIn(input))];
  return kernelGraph(
    'group_norm',
    { scaled: weight !== null, shifted: bias !== null },
    inputs,
    (graph, [value = '', factor = '', offset = '', target = '', small = ''], { scaled, shifted }) => {
      const axes = graph.ints([2]);
      const centred = graph.node('Sub', [value, graph.node('ReduceMean', [value, axes], { keepdims: 1 })]);
      const variance = graph.node('ReduceMean', [graph.node('Mul', [centred, centred]), axes], { keepdims: 1 });
      const normal = graph.node('Div', [centred, graph.node('Sqrt', [graph.node('Add', [variance, small])])]);
      const back = graph.node('Reshape', [normal, target]);
      const multiplied = scaled ? graph.node('Mul', [back, factor]) : back;
      return shifted ? graph.node('Add', [multiplied, offset]) : multiplied;
    },
    weight === null && bias === null ? [] : boundWeights(inputs, [1, 2]),
  );
}

async function nativeGroupNorm(args: Arguments, context: RunContext): Promise<Tuple> {
  const [input, groups, eps] = [args.tensor('input'), args.int('group'), args.float('eps')];
  const result = groupNorm(input, groups, args.optionalTensor('weight'), args.optionalTensor('bias'), eps);
  const output = result instanceof Tensor ? result : await context.run(result);
  const batch = args.int('N');
  return new Tuple([output, ...sampleStatistics(input, batch * groups, [batch, groups], eps)]);
}

/**
 * `torch.instance_norm`: by the statistics of each channel of each sample, or by the running ones. With statistics of the
 * input, running ones move towards the mean of those of the samples, as torch does it.
 */
async function instanceNorm(args: Arguments, context: RunContext): Promise<Tensor> {
  const input = args.tensor('input');
  const [weight, bias] = [args.optionalTensor('weight'), args.optionalTensor('bias')];
  const [runningMean, runningVar] = [args.optionalTensor('running_mean'), args.optionalTensor('running_var')];
  const [momentum, eps] = [args.float('momentum'), args.float('eps')];
  if (!args.bool('use_input_stats')) {
    if (runningMean === null || runningVar === null) {
      throw new AppError(
        'bad-input',
        'Expected running_mean and running_var to be defined when use_input_stats is false',
      );
    }
    return batchNorm({ input, weight, bias, runningMean, runningVar }, false, momentum, eps, context);
  }
  const [batch = 0, channels = 0] = input.shape;
  const folded = reshape(input, [1, batch * channels, ...input.shape.slice(2)]);
  if (runningMean !== null || runningVar !== null) {
    updateRunningStatistics(
      runningMean,
      runningVar,
      meanOverSamples(batchStatistics(folded), batch, channels),
      momentum,
    );
  }
  const each = (tensor: Tensor | null): Tensor | null => (tensor === null ? null : repeat(tensor, [batch]));
  const tensors = { input: folded, weight: each(weight), bias: each(bias), runningMean: null, runningVar: null };
  return reshape(await batchNorm(tensors, true, momentum, eps, context), input.shape);
}

/** Statistics of [N C] instances to those of C channels. */
function meanOverSamples({ mean, variance, count }: BatchStatistics, batch: number, channels: number): BatchStatistics {
  const average = (values: Float64Array): Float64Array => {
    const result = new Float64Array(channels);
    for (let i = 0; i < values.length; i++) result[i % channels]! += values[i]! / batch;
    return result;
  };
  return { mean: average(mean), variance: average(variance), count };
}

/** The 2-norm (or another) of each slice along `dim`; of everything where dim is -1. */
function normExcept(v: Tensor, p: number, dim: number): KernelCall {
  const d = dim === -1 ? -1 : wrapDim(dim, v.rank);
  const axes = [...v.shape.keys()].filter((i) => i !== d);
  if (p !== 2) throw new AppError('unsupported-operator', `norm_except_dim with the power ${p} is not supported`);
  return kernelGraph('norm_except_dim', { axes, whole: d === -1 }, [v], (graph, [value = ''], parameters) =>
    graph.node('ReduceL2', [value, graph.ints(parameters.axes)], { keepdims: parameters.whole ? 0 : 1 }),
  );
}

/** g v / |v|, the norm taken over all dimensions but `dim`. */
async function weightNorm(args: Arguments, context: RunContext): Promise<[Tensor, Tensor]> {
  const [v, g] = [args.tensor('v'), args.tensor('g')];
  const norms = await context.run(normExcept(v, 2, args.int('dim')));
  const weight = await context.run(
    kernelGraph('weight_norm', {}, [v, g, norms], (graph, [direction = '', length = '', norm = '']) =>
      graph.node('Mul', [direction, graph.node('Div', [length, norm])]),
    ),
  );
  return [weight, norms];
}

export function defineSampleNorms(table: OperatorTable): void {
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
  table.define(
    'group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor',
    (args) =>
      groupNorm(
        args.tensor('input'),
        args.int('num_groups'),
        args.optionalTensor('weight'),
        args.optionalTensor('bias'),
        args.float('eps'),
      ),
  );
  table.define(
    'native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)',
    nativeGroupNorm,
  );
  table.define(
    'instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor',
    instanceNorm,
  );
  table.define(
    '_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor',
    async (args, context) => (await weightNorm(args, context))[0],
  );
  table.define(
    '_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)',
    async (args, context) => new Tuple(await weightNorm(args, context)),
  );
  table.define('norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor', (args) =>
    normExcept(args.tensor('v'), args.int('pow'), args.int('dim')),
  );
}
