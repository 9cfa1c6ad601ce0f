// Compares two models as they are now: modules at once, then the running statistics, a few layers at a time.

import { alignModels, pathIn } from '../model/alignModels';
import type { Pair } from '../model/compareModels';
import { compareStatistics } from '../model/compareStatistics';
import type { ComparedStatistics } from '../model/compareStatistics';
import { comparableLayers, comparePair } from '../model/pairComparison';
import type { PairComparison } from '../model/pairComparison';
import type { NormStatistics } from '../model/statistics';
import type { OnProgress } from '../protocol/engine';
import { AppError } from '../util/errors';
import type { ModelSession } from './modelSession';

/** The part of an open model that is compared. */
export type ComparedModel = Pick<
  ModelSession,
  'title' | 'format' | 'modules' | 'state' | 'statistics' | 'latestStatistics'
>;

export interface PairOptions {
  /** Paths of the modules below which the models are compared; undefined for a model as a whole, or what is wrapped in it. */
  readonly roots?: Pair<string | undefined>;
  /** Gives the comparison up. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Layers that are asked for together: enough to keep both models busy, few enough to stop soon. */
const layersAtOnce = 16;

/**
 * Flags and statistics stay as they are. A live model that trains meanwhile is read at different moments.
 * @throws AppError `cancelled`, `no-such-module` for a root that is not there, and what reading statistics throws.
 */
export async function compareModelPair(
  first: ComparedModel,
  second: ComparedModel,
  { roots, signal, onProgress }: PairOptions = {},
): Promise<PairComparison> {
  [first, second].forEach((model, side) => {
    requireRoot(model, roots?.[side]);
  });
  const alignment = alignModels(first.modules, second.modules, roots);
  const layers = comparableLayers(alignment);
  const statistics = new Map<string, ComparedStatistics>();
  for (let start = 0; start < layers.length; start += layersAtOnce) {
    const read = layers.slice(start, start + layersAtOnce).map(async (path) => {
      const reports = await Promise.all([
        statisticsOf(first, pathIn(alignment.roots[0], path)),
        statisticsOf(second, pathIn(alignment.roots[1], path)),
      ]);
      return { path, reports };
    });
    for (const { path, reports } of await unlessAborted(Promise.all(read), signal)) {
      const [one, other] = reports;
      if (one === null || other === null) continue;
      const difference = compareStatistics(one, other);
      statistics.set(path, { reports: [summaryOf(one), summaryOf(other)], difference });
    }
    onProgress?.({ step: 'comparing', done: Math.min(start + layersAtOnce, layers.length), total: layers.length });
  }
  return comparePair([first.format, second.format], alignment, statistics);
}

/** All elements; of a process that has ended, what it told last. */
async function statisticsOf(model: ComparedModel, path: string): Promise<NormStatistics | null> {
  if (model.state.kind === 'ended') return model.latestStatistics?.(path) ?? null;
  return model.statistics(path, { values: true });
}

/** Without the elements: a comparison is kept, and thousands of layers have millions. */
function summaryOf(statistics: NormStatistics): NormStatistics {
  const summary = (tensor: NormStatistics['runningMean']): NormStatistics['runningMean'] => {
    if (tensor === null) return null;
    const { min, mean, max, nonFinite } = tensor;
    return { min, mean, max, nonFinite };
  };
  const { runningMean, runningVar, numBatchesTracked } = statistics;
  return { numBatchesTracked, runningMean: summary(runningMean), runningVar: summary(runningVar) };
}

function requireRoot({ title, modules }: ComparedModel, root: string | undefined): void {
  if (root === undefined || modules.some(({ path }) => path === root)) return;
  throw new AppError('no-such-module', `${title} has no module “${root}”.`, 'Name one that “inspect” shows.');
}

/** A process that does not answer must not keep anybody waiting. */
function unlessAborted<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(new AppError('cancelled', 'The comparison was cancelled.'));
    };
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    task.then(resolve, reject).finally(() => {
      signal?.removeEventListener('abort', giveUp);
    });
  });
}
