// Batch normalisation: by batch or by running statistics, and how the running statistics move.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { convertElements, isHalf } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import type { OperatorBody, OperatorTable } from './registry';
import { cast, shapeText } from './support';

/** Mean and biased variance of each channel over the batch and all positions, in double precision. */
export interface BatchStatistics {
  readonly mean: Float64Array;
  /** Divided by `count`; times count / (count - 1) it is the unbiased one that torch adds to `running_var`. */
  readonly variance: Float64Array;
  /** Values per channel. */
  readonly count: number;
}

/**
 * What torch.nn does before it normalises an input [N, C, …] by the batch: a single value has no variance.
 * @param size how torch shows the shape in its message. @throws AppError `single-value`.
 */
export function verifyBatchSize(shape: readonly number[], size: string): void {
  const values = shape.reduce((product, length, d) => (d === 1 ? product : product * length), 1);
  if (values !== 1) return;
  throw singleValue(`Expected more than 1 value per channel when training, got input size ${size}`);
}

/** The error with torch's message. */
export function singleValue(message: string): AppError {
  return new AppError('single-value', message, 'Give a larger batch; a BatchNorm can also be switched to eval.');
}

/** True for the message of the check that scripted code has of its own. */
export function isSingleValue(message: string): boolean {
  return message.startsWith('Expected more than 1 value per channel when training');
}

/** Statistics of each channel of an input [N, C, …]. */
export function batchStatistics(input: Tensor): BatchStatistics {
  const [batch = 0, channels = 0] = input.shape;
  const positions = input.shape.slice(2).reduce((product, size) => product * size, 1);
  const values = input.toNumbers();
  const count = batch * positions;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let n = 0; n < batch; n++) {
      const start = (n * channels + c) * positions;
      for (let i = start; i < start + positions; i++) sum += values[i] as number;
    }
    const average = sum / count;
    let squares = 0;
    for (let n = 0; n < batch; n++) {
      const start = (n * channels + c) * positions;
      for (let i = start; i < start + positions; i++) {
        const difference = (values[i] as number) - average;
        squares += difference * difference;
      }
    }
    mean[c] = average;
    variance[c] = squares / count;
  }
  return { mean, variance, count };
}

/**
 * Moves running statistics towards those of a batch, as torch does: `running = (1 - momentum) * running + momentum * batch`,
 * with the unbiased variance. Written in place, so every alias sees it.
 */
export function updateRunningStatistics(
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  batch: BatchStatistics,
  momentum: number,
): void {
  if (runningMean !== null) moveTowards(runningMean, batch.mean, momentum, 1);
  if (runningVar !== null) moveTowards(runningVar, batch.variance, momentum, batch.count / (batch.count - 1));
}

function moveTowards(running: Tensor, batch: Float64Array, momentum: number, correction: number): void {
  const old = running.toNumbers();
  const moved = Float64Array.from(
    batch,
    (value, c) => (1 - momentum) * (old[c] as number) + momentum * value * correction,
  );
  running.write(convertElements(moved, 'float64', running.dtype), true);
}

export interface BatchNormInputs {
  readonly input: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
}

/**
 * `aten::batch_norm`: normalises by the batch when `training` (and moves the running statistics, where there are any), else by
 * the running statistics. @throws AppError where the shapes don't fit.
 */
export async function batchNorm(
  tensors: BatchNormInputs,
  training: boolean,
  momentum: number,
  eps: number,
  context: RunContext,
): Promise<Tensor> {
  return (await normaliseInMode(tensors, training, momentum, eps, context)).output;
}

/** The same, with the statistics of the batch where it was normalised by them. */
async function normaliseInMode(
  tensors: BatchNormInputs,
  training: boolean,
  momentum: number,
  eps: number,
  context: RunContext,
): Promise<{ readonly output: Tensor; readonly batch?: BatchStatistics }> {
  const { input, runningMean, runningVar } = tensors;
  checkShapes(tensors);
  if (!training) {
    if (runningMean === null || runningVar === null) {
      throw new AppError('bad-input', 'Expected running_mean and running_var to be defined in eval mode');
    }
    return { output: await context.later.run(normalise(tensors, runningMean, runningVar, eps)) };
  }
  // The statistics are written, which whatever waits must not see.
  await context.deferral.settleAll(Object.values(tensors));
  const batch = batchStatistics(input);
  if (runningMean !== null && runningVar !== null) {
    const [oldMean, oldVar] = [runningMean.toNumbers(), runningVar.toNumbers()];
    context.observer?.normalisedByBatch(runningMean, { ...batch, runningMean: oldMean, runningVar: oldVar, eps });
  }
  // The division by count - 1 gives NaN for a count of one, as in torch: torch.nn refuses that before it gets here.
  updateRunningStatistics(runningMean, runningVar, batch, momentum);
  const dtype = input.dtype === 'float64' ? 'float64' : 'float32';
  const [mean, variance] = [batch.mean, batch.variance].map((values) =>
    Tensor.of(dtype, [values.length], convertElements(values, 'float64', dtype)),
  ) as [Tensor, Tensor];
  return { output: await context.run(normalise(tensors, mean, variance, eps)), batch };
}

