// Putting a program back as it was: what a forward may change below some values, and how it is restored.

import type { Storage } from './storage';
import { Tensor } from './tensor';
import { Dict, ScriptObject, Tuple, type Value } from './values';

/** Puts back what was remembered. @throws AppError where the file has to be read again and can't be. */
export type PutBack = () => Promise<void>;

/** Remembers the elements, attributes and items of everything below the values, nested ones too. */
export function rememberValues(values: Iterable<Value>): PutBack {
  const seen = new Set<Value | Storage>();
  const restores: (() => void)[] = [];
  const storages: PutBack[] = [];
  const pending = [...values];
  const open = (parts: Iterable<Value>): void => {
    for (const part of parts) pending.push(part);
  };
  while (pending.length > 0) {
    const value = pending.pop() as Value;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Tensor) {
      const { shape, strides, offset, storage } = value;
      restores.push(() => Object.assign(value, { shape, strides, offset }));
      if (!seen.has(storage)) storages.push(storage.remember());
      seen.add(storage);
    } else if (value instanceof ScriptObject) {
      restores.push(restoreMap(value.attributes));
      open(value.attributes.values());
    } else if (value instanceof Dict) {
      restores.push(restoreMap(value.entries));
      open(value.entries.values());
    } else if (Array.isArray(value)) {
      const items = [...value];
      restores.push(() => value.splice(0, value.length, ...items));
      open(items);
    } else if (value instanceof Tuple) open(value.items);
  }
  return async () => {
    for (const restore of restores) restore();
    for (const restore of storages) await restore();
  };
}

function restoreMap<K, V>(map: Map<K, V>): () => void {
  const entries = [...map];
  return () => {
    map.clear();
    for (const [key, value] of entries) map.set(key, value);
  };
}
