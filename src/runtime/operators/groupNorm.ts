// Group norm and instance norm: over groups of channels, or single channels, of each sample.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { repeat } from './join';
import { affineInputs, computedIn, sampleStatistics } from './layerNorm';
import { batchNorm, batchStatistics, updateRunningStatistics, type BatchStatistics } from './norm';
import type { OperatorTable } from './registry';
import { operand, shapeText } from './support';
import { reshape } from './view';
import { boundWeights } from './weights';

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
  ).giving(input.shape);
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
  await context.deferral.settleAll(args.values);
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

export function defineGroupNorms(table: OperatorTable): void {
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
}
