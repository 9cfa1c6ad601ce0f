// Modules that a pickled module holds in its plain lists and dicts.

import { Dict, Tuple, type Value } from '../runtime/program';
import type { UnregisteredModule } from '../model/module';
import { MarkedBoolean, PickleObject } from './pickleValues';
import { moduleState } from './moduleState';

/** A module that was found, and its object, to tell whether it stands in the tree too. */
export interface HeldModule extends UnregisteredModule {
  readonly object: PickleObject;
}

const maxDepth = 3;
const maxFound = 100;
/** Values that are looked at in one module: a list of a million numbers holds no module. */
const maxLooked = 10_000;

/** What torch itself keeps in a module's `__dict__`. */
const torchs: ReadonlySet<string> = new Set(['_parameters', '_buffers', '_modules', '_non_persistent_buffers_set']);

/** The modules in lists, tuples and dicts of a module's `__dict__`, by the names that lead to them. */
export function modulesIn({ entries }: Dict): readonly HeldModule[] {
  const found: HeldModule[] = [];
  let looked = 0;
  const look = (value: Value, name: string, depth: number): void => {
    if (found.length >= maxFound || looked++ > maxLooked) return;
    const state = depth === 0 ? undefined : moduleState(value);
    if (state !== undefined && value instanceof PickleObject) {
      if (!hasAnythingToReach(state, value.typeName)) return;
      found.push({
        name,
        type: value.typeName.slice(value.typeName.lastIndexOf('.') + 1),
        training: flagIn(state),
        object: value,
      });
    } else if (depth < maxDepth) {
      for (const [key, item] of itemsOf(value)) look(item, `${name}[${key}]`, depth + 1);
    }
  };
  for (const [name, value] of entries)
    if (typeof name === 'string' && !torchs.has(name) && !name.endsWith('_hooks')) look(value, name, 0);
  return found;
}

function* itemsOf(value: Value): Generator<readonly [key: string, item: Value]> {
  if (value instanceof Dict) {
    for (const [key, item] of value.entries)
      yield [typeof key === 'string' ? `'${key}'` : typeof key === 'bigint' ? String(key) : '…', item];
    return;
  }
  const items = value instanceof Tuple ? value.items : Array.isArray(value) ? value : [];
  for (let i = 0; i < items.length && i < maxLooked; i++) yield [String(i), items[i] as Value];
}

/** Losses and activations have no parameter, no buffer and no mode: nothing misses them. */
function hasAnythingToReach({ entries }: Dict, typeName: string): boolean {
  const isFilled = (name: string): boolean => {
    const held = entries.get(name);
    return held instanceof Dict && [...held.entries.values()].some((value) => value !== null);
  };
  return isFilled('_parameters') || isFilled('_buffers') || isFilled('_modules') || /Dropout|RReLU/.test(typeName);
}

function flagIn({ entries }: Dict): boolean | null {
  const flag = entries.get('training');
  const value = flag instanceof MarkedBoolean ? flag.value : flag;
  return typeof value === 'boolean' ? value : null;
}
