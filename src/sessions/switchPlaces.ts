// Calls of train() and eval() by the line of code that made them: a count that goes on when single calls are forgotten.

import type { AgentSwitch } from '../protocol/agent';

/** All calls of `train()` or `eval()` on one line of code for one module. */
export interface SwitchPlace {
  readonly path: string;
  readonly training: boolean;
  readonly calls: number;
  /** Seconds since the epoch, of the last one. */
  readonly last: number;
  readonly file: string | null;
  /** From 1, as Python counts. */
  readonly line: number | null;
  readonly function: string | null;
}

/** Gathers calls as they come. It holds one entry for each line and module, and no call. */
export class SwitchPlaces {
  private readonly places = new Map<string, SwitchPlace>();

  /** The latest first. */
  get latestFirst(): readonly SwitchPlace[] {
    return [...this.places.values()].reverse();
  }

  add({ path, training, time, file, line, function: name }: AgentSwitch): void {
    const key = JSON.stringify([path, training, file, line]);
    const calls = (this.places.get(key)?.calls ?? 0) + 1;
    // Deleting first puts the place behind all others: a Map keeps the order of insertion.
    this.places.delete(key);
    this.places.set(key, { path: path ?? '', training, calls, last: time, file, line, function: name });
  }
}

/** The places of these calls, the latest first. */
export function switchPlaces(switches: readonly AgentSwitch[]): readonly SwitchPlace[] {
  const places = new SwitchPlaces();
  for (const call of switches) places.add(call);
  return places.latestFirst;
}
