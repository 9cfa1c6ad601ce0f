// Tells a pickled `nn.Module` from other objects.

import { Dict, Tuple, type Value } from '../runtime/program';
import { PickleObject } from './pickleValues';

/** The `__dict__` of a pickled module; undefined for every other value. */
export function moduleState(value: Value): Dict | undefined {
  if (!(value instanceof PickleObject)) return undefined;
  // A class with slots has its __dict__ as the first of two.
  const state = value.state instanceof Tuple ? value.state.items[0] : value.state;
  return state instanceof Dict && state.entries.get('_modules') instanceof Dict ? state : undefined;
}
