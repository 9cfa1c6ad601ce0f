// Running statistics of normalisation layers, and summaries of tensors, as plain data.

import type { DType } from './dtype';

/** Figures over the finite elements of a tensor; they are `null` where there is none. */
export interface TensorSummary {
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Number of NaN and infinite elements. */
  readonly nonFinite: number;
  /** Of running statistics, where somebody looks at their distribution. */
  readonly quartiles?: Quartiles;
  /** All elements in order, only where they were asked for; non-finite ones as `null`. */
  readonly values?: readonly (number | null)[];
}

/** Lower quartile, median and upper quartile of the finite elements, interpolated linearly as `torch.quantile` does. */
export type Quartiles = readonly [lower: number, median: number, upper: number];

/** Names under which torch's normalisation layers register their statistics. */
export const statisticsNames = ['running_mean', 'running_var', 'num_batches_tracked'] as const;

/** Running statistics of one layer at one moment. */
export interface NormStatistics {
  readonly numBatchesTracked: number | null;
  readonly runningMean: TensorSummary | null;
  readonly runningVar: TensorSummary | null;
  /** Channels whose running variance is below {@link deadVariance}; absent where nobody counted them. */
  readonly deadChannels?: number;
}

/** A running variance below it is as good as none: the channel was constant. */
export const deadVariance = 1e-8;

/** How many variances are near zero; negative ones are another matter. */
export function countDead(variances: ArrayLike<number>): number {
  let dead = 0;
  for (let i = 0; i < variances.length; i++) {
    const variance = variances[i] as number;
    if (variance >= 0 && variance < deadVariance) dead++;
  }
  return dead;
}

/** One tensor that a forward returned. */
export interface OutputSummary extends TensorSummary {
  /** Where it stands in the returned structure: `''` for a lone tensor, `0`, `1.hidden`, … */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Summarises numbers; `keepValues` adds them all. */
export function summarise(values: ArrayLike<number>, keepValues = false): TensorSummary {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let finite = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    finite++;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const none = finite === 0;
  return {
    min: none ? null : min,
    max: none ? null : max,
    mean: none ? null : sum / finite,
    nonFinite: values.length - finite,
    ...(keepValues ? { values: Array.from(values, (value) => (Number.isFinite(value) ? value : null)) } : {}),
  };
}

/** The quartiles of numbers; undefined where none is finite. */
export function quartilesOf(values: ArrayLike<number>): Quartiles | undefined {
  const sorted = Float64Array.from(values)
    .filter((value) => Number.isFinite(value))
    .sort();
  if (sorted.length === 0) return undefined;
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] as number;
    const above = sorted[Math.ceil(place)] as number;
    return below + (above - below) * (place - Math.floor(place));
  };
  return [at(0.25), at(0.5), at(0.75)];
}
