// Which module of one model is which of another: by path, or by path below a prefix such as the `module.` of a wrapped model.

import type { Pair } from './compareModels';
import { isWithin } from './module';
import type { ModuleSpec } from './module';

/** Two models, or parts of them, whose modules have the same paths as far as they are the same. */
export interface Alignment {
  /** Paths of the modules below which the models are compared; `''` for a whole model. */
  readonly roots: Pair<string>;
  /** In pre-order, with paths below these roots. */
  readonly modules: Pair<readonly ModuleSpec[]>;
  /** Paths that both have, the roots aside. */
  readonly shared: number;
}

/** Wrappers are nested a few deep: DistributedDataParallel around torch.compile around a Lightning module. */
const deepestPrefix = 8;

/**
 * Where no path is the same, the wrapped part of one of them is looked for: the chain of modules that each hold more than half of what is
 * above them. It counts if at least half of the smaller model is found there.
 * @param asked roots that were asked for; undefined where the model as a whole, or what is wrapped in it, is meant.
 */
export function alignModels(
  first: readonly ModuleSpec[],
  second: readonly ModuleSpec[],
  asked: Pair<string | undefined> = [undefined, undefined],
): Alignment {
  const whole = alignAt(first, second, [asked[0] ?? '', asked[1] ?? '']);
  if (whole.shared > 0) return whole;
  let best = whole;
  for (const root of wrapped(first, asked[0])) {
    for (const other of wrapped(second, asked[1])) {
      const found = alignAt(first, second, [root, other]);
      if (found.shared > best.shared) best = found;
    }
  }
  const smaller = Math.min(...best.modules.map(({ length }) => length - 1));
  return best.shared * 2 >= smaller ? best : whole;
}

function alignAt(first: readonly ModuleSpec[], second: readonly ModuleSpec[], roots: Pair<string>): Alignment {
  const modules = [modulesBelow(first, roots[0]), modulesBelow(second, roots[1])] as const;
  const paths = new Set(modules[0].map(({ path }) => path));
  const shared = modules[1].filter(({ path }) => path !== '' && paths.has(path)).length;
  return { roots, modules, shared };
}

/** The module at `root` and all below it, with paths that start there. */
function modulesBelow(modules: readonly ModuleSpec[], root: string): readonly ModuleSpec[] {
  if (root === '') return modules;
  return modules
    .filter(({ path }) => isWithin(path, root))
    .map((module) => ({ ...module, path: module.path.slice(root.length + 1) }));
}

/** The root, and from there on the module that holds most of what is left. */
function wrapped(modules: readonly ModuleSpec[], asked: string | undefined): readonly string[] {
  if (asked !== undefined) return [asked];
  const roots = [''];
  let inside = modules;
  while (roots.length <= deepestPrefix) {
    const root = roots.at(-1) ?? '';
    const sizes = new Map<string, number>();
    for (const { path } of inside) {
      if (path === root) continue;
      const end = path.indexOf('.', root === '' ? 0 : root.length + 1);
      const child = end < 0 ? path : path.slice(0, end);
      sizes.set(child, (sizes.get(child) ?? 0) + 1);
    }
    const largest = [...sizes].find(([, size]) => size * 2 > inside.length - 1)?.[0];
    if (largest === undefined) break;
    roots.push(largest);
    inside = inside.filter(({ path }) => isWithin(path, largest));
  }
  return roots;
}

/** `path` below `root`, as the whole model has it. */
export function pathIn(root: string, path: string): string {
  return root === '' || path === '' ? `${root}${path}` : `${root}.${path}`;
}
