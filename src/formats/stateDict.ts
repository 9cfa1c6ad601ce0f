// The module tree that the names of a state dict tell: `layer1.0.bn1.running_mean` is a tensor of the module `layer1.0.bn1`.

import { statisticsNames } from '../model/statistics';
import { Dict, StoredModule, Tensor, type Value } from '../runtime/program';
import { beyondLimit } from './byteSource';

const MAX_DEPTH = 500;
const MAX_MODULES = 500_000;

/** A state dict does not tell buffers from parameters; these are known by their names. */
const bufferNames: ReadonlySet<string> = new Set(statisticsNames);

/**
 * Modules by the names of their tensors, without classes and flags.
 * @param tensors by full name, such as `layer1.0.bn1.weight`; values that are no tensors only name their module.
 * @param metadata paths of all modules, where the file has them: also of those without tensors, such as Dropout.
 * @throws AppError `limit-exceeded` for absurd depths and numbers.
 */
export function modulesOfNames(
  tensors: Iterable<readonly [string, Value]>,
  metadata: Iterable<string>,
  fileName: string,
): StoredModule {
  const root = new StoredModule('', null);
  // Most paths have been met before, and so have the parents of those that have not.
  const known = new Map<string, StoredModule>([['', root]]);
  const moduleAt = (path: string, below = 0): StoredModule => known.get(path) ?? make(path, below);
  const make = (path: string, below: number): StoredModule => {
    if (below >= MAX_DEPTH) throw beyondLimit(fileName, `its names have more than ${MAX_DEPTH} parts`);
    const dot = path.lastIndexOf('.');
    const parent = dot < 0 ? root : moduleAt(path.slice(0, dot), below + 1);
    const name = path.slice(dot + 1);
    // Whatever wrote names such as `a..b`, an empty part names no module.
    const module = name === '' ? parent : (parent.children.get(name) ?? added(parent, name));
    known.set(path, module);
    return module;
  };
  const added = (parent: StoredModule, name: string): StoredModule => {
    if (++count > MAX_MODULES) throw beyondLimit(fileName, `it names more than ${MAX_MODULES} modules`);
    const module = new StoredModule('', null);
    parent.setChild(name, module);
    return module;
  };
  let count = 1;
  for (const path of metadata) moduleAt(path);
  for (const [name, value] of tensors) {
    const dot = name.lastIndexOf('.');
    const own = name.slice(dot + 1);
    const module = dot < 0 ? root : moduleAt(name.slice(0, dot));
    if (value instanceof Tensor) module.set(bufferNames.has(own) ? 'buffers' : 'parameters', own, value);
  }
  return root;
}

/** True for a dict of tensors by name; the other values that torch's modules add (`_extra_state`) don't stand against it. */
export function isStateDict(value: Value): value is Dict {
  if (!(value instanceof Dict)) return false;
  let tensors = 0;
  for (const [key, item] of value.entries) {
    if (typeof key !== 'string') return false;
    if (item instanceof Tensor) tensors++;
  }
  return tensors > 0;
}
