// Rules about running statistics as they stand, and about options of the layers that keep them.

import type { Severity } from '../model/finding';
import type { ModuleSpec, NormSpec } from '../model/module';
import type { NormStatistics, TensorSummary } from '../model/statistics';
import type { Rule, RuleContext, Seen } from './rule';

/** The largest finite float16. */
const halfMaximum = 65504;

/** Forwards in eval after which a live model is in use: a few come before training, to try the validation loop out. */
const settledForwards = 20;

/** `batchnorm/never-updated`: mean 0 and variance 1 in every channel, while forwards normalise by them. */
const neverUpdated = ofStatistics('batchnorm/never-updated', (module, statistics, _, context) => {
  const severity = severityInUse(module, context);
  const { numBatchesTracked: batches, runningMean, runningVar } = statistics;
  // A frozen class keeps no counter: zeros and ones are what its identity is made of.
  if (severity === undefined || isFrozenClass(module) || !areInitial(runningMean, runningVar)) return undefined;
  const use = severity === 'warning' ? 'eval normalises by them' : 'in eval it would normalise by them';
  const counter = batches === null ? '' : `, after ${String(batches)} batches`;
  return {
    severity,
    message: `The running statistics are the initial ones (mean 0, variance 1)${counter}: no batch has moved them, and ${use}.`,
    evidence: { numBatchesTracked: batches, runningMean: 0, runningVar: 1 },
  };
});

/** `batchnorm/initial-share`: after n updates (1 - momentum)^n of the initial values is left. */
const initialShare = ofStatistics('batchnorm/initial-share', (module, statistics, norm, context) => {
  const severity = severityInUse(module, context);
  const { numBatchesTracked: batches, runningMean, runningVar } = statistics;
  // InstanceNorm doesn't count.
  if (severity === undefined || batches === null || batches < 1 || module.instanceNorm !== undefined) return undefined;
  if (norm.momentum === null || norm.cumulative || norm.momentum <= 0 || norm.momentum > 1) return undefined;
  const share = (1 - norm.momentum) ** batches;
  if (share < context.thresholds.initialShare || areInitial(runningMean, runningVar)) return undefined;
  // Of an initial variance of 1 at least the share is left. Less means that training began with other statistics: a pretrained model.
  if ((runningVar?.min ?? -1) < share * 0.99) return undefined;
  const percent = `${String(Math.round(share * 100))} %`;
  return {
    severity,
    message: `${percent} of the initial mean 0 and variance 1 is left after ${batches === 1 ? '1 batch' : `${String(batches)} batches`} with momentum ${String(norm.momentum)}.`,
    evidence: { numBatchesTracked: batches, momentum: norm.momentum, share },
  };
});

/** `batchnorm/non-finite`: NaN or infinite. */
const nonFinite = ofStatistics('batchnorm/non-finite', (_, { runningMean, runningVar }) => {
  const [mean, variance] = [runningMean?.nonFinite ?? 0, runningVar?.nonFinite ?? 0];
  if (mean + variance === 0) return undefined;
  const parts = [
    ...(mean > 0 ? [`${String(mean)} of the running means`] : []),
    ...(variance > 0 ? [`${String(variance)} of the running variances`] : []),
  ];
  return {
    severity: 'error',
    message: `${parts.join(' and ')} ${mean + variance === 1 ? 'is' : 'are'} NaN or infinite: in eval these channels come out as NaN, or as constants.`,
    evidence: { runningMean: mean, runningVar: variance },
  };
});

/** `batchnorm/negative-variance`: no batch has one. */
const negativeVariance = ofStatistics('batchnorm/negative-variance', (_, { runningVar }) => {
  const least = runningVar?.min ?? 0;
  if (least >= 0) return undefined;
  return {
    severity: 'error',
    message: `A running variance is negative (${figure(least)}): no batch has such a variance, and its root in eval is NaN.`,
    evidence: { minimum: least },
  };
});

/** `batchnorm/half-overflow`: what float16 can't hold becomes infinite there. */
const halfOverflow = ofStatistics('batchnorm/half-overflow', (_, { runningMean, runningVar }, __, context) => {
  const largest = Math.max(...[runningMean, runningVar].flatMap((summary) => magnitudes(summary)), 0);
  if (largest <= halfMaximum) return undefined;
  const usesHalf = context.once(halfKey, () => hasHalf(context.model.modules));
  return {
    severity: usesHalf ? 'warning' : 'information',
    message: `A running statistic of ${figure(largest)} is beyond float16, whose largest number is ${String(halfMaximum)}: ${usesHalf ? 'the model has tensors in float16, and this one would become infinite' : 'in float16 it becomes infinite'}.`,
    evidence: { largest, limit: halfMaximum },
  };
});

