// The last comparison of train and eval of each session, so that views can show it.

import type { ModeComparison } from '../model/comparison';
import type { ModelSession } from './modelSession';

export class Comparisons {
  private readonly bySession = new Map<string, ModeComparison>();

  constructor(private readonly onChange: (session: ModelSession) => void) {}

  last(session: ModelSession): ModeComparison | undefined {
    return this.bySession.get(session.id);
  }

  set(session: ModelSession, comparison: ModeComparison): void {
    this.bySession.set(session.id, comparison);
    this.onChange(session);
  }

  forget(session: ModelSession): void {
    if (this.bySession.delete(session.id)) this.onChange(session);
  }
}
