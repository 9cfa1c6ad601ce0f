// Keeps the findings of one session up to date: looks again after changes, in steps between which the host is free.

import { setImmediate, setTimeout } from 'node:timers/promises';
import { findingSteps } from '../insight/findings';
import type { InsightModel } from '../insight/rule';
import type { Finding } from '../model/finding';
import type { Disposable } from '../util/disposable';
import type { FindingRules } from './findingRules';

/** Changes come in bursts: a forward moves statistics of many layers, a live program reports several times a second. */
const momentMilliseconds = 100;

export interface FindingTrackerOptions {
  readonly rules: FindingRules;
  /** The model as it is now. */
  readonly model: () => InsightModel;
  /** Told when findings came, went or read differently. */
  readonly onDidChange: () => void;
  readonly onError: (error: unknown) => void;
}

export class FindingTracker implements Disposable {
  private found: readonly Finding[] = [];
  private isWanted = false;
  private isLooking = false;
  private disposed = false;
  private readonly subscription: Disposable;

  constructor(private readonly options: FindingTrackerOptions) {
    this.subscription = options.rules.onDidChange(() => {
      this.look();
    });
    this.look();
  }

  get findings(): readonly Finding[] {
    return this.found;
  }

  /** Looks at the model anew after a moment, once for all calls until then. */
  look(): void {
    this.isWanted = true;
    if (this.isLooking) return;
    this.isLooking = true;
    this.lookWhileWanted()
      .catch((error: unknown) => {
        this.options.onError(error);
      })
      .finally(() => {
        this.isLooking = false;
      });
  }

  /** Looks now, if a look is due: for a last word before a program ends. */
  flush(): void {
    if (!this.isWanted || this.disposed) return;
    this.isWanted = false;
    const steps = findingSteps(this.options.model(), this.options.rules.settings);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    this.take(step.value);
  }

  dispose(): void {
    this.disposed = true;
    this.subscription.dispose();
  }

  private async lookWhileWanted(): Promise<void> {
    while (this.isDue()) {
      // Nobody waits for it: a process may end before.
      await setTimeout(momentMilliseconds, undefined, { ref: false });
      if (!this.isDue()) return;
      this.isWanted = false;
      const steps = findingSteps(this.options.model(), this.options.rules.settings);
      let step = steps.next();
      // A change in the middle wants another look; what was seen until then is nothing to show.
      while (step.done !== true && !this.isDue()) {
        await setImmediate();
        step = steps.next();
      }
      if (step.done === true) this.take(step.value);
    }
  }

  private isDue(): boolean {
    return this.isWanted && !this.disposed;
  }

  private take(found: readonly Finding[]): void {
    if (this.disposed || areSame(found, this.found)) return;
    this.found = found;
    this.options.onDidChange();
  }
}

function areSame(a: readonly Finding[], b: readonly Finding[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ rule, path, severity, message }, i) => {
      const other = b[i];
      return other?.rule === rule && other.path === path && other.severity === severity && other.message === message;
    })
  );
}
