// The running statistics of a layer in two models compared: how far apart they lie, beyond rounding.

import type { Pair } from './compareModels';
import type { NormStatistics, TensorSummary } from './statistics';

/** How far a tensor lies from its counterpart. */
export interface TensorDifference {
  /**
   * Between 0 and 2. Where all elements are known: the norm of the difference over the larger of both norms. Else: the largest difference of
   * minimum, mean and maximum over the largest magnitude of both. Null where only one of the two has finite elements.
   */
  readonly relative: number | null;
  /** Numbers of NaN and infinite elements, where these differ. */
  readonly nonFinite?: Pair<number>;
}

/** Running statistics that are not the same; what is the same is left out. */
export interface StatisticsDifference {
  readonly runningMean?: TensorDifference;
  readonly runningVar?: TensorDifference;
  /** A counter that one of them does not keep is no difference. */
  readonly numBatchesTracked?: Pair<number>;
}

/** Running statistics of a layer in both models, and how they differ, if they do. */
export interface ComparedStatistics {
  readonly reports: Pair<NormStatistics>;
  readonly difference: StatisticsDifference | undefined;
}

/** Relative differences up to it are rounding: the same batches, added up in another order. */
export const roundingShare = 1e-5;

/** What differs by more than rounding between the running statistics of a layer; undefined where nothing does. */
export function compareStatistics(first: NormStatistics, second: NormStatistics): StatisticsDifference | undefined {
  const runningMean = compareTensors(first.runningMean, second.runningMean);
  const runningVar = compareTensors(first.runningVar, second.runningVar);
  const [count, other] = [first.numBatchesTracked, second.numBatchesTracked];
  const numBatchesTracked: Pair<number> | undefined =
    count === null || other === null || count === other ? undefined : [count, other];
  if (runningMean === undefined && runningVar === undefined && numBatchesTracked === undefined) return undefined;
  return {
    ...(runningMean === undefined ? {} : { runningMean }),
    ...(runningVar === undefined ? {} : { runningVar }),
    ...(numBatchesTracked === undefined ? {} : { numBatchesTracked }),
  };
}

/** The largest relative difference of mean and variance: 0 where only counters differ, null where a tensor is finite in one alone. */
export function largestDifference({ runningMean, runningVar }: StatisticsDifference): number | null {
  const shares = [runningMean, runningVar].flatMap((difference) =>
    difference === undefined ? [] : [difference.relative],
  );
  return shares.reduce<number | null>(
    (most, share) => (most === null || share === null ? null : Math.max(most, share)),
    0,
  );
}

/** The largest relative difference of a layer's statistics; infinite where a tensor is finite in one alone, 0 where none differs. */
export function shareOf(statistics: ComparedStatistics | undefined): number {
  const difference = statistics?.difference;
  return difference === undefined ? 0 : (largestDifference(difference) ?? Infinity);
}

function compareTensors(first: TensorSummary | null, second: TensorSummary | null): TensorDifference | undefined {
  if (first === null && second === null) return undefined;
  if (first === null || second === null) return { relative: null };
  const relative = relativeDifference(first, second);
  const nonFinite: Pair<number> = [first.nonFinite, second.nonFinite];
  const isSame = relative !== null && relative <= roundingShare;
  if (isSame && nonFinite[0] === nonFinite[1]) return undefined;
  return { relative, ...(nonFinite[0] === nonFinite[1] ? {} : { nonFinite }) };
}

function relativeDifference(first: TensorSummary, second: TensorSummary): number | null {
  if (first.mean === null && second.mean === null) return 0;
  if (first.mean === null || second.mean === null) return null;
  if (first.values !== undefined && first.values.length === second.values?.length) {
    return normOfDifference(first.values, second.values);
  }
  const figures = [first.min, first.max, second.min, second.max].map((figure) => Math.abs(figure ?? 0));
  const apart = (['min', 'mean', 'max'] as const).map((key) => Math.abs((first[key] ?? 0) - (second[key] ?? 0)));
  return share(Math.max(...apart), Math.max(...figures));
}

/** Over the elements that are finite in both. */
function normOfDifference(first: readonly (number | null)[], second: readonly (number | null)[]): number {
  let [apart, one, other] = [0, 0, 0];
  // Squares of what is measured by the largest magnitude neither overflow nor vanish.
  const unit = largestMagnitude(first, second) || 1;
  first.forEach((value, index) => {
    const counterpart = second[index] ?? null;
    if (value === null || counterpart === null) return;
    const [a, b] = [value / unit, counterpart / unit];
    apart += (a - b) ** 2;
    one += a * a;
    other += b * b;
  });
  return share(Math.sqrt(apart), Math.sqrt(Math.max(one, other)));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function largestMagnitude(...lists: readonly (readonly (number | null)[])[]): number {
  let largest = 0;
  for (const values of lists) for (const value of values) largest = Math.max(largest, Math.abs(value ?? 0));
  return largest;
}
