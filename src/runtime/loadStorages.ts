// Reads into memory whatever tensors a program may touch.

import type { Storage } from './storage';
import { Tensor } from './tensor';
import { Dict, ScriptObject, Tuple, type Value } from './values';

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
    else if (value instanceof ScriptObject) pending.push(...value.attributes.values());
    else if (value instanceof Tuple) pending.push(...value.items);
    else if (value instanceof Dict) pending.push(...value.entries.values());
    else if (Array.isArray(value)) pending.push(...value);
  }
  for (const storage of storages) await storage.load();
}
