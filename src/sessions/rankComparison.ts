// One model as several ranks hold it: what differs from the first rank, kept up to date by comparing only what was reported anew.

import { compareModules } from '../model/compareModels';
import type { ModuleDifference } from '../model/compareModels';
import type { ComparedStatistics } from '../model/compareStatistics';
import { countDifferences, differenceAt, differingPaths } from '../model/differences';
import type { DifferenceCounts, Differences, LayerDifference } from '../model/differences';
import { compareHistories, StatisticsHistory } from '../model/statisticsHistory';
import type { LiveSession } from './liveSession';

/** What an update found. */
export interface ComparisonUpdate {
  /** Modules whose row says something else now. */
  readonly changed: readonly { readonly session: LiveSession; readonly path: string }[];
  /** Some difference was seen for the first time and counts only if it is still there at the next update. */
  readonly isPending: boolean;
  /** Some figures were compared anew. */
  readonly hasMoved: boolean;
  /** Layers were reported, and none of their reports falls on the same batch in two ranks. */
  readonly isOutOfStep: boolean;
}

/** One rank beside the first. */
interface Other extends Differences {
  readonly session: LiveSession;
  modules: ReadonlyMap<string, ModuleDifference>;
  /** As they were seen last, whether they count or not. */
  seen: ReadonlyMap<string, ModuleDifference>;
  readonly statistics: Map<string, ComparedStatistics>;
}

export class RankComparison {
  private readonly others: readonly Other[];
  private readonly histories = new Map<LiveSession, Map<string, StatisticsHistory>>();
  private dirty = new Set<string>();
  private areModulesDirty = true;

  /** @param sessions the same model in each rank, the rank to compare with first; at least two. */
  constructor(readonly sessions: readonly LiveSession[]) {
    this.others = sessions
      .slice(1)
      .map((session) => ({ session, modules: new Map(), seen: new Map(), statistics: new Map() }));
    for (const session of sessions) {
      this.histories.set(session, new Map());
      this.takeTree(session);
    }
  }

  /** The rank that the others are compared with. */
  get first(): LiveSession | undefined {
    return this.sessions[0];
  }

  /** Takes up that a rank reported the statistics of layers. */
  takeStatistics(session: LiveSession, paths: readonly string[]): void {
    const histories = this.histories.get(session);
    if (histories === undefined) return;
    for (const path of paths) {
      const statistics = session.latestStatistics(path);
      if (statistics === undefined) continue;
      let history = histories.get(path);
      if (history === undefined) histories.set(path, (history = new StatisticsHistory()));
      history.add(statistics);
      this.dirty.add(path);
    }
  }

  /** Takes up that flags changed. */
  takeModes(): void {
    this.areModulesDirty = true;
  }

  /** Takes up another tree of a rank: what was told of its layers may be of other ones. */
  takeTree(session: LiveSession): void {
    const histories = this.histories.get(session);
    for (const path of histories?.keys() ?? []) this.dirty.add(path);
    histories?.clear();
    this.areModulesDirty = true;
    this.takeStatistics(
      session,
      session.modules.map(({ path }) => path),
    );
    if (session.state.kind === 'ended') this.takeEnd(session);
  }

  /** Takes up that a rank will report nothing more. */
  takeEnd(session: LiveSession): void {
    for (const [path, history] of this.histories.get(session) ?? []) {
      history.end();
      this.dirty.add(path);
    }
  }

  /** Compares what was taken up since the last time. */
  update(): ComparisonUpdate {
    const { dirty, areModulesDirty } = this;
    this.dirty = new Set();
    this.areModulesDirty = false;
    const changed: { session: LiveSession; path: string }[] = [];
    let [isPending, compared, missed] = [false, 0, 0];
    for (const other of this.others) {
      const paths = new Set<string>();
      if (areModulesDirty && this.compareModulesOf(other, paths)) isPending = true;
      for (const path of dirty) {
        const result = this.compareStatisticsOf(other, path, paths);
        if (result === true) compared++;
        if (result === false) missed++;
      }
      for (const path of paths) changed.push({ session: other.session, path });
    }
    if (isPending) this.areModulesDirty = true;
    return { changed, isPending, hasMoved: compared > 0, isOutOfStep: compared === 0 && missed > 0 };
  }

  /** What differs at that path in that rank; undefined where nothing does, and for the first rank. */
  difference(session: LiveSession, path: string): LayerDifference | undefined {
    const other = this.others.find((each) => each.session === session);
    return other === undefined ? undefined : differenceAt(other, path);
  }

  /** Paths at which some rank differs: in the order of the first rank's tree, then those that it has not. */
  get differing(): readonly string[] {
    return differingPaths(this.first?.modules ?? [], this.others);
  }

  get counts(): DifferenceCounts {
    return countDifferences(this.others);
  }

  /**
   * Every rank calls `eval()` at a moment of its own and reports at another. So a difference of flags counts once it was seen twice.
   * @param paths takes up where something else counts now. Returns whether some difference was seen for the first time.
   */
  private compareModulesOf(other: Other, paths: Set<string>): boolean {
    const seen = new Map(
      compareModules(this.first?.modules ?? [], other.session.modules).map((difference) => [
        difference.path,
        difference,
      ]),
    );
    const counting = new Map([...seen].filter(([path, difference]) => isSame(difference, other.seen.get(path))));
    for (const path of new Set([...other.modules.keys(), ...counting.keys()])) {
      if (!isSame(other.modules.get(path), counting.get(path))) paths.add(path);
    }
    other.seen = seen;
    other.modules = counting;
    return counting.size < seen.size;
  }

  /** True if the layer was compared, false if its reports do not fall on the same batch; undefined where there is nothing to compare. */
  private compareStatisticsOf(other: Other, path: string, paths: Set<string>): boolean | undefined {
    const [mine, theirs] = [this.first, other.session].map((session) =>
      session === undefined ? undefined : this.histories.get(session)?.get(path),
    );
    const before = other.statistics.get(path)?.difference;
    if (mine === undefined || theirs === undefined) {
      if (other.statistics.delete(path) && before !== undefined) paths.add(path);
      return undefined;
    }
    const result = compareHistories(mine, theirs);
    // What was compared last still holds for the batch that it names.
    if (result === undefined) return false;
    other.statistics.set(path, result);
    if ((before === undefined) !== (result.difference === undefined)) paths.add(path);
    return true;
  }
}

/** Whether two differences of a path say the same. */
function isSame(one: ModuleDifference | undefined, other: ModuleDifference | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.structure === other.structure &&
    one.flags?.[0] === other.flags?.[0] &&
    one.flags?.[1] === other.flags?.[1] &&
    one.behaviours?.[0] === other.behaviours?.[0] &&
    JSON.stringify(one.options) === JSON.stringify(other.options)
  );
}
