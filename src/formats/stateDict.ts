// The module tree that the names of a state dict tell: `layer1.0.bn1.running_mean` is a tensor of the module `layer1.0.bn1`.

import { statisticsNames } from '../model/statistics';
import { Dict, maxModules, StoredModule, Tensor, type Value } from '../runtime/program';
import { beyondLimit } from './byteSource';

const MAX_DEPTH = 100;
/** Of all modules together. */
const MAX_TENSORS = 300_000;

/** A state dict does not tell buffers from parameters; these are known by their names. */
const bufferNames: ReadonlySet<string> = new Set(statisticsNames);

/**
 * Modules by the names of their tensors, without classes and flags.
 * @param tensors by full name, such as `layer1.0.bn1.weight`; values that are no tensors only name their module.
 * @throws AppError `limit-exceeded` for absurd depths and numbers.
 */
export function modulesOfNames(tensors: Iterable<readonly [string, Value]>, fileName: string): StoredModule {
  const tree = new NameTree(fileName);
  for (const [name, value] of tensors) tree.addTensor(name, value);
  return tree.root;
}

/**
 * The same for a state dict; other keys than names are left out.
 * @param metadata whose keys are the paths of all modules, where the file has it: also of those without tensors, such as Dropout.
 */
export function modulesOfDict(dict: Dict, metadata: Dict | undefined, fileName: string): StoredModule {
  const tree = new NameTree(fileName);
  for (const items of metadata?.lists() ?? []) tree.addModules(items);
  for (const items of dict.lists()) tree.addTensors(items);
  return tree.root;
}

/** Names come in the order of the tree, so that most belong below the module that was met last. */
class NameTree {
  readonly root = new StoredModule('', null);
  private readonly known = new Map<string, StoredModule>([['', this.root]]);
  private count = 1;
  private tensors = 0;
  /** Whatever wrote names such as `a..b`, an empty part names no module; paths are no longer all there is to know a module by. */
  private hasEmptyParts = false;
  /** The module of the last tensor, and its path. */
  private module = this.root;
  private path = '';
  /** The parent of the last new module, and its path. */
  private parent = this.root;
  private parentPath = '';

  constructor(private readonly fileName: string) {}

  /** @param items paths and whatever is said of them, in turns. */
  addModules(items: readonly Value[]): void {
    for (let i = 0; i < items.length; i += 2) {
      const path = items[i];
      if (typeof path === 'string') this.moduleAt(path);
    }
  }

  /** @param items names and values in turns. */
  addTensors(items: readonly Value[]): void {
    for (let i = 0; i + 1 < items.length; i += 2) {
      const name = items[i];
      if (typeof name === 'string') this.addTensor(name, items[i + 1]!);
    }
  }

  addTensor(name: string, value: Value): void {
    const dot = name.lastIndexOf('.');
    if (dot < 0 ? this.path !== '' : dot !== this.path.length || !name.startsWith(this.path)) {
      this.path = dot < 0 ? '' : name.slice(0, dot);
      this.module = this.moduleAt(this.path);
    }
    const own = name.slice(dot + 1);
    if (!(value instanceof Tensor)) return;
    if (++this.tensors > MAX_TENSORS) throw beyondLimit(this.fileName, `it names more than ${MAX_TENSORS} tensors`);
    this.module.set(bufferNames.has(own) ? 'buffers' : 'parameters', own, value);
  }

  moduleAt(path: string, below = 0): StoredModule {
    return this.known.get(path) ?? this.make(path, below);
  }

  private make(path: string, below: number): StoredModule {
    if (below >= MAX_DEPTH) throw beyondLimit(this.fileName, `its names have more than ${MAX_DEPTH} parts`);
    const parent = this.parentOf(path, below);
    const name = path.slice(path.lastIndexOf('.') + 1);
    if (name === '') this.hasEmptyParts = true;
    const known = name === '' ? parent : this.hasEmptyParts ? parent.children.get(name) : undefined;
    const module = known ?? this.added(parent, name);
    this.known.set(path, module);
    return module;
  }

  private parentOf(path: string, below: number): StoredModule {
    const dot = path.lastIndexOf('.');
    if (dot < 0) return this.root;
    if (dot !== this.parentPath.length || !path.startsWith(this.parentPath)) {
      const parentPath = path.slice(0, dot);
      this.parent = this.moduleAt(parentPath, below + 1);
      // After the look-up, which may change it.
      this.parentPath = parentPath;
    }
    return this.parent;
  }

  private added(parent: StoredModule, name: string): StoredModule {
    if (++this.count > maxModules) throw beyondLimit(this.fileName, `it names more than ${maxModules} modules`);
    const module = new StoredModule('', null);
    parent.setChild(name, module);
    return module;
  }
}

/** True for a dict of tensors by name; the other values that torch's modules add (`_extra_state`) don't stand against it. */
export function isStateDict(value: Value): value is Dict {
  if (!(value instanceof Dict)) return false;
  let tensors = 0;
  const hasOtherKeys = value.some((key, item) => {
    if (item instanceof Tensor) tensors++;
    return typeof key !== 'string';
  });
  return tensors > 0 && !hasOtherKeys;
}
