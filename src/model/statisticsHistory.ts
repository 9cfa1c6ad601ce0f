// The last few statistics of one layer, so that two processes that report at different moments are compared after the same batch.

import type { Pair } from './compareModels';
import { compareStatistics } from './compareStatistics';
import type { ComparedStatistics } from './compareStatistics';
import type { NormStatistics } from './statistics';

/** Two seconds of reports, four a second. */
const keptReports = 8;

/** What one process reported of one layer, by its counter of batches. */
export class StatisticsHistory {
  /** The oldest first; counters grow, or the layer was reset. */
  private readonly reports: NormStatistics[] = [];

  /** The latest counter was told twice, or nothing more will come. */
  private stands = false;

  /** Takes a report up. The figures of a counter that was reported before replace those. */
  add(report: NormStatistics): void {
    const last = this.latest?.numBatchesTracked ?? null;
    const count = report.numBatchesTracked;
    this.stands = count === last;
    // Without a counter, or with one that went back, nothing that came before can be told apart from it.
    if (count === null || last === null || count < last) this.reports.length = 0;
    else if (count === last) this.reports.pop();
    this.reports.push(report);
    if (this.reports.length > keptReports) this.reports.shift();
  }

  /** Nothing more will come. */
  end(): void {
    this.stands = true;
  }

  get latest(): NormStatistics | undefined {
    return this.reports.at(-1);
  }

  /** The latest reports of both that were made after the same number of batches; undefined where none were. */
  latestPair(other: StatisticsHistory): Pair<NormStatistics> | undefined {
    let [mine, theirs] = [this.reports.length - 1, other.reports.length - 1];
    for (;;) {
      const [first, second] = [this.reports[mine], other.reports[theirs]];
      if (first === undefined || second === undefined) return undefined;
      const [one, two] = [first.numBatchesTracked, second.numBatchesTracked];
      if (one === two || one === null || two === null) return [first, second];
      if (one > two) mine--;
      else theirs--;
    }
  }

  /**
   * True if the counters themselves differ: both stand, or one of them is behind all that is remembered of the other. Counters that
   * move and are a little apart are only looked at at different moments.
   */
  hasOtherCountThan(other: StatisticsHistory): boolean {
    const [mine, theirs] = [this.range(), other.range()];
    if (mine === undefined || theirs === undefined) return false;
    const overlap = mine[0] <= theirs[1] && theirs[0] <= mine[1];
    const isKnownLong = this.reports.length === keptReports || other.reports.length === keptReports;
    return !overlap && (isKnownLong || (this.stands && other.stands));
  }

  private range(): Pair<number> | undefined {
    const [first, last] = [this.reports[0]?.numBatchesTracked, this.latest?.numBatchesTracked];
    return typeof first === 'number' && typeof last === 'number' ? [first, last] : undefined;
  }
}

/**
 * Compares the statistics of a layer in two processes after the same number of batches. Where one counter has fallen behind, the latest reports are compared, and the counters
 * are part of the difference. Undefined while both move and no two reports fall on the same batch.
 */
export function compareHistories(first: StatisticsHistory, second: StatisticsHistory): ComparedStatistics | undefined {
  const latest: Pair<NormStatistics | undefined> = [first.latest, second.latest];
  const reports = first.hasOtherCountThan(second) ? latest : first.latestPair(second);
  if (reports?.[0] === undefined || reports[1] === undefined) return undefined;
  return { reports: [reports[0], reports[1]], difference: compareStatistics(reports[0], reports[1]) };
}
