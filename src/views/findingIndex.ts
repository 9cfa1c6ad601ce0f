// The findings of the open models by module, for rows and badges; and which modules a change concerns.

import { groupFindings, type Finding } from '../model/finding';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import type { Disposable } from '../util/disposable';
import { Emitter } from '../util/event';
import type { Event } from '../util/event';

export interface FindingChange {
  readonly session: ModelSession;
  /** Modules that have findings now, or had some before. */
  readonly paths: readonly string[];
}

const none: readonly Finding[] = [];

export class FindingIndex implements Disposable {
  private readonly bySession = new Map<string, ReadonlyMap<string, readonly Finding[]>>();
  private readonly changed = new Emitter<FindingChange>();
  private readonly subscription: Disposable;

  readonly onDidChange: Event<FindingChange> = this.changed.event;

  constructor(store: SessionStore) {
    this.subscription = store.onDidChange((change) => {
      if (change.kind === 'removed') this.update(change.session, none);
      if (change.kind === 'session' && change.change.kind === 'findings')
        this.update(change.session, change.session.findings);
    });
  }

  /** Findings at a module itself. */
  at(session: ModelSession, path: string): readonly Finding[] {
    return this.bySession.get(session.id)?.get(path) ?? none;
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }

  private update(session: ModelSession, findings: readonly Finding[]): void {
    const before = this.bySession.get(session.id);
    const now = groupFindings(findings, ({ path }) => path);
    if (now.size === 0) this.bySession.delete(session.id);
    else this.bySession.set(session.id, now);
    this.changed.fire({ session, paths: [...new Set([...(before?.keys() ?? []), ...now.keys()])] });
  }
}
