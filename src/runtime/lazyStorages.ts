// Reading what a forward may touch: every storage below some values, once.

import type { Storage } from './storage';
import { Tensor } from './tensor';
import { Dict, ScriptObject, Tuple, type Value } from './values';

/** The storages of a program, in the file until the first forward. */
export class LazyStorages {
  private loaded: Promise<void> | undefined;

  constructor(private readonly values: () => Iterable<Value>) {}

  /** Reads them all at the first call; after a failure, the next call tries again. @throws AppError as the file does. */
  async load(): Promise<void> {
    this.loaded ??= loadStorages(this.values());
    try {
      await this.loaded;
    } catch (error) {
      this.loaded = undefined;
      throw error;
    }
  }
}

/** Reads every storage that the values hold; a forward may touch any of them. */
async function loadStorages(values: Iterable<Value>): Promise<void> {
  const storages = new Set<Storage>();
  const seen = new Set<Value>();
  const pending = [...values];
  while (pending.length > 0) {
    const value = pending.pop() as Value;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Tensor) storages.add(value.storage);
    else if (value instanceof ScriptObject) pending.push(...value.attributes.values());
    else if (value instanceof Tuple) pending.push(...value.items);
    else if (value instanceof Dict) pending.push(...value.entries.values());
    else if (Array.isArray(value)) pending.push(...value);
  }
  for (const storage of storages) await storage.load();
}
