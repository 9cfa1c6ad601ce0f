// Long results of the engine cross to the host in parts, each small enough to be taken in without a pause that a person feels.

import type { EngineMethod, EngineRequests } from '../protocol/engine';

/** Changes in one message: the host takes about a millisecond to read that many. */
export const changesPerPart = 400;
/** Modules in one message, of which most are a number and a path. */
export const modulesPerPart = 1600;
/** Parts on their way at once: the worker writes one while the host reads another, and the host never finds a queue of them. */
const window = 2;

/** The part of a result that grows with the number of modules; undefined where the result is short in any case. */
export function itemsOf(method: EngineMethod, result: unknown): readonly unknown[] | undefined {
  switch (method) {
    case 'open':
      return (result as EngineRequests['open']['result']).modules;
    case 'setTraining':
      return result as EngineRequests['setTraining']['result'];
    default:
      return undefined;
  }
}

/** The same result with other items: none for the message that ends it, all of them when they have arrived. */
export function withItems(method: EngineMethod, result: unknown, items: readonly unknown[]): unknown {
  return method === 'open' ? { ...(result as EngineRequests['open']['result']), modules: items } : items;
}

/** Sends items in order and waits for the host in between, so that it is free for other things after each part. */
export class PartSender {
  private free = window;
  private resume: (() => void) | undefined;

  /** Resolves when the last part, of at most `perPart` items, is sent. */
  async send<T>(items: readonly T[], perPart: number, post: (part: readonly T[]) => void): Promise<void> {
    this.free = window;
    for (let start = 0; start < items.length; start += perPart) {
      if (this.free === 0) await new Promise<void>((resolve) => (this.resume = resolve));
      this.free--;
      post(items.slice(start, start + perPart));
    }
  }

  /** The host has taken a part in. */
  taken(): void {
    this.free = Math.min(window, this.free + 1);
    this.resume?.();
    this.resume = undefined;
  }
}
