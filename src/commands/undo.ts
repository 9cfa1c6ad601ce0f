// Undo for switches that were made here: each model's own, the last one first.

import type { ModelSession } from '../sessions/modelSession';

/** Switches of one model beyond these are not worth remembering. */
const kept = 50;

type Undo = () => Promise<void>;

export class SwitchHistory {
  private readonly bySession = new WeakMap<ModelSession, Undo[]>();

  /** Before modules of the model are switched: undoing sets every flag as it is now. `also` is undone first. */
  record(session: ModelSession, also: Undo = () => Promise.resolve()): void {
    const before = session.snapshot();
    const history = this.bySession.get(session) ?? [];
    history.push(async () => {
      await also();
      await session.restore(before);
    });
    this.bySession.set(session, history.slice(-kept));
  }

  /** False where there is nothing to undo. What can't be undone is not tried again. @throws AppError */
  async undo(session: ModelSession): Promise<boolean> {
    const last = this.bySession.get(session)?.pop();
    await last?.();
    return last !== undefined;
  }
}
