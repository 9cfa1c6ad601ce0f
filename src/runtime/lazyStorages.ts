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

/** Reads every storage that the values hold, nested ones too. @throws AppError as reading the file does. */
export async function loadStorages(values: Iterable<Value>): Promise<void> {
  const storages = new Set<Storage>();
  const seen = new Set<Value>();
  const pending = [...values];
  while (pending.length > 0) {
    const value = pending.pop() as Value;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Tensor) storages.add(value.storage);
    // A vocabulary has more entries than a call takes arguments.
    else for (const part of partsOf(value)) pending.push(part);
  }
  for (const storage of storages) await storage.load();
}

function partsOf(value: Value): Iterable<Value> {
  if (value instanceof ScriptObject) return value.attributes.values();
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return value.entries.values();
  return Array.isArray(value) ? value : [];
}
