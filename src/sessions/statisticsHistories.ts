// The history of each open model's statistics, kept while its panel is closed too: live models tell theirs by themselves.

import type { Disposable } from '../util/disposable';
import type { ModelSession } from './modelSession';
import type { SessionStore } from './sessionStore';
import { StatisticsHistory } from './statisticsHistory';

export class StatisticsHistories implements Disposable {
  private readonly histories = new Map<string, StatisticsHistory>();
  private readonly subscription: Disposable;

  /** @param now seconds since the epoch. */
  constructor(store: SessionStore, now: () => number) {
    this.subscription = store.onDidChange((change) => {
      if (change.kind === 'removed') this.histories.delete(change.session.id);
      if (change.kind !== 'session') return;
      const { session } = change;
      if (change.change.kind === 'tree') this.histories.delete(session.id);
      if (change.change.kind !== 'statistics' || session.latestStatistics === undefined) return;
      const history = this.of(session);
      for (const path of change.change.paths) {
        const figures = session.latestStatistics(path);
        if (figures !== undefined) history.add(path, now(), figures);
      }
    });
  }

  of(session: ModelSession): StatisticsHistory {
    let history = this.histories.get(session.id);
    if (history === undefined) {
      const layers = session.modules.filter(({ batchNorm, instanceNorm }) => (batchNorm ?? instanceNorm) !== undefined);
      this.histories.set(session.id, (history = new StatisticsHistory(layers.length)));
    }
    return history;
  }

  dispose(): void {
    this.subscription.dispose();
    this.histories.clear();
  }
}
