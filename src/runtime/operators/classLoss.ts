// Losses of class scores: negative log-likelihood and cross entropy.

import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { convertElements } from '../elements';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { isFloating } from '../elements';
import { notImplemented } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { shapeText } from './support';
import { softmax } from './softmax';

interface ClassOptions {
  readonly weight: Tensor | null;
  readonly reduction: number;
  readonly ignoreIndex: number;
  readonly smoothing: number;
}

interface ClassLoss {
  readonly output: Tensor;
  /** Sum of the weights of all targets that count. */
  readonly totalWeight: number;
}

function optionsOf(args: Arguments): ClassOptions {
  return {
    weight: args.optionalTensor('weight'),
    reduction: args.int('reduction'),
    ignoreIndex: args.int('ignore_index'),
    smoothing: args.schema.indexOf.has('label_smoothing') ? args.float('label_smoothing') : 0,
  };
}

/** Position of the classes: dimension 1, or the only one. */
function classDim(self: Tensor): number {
  return self.rank === 1 ? 0 : 1;
}

/**
 * -weight[t] * logProbabilities[t] of each target, reduced. Log probabilities are [N, C, …] or [C], targets class indices [N, …]
 * or []. A mean is weighted. With smoothing, a share of each target goes to all classes alike.
 */
function classLoss(logProbabilities: Tensor, target: Tensor, options: ClassOptions): ClassLoss {
  const { weight, reduction, ignoreIndex, smoothing } = options;
  const dim = classDim(logProbabilities);
  checkTargets(logProbabilities, target, weight, dim);
  const classes = logProbabilities.shape[dim] as number;
  const inner = logProbabilities.shape.slice(dim + 1).reduce((product, size) => product * size, 1);
  const values = logProbabilities.toNumbers();
  const labels = target.toNumbers();
  const weights = weight?.toNumbers();
  const losses = new Float64Array(labels.length);
  let totalWeight = 0;
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (label === ignoreIndex) continue;
    if (label < 0 || label >= classes) throw new AppError('bad-input', `Target ${label} is out of bounds.`);
    const start = Math.floor(i / inner) * classes * inner + (i % inner);
    const factor = weights === undefined ? 1 : (weights[label] as number);
    let loss = -factor * (values[start + label * inner] as number);
    if (smoothing > 0) {
      let everywhere = 0;
      for (let c = 0; c < classes; c++)
        everywhere -= (weights === undefined ? 1 : (weights[c] as number)) * (values[start + c * inner] as number);
      loss = (1 - smoothing) * loss + (smoothing / classes) * everywhere;
    }
    losses[i] = loss;
    total += loss;
    totalWeight += factor;
  }
  const { dtype } = logProbabilities;
  if (reduction === 0)
    return { output: Tensor.of(dtype, target.shape, convertElements(losses, 'float64', dtype)), totalWeight };
  const reduced = Float64Array.of(reduction === 1 ? total / totalWeight : total);
  return { output: Tensor.of(dtype, [], convertElements(reduced, 'float64', dtype)), totalWeight };
}

function checkTargets(self: Tensor, target: Tensor, weight: Tensor | null, dim: number): void {
  if (!isFloating(self.dtype)) throw notImplemented('nll_loss_out_frame', self.dtype);
  if (target.dtype !== 'int64' && target.dtype !== 'uint8') {
    throw new AppError(
      'bad-input',
      `expected target dtype to be Long or Byte, but got ${scalarTypeName(target.dtype)}`,
    );
  }
  const expected = self.shape.filter((_, d) => d !== dim);
  if (self.rank === 0 || expected.join() !== target.shape.join()) {
    const [batch = 0, targets = 0] = [self.shape[0], target.shape[0]];
    throw batch !== targets && self.rank > 1
      ? new AppError('bad-input', `Expected input batch_size (${batch}) to match target batch_size (${targets}).`)
      : new AppError('bad-input', `Expected target of shape ${shapeText(expected)}, got ${shapeText(target.shape)}`);
  }
  if (weight !== null && weight.elementCount !== self.shape[dim]) {
    throw new AppError(
      'bad-input',
      `weight tensor should be defined either for all ${self.shape[dim] ?? 0} classes or no classes but got weight tensor of shape: ${shapeText(weight.shape)}`,
    );
  }
}

/** Targets that are probabilities: -Σ over classes of weight * probability * log probability; a mean is over the batch. */
function probabilityLoss(
  logProbabilities: Tensor,
  target: Tensor,
  { weight, reduction, smoothing }: ClassOptions,
): Tensor {
  const dim = classDim(logProbabilities);
  const classes = logProbabilities.shape[dim] as number;
  const inner = logProbabilities.shape.slice(dim + 1).reduce((product, size) => product * size, 1);
  const [values, shares, weights] = [logProbabilities.toNumbers(), target.toNumbers(), weight?.toNumbers()];
  const shape = logProbabilities.shape.filter((_, d) => d !== dim);
  const losses = new Float64Array(values.length / classes);
  let total = 0;
  for (let i = 0; i < losses.length; i++) {
    const start = Math.floor(i / inner) * classes * inner + (i % inner);
    let loss = 0;
    for (let c = 0; c < classes; c++) {
      const share = (shares[start + c * inner] as number) * (1 - smoothing) + smoothing / classes;
      loss -= (weights === undefined ? 1 : (weights[c] as number)) * share * (values[start + c * inner] as number);
    }
    losses[i] = loss;
    total += loss;
  }
  const { dtype } = logProbabilities;
  if (reduction === 0) return Tensor.of(dtype, shape, convertElements(losses, 'float64', dtype));
  const reduced = Float64Array.of(reduction === 1 ? total / losses.length : total);
  return Tensor.of(dtype, [], convertElements(reduced, 'float64', dtype));
}

async function crossEntropy(args: Arguments, context: RunContext): Promise<Tensor> {
  const [self, target, options] = [args.tensor('self'), args.tensor('target'), optionsOf(args)];
  if (options.smoothing < 0 || options.smoothing > 1) {
    throw new AppError('bad-input', `label_smoothing must be between 0.0 and 1.0. Got: ${options.smoothing}`);
  }
  const logProbabilities = await softmax('LogSoftmax', self, classDim(self), context);
  if (self.shape.join() === target.shape.join() && isFloating(target.dtype))
    return probabilityLoss(logProbabilities, target, options);
  return classLoss(logProbabilities, target, options).output;
}

export function defineClassLosses(table: OperatorTable): void {
  const nll: OperatorBody = (args) => classLoss(args.tensor('self'), args.tensor('target'), optionsOf(args)).output;
  const options = 'Tensor? weight=None, int reduction=1, SymInt ignore_index=-100';
  for (const name of ['nll_loss', 'nll_loss2d', 'nll_loss_nd'])
    table.define(`${name}(Tensor self, Tensor target, ${options}) -> Tensor`, nll);
  for (const name of ['nll_loss_forward', 'nll_loss2d_forward']) {
    table.define(
      `${name}(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)`,
      (args) => {
        const { output, totalWeight } = classLoss(args.tensor('self'), args.tensor('target'), optionsOf(args));
        const { dtype } = args.tensor('self');
        return new Tuple([
          output,
          Tensor.of(dtype, [], convertElements(Float64Array.of(totalWeight), 'float64', dtype)),
        ]);
      },
    );
  }
  table.define(
    `cross_entropy_loss(Tensor self, Tensor target, ${options}, float label_smoothing=0.) -> Tensor`,
    crossEntropy,
  );
}