/** `batchnorm/dead-channels`: channels that were the same in every batch. */
const deadChannels = ofStatistics('batchnorm/dead-channels', (_, { runningVar, deadChannels: dead }, norm) => {
  const [least, most] = [runningVar?.min ?? 1, runningVar?.max ?? 1];
  const isDead = (variance: number): boolean => variance >= 0 && variance < 1e-8;
  const number = dead ?? (isDead(least) ? 1 : 0);
  if (number === 0) return undefined;
  const all = isDead(most) && runningVar?.nonFinite === 0;
  const of = norm.numFeatures === null ? '' : ` of ${String(norm.numFeatures)}`;
  const which = all ? 'All channels' : dead === undefined ? 'One channel or more' : `${String(dead)}${of} channels`;
  return {
    severity: all ? 'warning' : 'information',
    message: `${which} ${which.startsWith('1 ') || dead === undefined ? 'has' : 'have'} a running variance near 0: the input there never changed, and in eval any change is magnified by up to ${figure(1 / Math.sqrt(norm.eps ?? 1e-5))}.`,
    evidence: { channels: dead ?? null, numFeatures: norm.numFeatures, minimum: least },
  };
});

/** `batchnorm/no-running-stats`: `track_running_stats=False`. */
const noRunningStats: Rule = {
  id: 'batchnorm/no-running-stats',
  ofModule: ({ batchNorm, path, training, type }) => {
    if (batchNorm?.trackRunningStats !== false) return undefined;
    return {
      severity: 'information',
      path,
      message: `${type} keeps no running statistics: it normalises by the batch in eval too, so that an output depends on what else is in the batch.`,
      evidence: { trackRunningStats: false, flag: training },
      actions: [],
    };
  },
};

/** `batchnorm/momentum`: 0, 1 and None each mean something that is easily missed. */
const momentum: Rule = {
  id: 'batchnorm/momentum',
  ofModule: ({ batchNorm, instanceNorm, literalCalls, path }) => {
    const norm = batchNorm ?? instanceNorm;
    if (norm?.trackRunningStats !== true) return undefined;
    // In eval torch passes 0 for None too, so that a trace or an export of eval can't tell the two apart.
    const mayBeNone = literalCalls?.every(({ training }) => !training) === true;
    const words = norm.cumulative
      ? momentumWords.none
      : norm.momentum === 0 && !mayBeNone
        ? momentumWords[0]
        : norm.momentum === 1
          ? momentumWords[1]
          : undefined;
    if (words === undefined) return undefined;
    return {
      severity: 'information',
      path,
      message: words,
      evidence: { momentum: norm.cumulative ? null : norm.momentum },
      actions: [],
    };
  },
};

const momentumWords = {
  none: 'momentum is None: the running statistics are the average over all batches, so that early ones count as much as late ones.',
  0: 'momentum is 0: the running statistics never move, in train either.',
  1: 'momentum is 1: the running statistics are those of the last batch alone.',
} as const;

export const batchNormRules: readonly Rule[] = [
  neverUpdated,
  initialShare,
  nonFinite,
  negativeVariance,
  halfOverflow,
  deadChannels,
  noRunningStats,
  momentum,
];

type OfStatistics = (
  module: ModuleSpec,
  statistics: NormStatistics,
  norm: NormSpec,
  context: RuleContext,
) => Pick<Seen, 'severity' | 'message' | 'evidence'> | undefined;

/** A rule about a layer whose statistics have been read. */
function ofStatistics(id: Rule['id'], look: OfStatistics): Rule {
  return {
    id,
    ofModule: (module, context) => {
      const norm = module.batchNorm ?? module.instanceNorm;
      const statistics = norm === undefined ? undefined : context.model.statistics(module.path);
      if (norm === undefined || statistics === undefined) return undefined;
      const seen = look(module, statistics, norm, context);
      return seen === undefined ? undefined : { ...seen, path: module.path, actions: [] };
    },
  };
}

/**
 * How much it matters that eval normalises by bad statistics: a warning where it does so, information where the file can't tell or
 * a live model was perhaps not loaded yet, nothing as long as the layer is in train.
 */
function severityInUse({ behaviour }: ModuleSpec, { model }: RuleContext): Severity | undefined {
  if (behaviour === 'unknown') return 'information';
  if (behaviour !== 'eval') return undefined;
  if (model.kind === 'file') return 'warning';
  const forwards = Math.max(0, ...[...model.observations.forwards.values()].map(({ inEval }) => inEval));
  return forwards >= settledForwards ? 'warning' : 'information';
}

/** A class that never looks at its flag, such as FrozenBatchNorm2d. */
function isFrozenClass({ type }: ModuleSpec): boolean {
  return type.startsWith('Frozen');
}

function areInitial(mean: TensorSummary | null, variance: TensorSummary | null): boolean {
  return isAll(mean, 0) && isAll(variance, 1);
}

function isAll(summary: TensorSummary | null, value: number): boolean {
  return summary?.min === value && summary.max === value && summary.nonFinite === 0;
}

function magnitudes(summary: TensorSummary | null): number[] {
  return [summary?.min, summary?.max].map((value) => Math.abs(value ?? 0));
}

const halfKey = {};

function hasHalf(modules: readonly ModuleSpec[]): boolean {
  return modules.some(({ parameters, buffers }) =>
    [...parameters, ...buffers].some(({ dtype }) => dtype === 'float16'),
  );
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}
