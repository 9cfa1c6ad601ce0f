// Which rules are on and from which figures on they speak, for all sessions that share this object.

import { defaultFindingSettings, type FindingSettings } from '../insight/findings';
import { Emitter } from '../util/event';
import type { Event } from '../util/event';

export class FindingRules {
  private readonly changed = new Emitter<undefined>();
  private current: FindingSettings;

  readonly onDidChange: Event<undefined> = this.changed.event;

  constructor(settings: FindingSettings = defaultFindingSettings) {
    this.current = settings;
  }

  get settings(): FindingSettings {
    return this.current;
  }

  /** Sessions look again. */
  set(settings: FindingSettings): void {
    this.current = settings;
    this.changed.fire(undefined);
  }
}
