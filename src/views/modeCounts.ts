// Mode counts of the open models, counted anew only after a change and only when a row asks.

import type { Disposable } from '../util/disposable';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import { countModes } from './modeModel';
import type { ModeCount } from './modeModel';

export class ModeCounts implements Disposable {
  private readonly counted = new Map<string, (path: string) => ModeCount>();
  private readonly subscription: Disposable;

  /** Must subscribe before the views do, so that they never read an old count. */
  constructor(store: SessionStore) {
    this.subscription = store.onDidChange((change) => {
      if (change.kind === 'removed') this.counted.delete(change.session.id);
      if (change.kind !== 'session') return;
      if (change.change.kind === 'modes' || change.change.kind === 'tree') this.counted.delete(change.session.id);
    });
  }

  of(session: ModelSession, path: string): ModeCount {
    let counts = this.counted.get(session.id);
    if (counts === undefined) this.counted.set(session.id, (counts = countModes(session.modules)));
    return counts(path);
  }

  dispose(): void {
    this.subscription.dispose();
  }
}