function checkShapes({ input, weight, bias, runningMean, runningVar }: BatchNormInputs): void {
  const channels = input.shape[1];
  if (channels === undefined)
    throw new AppError(
      'bad-input',
      `batch_norm needs an input of at least 2 dimensions, got ${shapeText(input.shape)}`,
    );
  const named = Object.entries({ running_mean: runningMean, running_var: runningVar, weight, bias });
  for (const [name, tensor] of named) {
    if (tensor !== null && tensor.elementCount !== channels) {
      throw new AppError('bad-input', `${name} should contain ${channels} elements not ${tensor.elementCount}`);
    }
  }
}

/** (x - mean) / sqrt(variance + eps) * weight + bias, by ONNX's BatchNormalization. */
function normalise({ input, weight, bias }: BatchNormInputs, mean: Tensor, variance: Tensor, eps: number): KernelCall {
  const dtype = isHalf(input.dtype) ? 'float32' : input.dtype;
  const channels = input.shape[1] as number;
  const filled = (tensor: Tensor | null, value: number): Tensor =>
    tensor === null
      ? Tensor.of(dtype, [channels], convertElements(new Float64Array(channels).fill(value), 'float64', dtype))
      : cast(tensor, dtype);
  const inputs = [input, filled(weight, 1), filled(bias, 0), cast(mean, dtype), cast(variance, dtype)];
  return kernelGraph('batch_norm', { eps }, inputs, (graph, names, parameters) =>
    graph.node('BatchNormalization', names, { epsilon: { float: parameters.eps } }),
  ).giving(input.shape);
}

/** The tensors of a call; decompositions of torch.export call without running statistics by another overload. */
function tensorsOf(args: Arguments): BatchNormInputs {
  const tracks = args.schema.indexOf.has('running_mean');
  return {
    input: args.tensor('input'),
    weight: args.optionalTensor('weight'),
    bias: args.optionalTensor('bias'),
    runningMean: tracks ? args.optionalTensor('running_mean') : null,
    runningVar: tracks ? args.optionalTensor('running_var') : null,
  };
}

/** `native_batch_norm` and its kin: the output, and what the backward needs. */
async function nativeBatchNorm(
  args: Arguments,
  training: boolean,
  context: RunContext,
  tensors = tensorsOf(args),
): Promise<[Tensor, Tensor, Tensor]> {
  const eps = args.float('eps');
  const { output, batch } = await normaliseInMode(tensors, training, args.float('momentum'), eps, context);
  return [output, ...savedStatistics(batch, eps)];
}

export function defineNormalisation(table: OperatorTable): void {
  const affine = 'Tensor input, Tensor? weight, Tensor? bias';
  const options = 'float momentum, float eps';
  table.define(
    `batch_norm(${affine}, Tensor? running_mean, Tensor? running_var, bool training, ${options}, bool cudnn_enabled) -> Tensor`,
    (args, context) =>
      batchNorm(tensorsOf(args), args.bool('training'), args.float('momentum'), args.float('eps'), context),
  );
  const threeTensors = '(Tensor, Tensor, Tensor)';
  const native: OperatorBody = async (args, context) =>
    new Tuple(await nativeBatchNorm(args, args.bool('training'), context));
  for (const signature of [
    `native_batch_norm(${affine}, Tensor? running_mean, Tensor? running_var, bool training, ${options})`,
    `_native_batch_norm_legit(${affine}, Tensor(a!) running_mean, Tensor(b!) running_var, bool training, ${options})`,
    `_native_batch_norm_legit.no_stats(${affine}, bool training, ${options})`,
  ]) {
    table.define(`${signature} -> ${threeTensors}`, native);
  }
  table.define(
    `_native_batch_norm_legit_no_training(${affine}, Tensor running_mean, Tensor running_var, ${options}) -> ${threeTensors}`,
    async (args, context) => new Tuple(await nativeBatchNorm(args, false, context)),
  );
  // Hands back new running statistics instead of writing them.
  table.define(
    `_native_batch_norm_legit_functional(${affine}, Tensor running_mean, Tensor running_var, bool training, ${options}) -> (Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor running_var_out)`,
    async (args, context) => {
      const [mean, variance] = [args.tensor('running_mean').clone(), args.tensor('running_var').clone()];
      const tensors = { ...tensorsOf(args), runningMean: mean, runningVar: variance };
      return new Tuple([...(await nativeBatchNorm(args, args.bool('training'), context, tensors)), mean, variance]);
    },
  );
}

/** What `native_batch_norm` saves for its backward: mean and 1 / sqrt(var + eps) in training, empty tensors otherwise. */
function savedStatistics(batch: BatchStatistics | undefined, eps: number): [Tensor, Tensor] {
  if (batch === undefined) return [Tensor.zeros('float32', [0]), Tensor.zeros('float32', [0])];
  const inverse = batch.variance.map((value) => 1 / Math.sqrt(value + eps));
  return [batch.mean, inverse].map((values) => Tensor.of('float32', [values.length], Float32Array.from(values))) as [
    Tensor,
    Tensor,
  ];
}
