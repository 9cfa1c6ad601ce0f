// Two models compared module by module: two ranks of a job, two checkpoints, a model now and then. It says what differs, not why.

import { heldTraining } from './module';
import type { ModuleSpec, NormSpec, TensorSpec } from './module';
import type { NormStatistics, TensorSummary } from './statistics';

/** A value in the first model and in the second. */
export type Pair<T> = readonly [first: T, second: T];

/** One module that is not the same in both models. */
export interface ModuleDifference {
  readonly path: string;
  /** The module in either; undefined where there is none of that path. */
  readonly modules: Pair<ModuleSpec | undefined>;
  /** `missing` in one of the two, of another class, or with other tensors (names, shapes or dtypes). */
  readonly structure?: 'missing' | 'class' | 'tensors';
  /** The modes they are held in, where these differ. */
  readonly flags?: Pair<boolean | null>;
  /** Options of a layer that differ, by torch's names. */
  readonly options?: readonly string[];
}

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
  readonly numBatchesTracked?: Pair<number | null>;
}

/** Relative differences up to it are rounding: the same batches, added up in another order. */
export const roundingShare = 1e-5;

/**
 * The modules that differ: in the order of the first model, then those that only the second has.
 * @param first in pre-order. @param second in pre-order.
 */
export function compareModules(
  first: readonly ModuleSpec[],
  second: readonly ModuleSpec[],
): readonly ModuleDifference[] {
  const counterparts = new Map(second.map((module) => [module.path, module]));
  const differences: ModuleDifference[] = [];
  for (const module of first) {
    const counterpart = counterparts.get(module.path);
    counterparts.delete(module.path);
    const difference = compareModule(module, counterpart);
    if (difference !== undefined) differences.push(difference);
  }
  for (const module of counterparts.values()) {
    differences.push({ path: module.path, modules: [undefined, module], structure: 'missing' });
  }
  return differences;
}

function compareModule(first: ModuleSpec, second: ModuleSpec | undefined): ModuleDifference | undefined {
  const { path } = first;
  if (second === undefined) return { path, modules: [first, undefined], structure: 'missing' };
  const structure = compareStructure(first, second);
  const flags: Pair<boolean | null> = [heldTraining(first), heldTraining(second)];
  const options = differingOptions(first, second);
  if (structure === undefined && flags[0] === flags[1] && options.length === 0) return undefined;
  return {
    path,
    modules: [first, second],
    ...(structure === undefined ? {} : { structure }),
    ...(flags[0] === flags[1] ? {} : { flags }),
    ...(options.length === 0 ? {} : { options }),
  };
}

function compareStructure(first: ModuleSpec, second: ModuleSpec): ModuleDifference['structure'] {
  if (first.qualifiedType !== second.qualifiedType || first.type !== second.type) return 'class';
  const same = sameTensors(first.parameters, second.parameters) && sameTensors(first.buffers, second.buffers);
  return same ? undefined : 'tensors';
}

function sameTensors(first: readonly TensorSpec[], second: readonly TensorSpec[]): boolean {
  return (
    first.length === second.length &&
    first.every(({ name, dtype, shape }, index) => {
      const other = second[index];
      if (other?.name !== name || other.dtype !== dtype || other.shape.length !== shape.length) return false;
      return shape.every((size, dimension) => size === other.shape[dimension]);
    })
  );
}

/** The number of features is left out: the tensors' shapes say it. */
const normOptions = {
  eps: 'eps',
  momentum: 'momentum',
  cumulative: 'momentum',
  affine: 'affine',
  trackRunningStats: 'track_running_stats',
} as const satisfies Partial<Record<keyof NormSpec, string>>;

function differingOptions(first: ModuleSpec, second: ModuleSpec): readonly string[] {
  const names = new Set<string>();
  const norms = [first.batchNorm ?? first.instanceNorm, second.batchNorm ?? second.instanceNorm] as const;
  if (norms[0] !== undefined && norms[1] !== undefined) {
    for (const key of Object.keys(normOptions) as (keyof typeof normOptions)[]) {
      if (norms[0][key] !== norms[1][key]) names.add(normOptions[key]);
    }
  }
  if (first.dropout !== undefined && second.dropout !== undefined && first.dropout.p !== second.dropout.p)
    names.add('p');
  return [...names];
}

/** What differs by more than rounding between the running statistics of a layer; undefined where nothing does. */
export function compareStatistics(first: NormStatistics, second: NormStatistics): StatisticsDifference | undefined {
  const runningMean = compareTensors(first.runningMean, second.runningMean);
  const runningVar = compareTensors(first.runningVar, second.runningVar);
  const counts: Pair<number | null> = [first.numBatchesTracked, second.numBatchesTracked];
  if (runningMean === undefined && runningVar === undefined && counts[0] === counts[1]) return undefined;
  return {
    ...(runningMean === undefined ? {} : { runningMean }),
    ...(runningVar === undefined ? {} : { runningVar }),
    ...(counts[0] === counts[1] ? {} : { numBatchesTracked: counts }),
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
  first.forEach((a, index) => {
    const b = second[index] ?? null;
    if (a === null || b === null) return;
    apart += (a - b) ** 2;
    one += a * a;
    other += b * b;
  });
  return share(Math.sqrt(apart), Math.sqrt(Math.max(one, other)));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
