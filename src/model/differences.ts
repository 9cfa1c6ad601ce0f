// All that differs between a model and one or more others: by path, in order, and counted.

import type { ModuleDifference } from './compareModels';
import type { ComparedStatistics } from './compareStatistics';
import { parentPath } from './module';
import type { ModuleSpec } from './module';

/** One model beside the first. */
export interface Differences {
  /** Modules that differ. */
  readonly modules: ReadonlyMap<string, ModuleDifference>;
  /** Layers whose statistics were compared, whether they differ or not. */
  readonly statistics: ReadonlyMap<string, ComparedStatistics>;
}

/** How a module differs from the first model's. */
export interface LayerDifference {
  readonly module?: ModuleDifference;
  /** With a difference. */
  readonly statistics?: ComparedStatistics;
}

/** How many modules differ in some model. */
export interface DifferenceCounts {
  readonly flags: number;
  readonly behaviours: number;
  readonly structure: number;
  readonly options: number;
  readonly statistics: number;
  /** Layers whose statistics were compared at all. */
  readonly comparedStatistics: number;
}

/** What differs at that path; undefined where nothing does. */
export function differenceAt({ modules, statistics }: Differences, path: string): LayerDifference | undefined {
  const [module, compared] = [modules.get(path), statistics.get(path)];
  const differs = compared?.difference !== undefined;
  if (module === undefined && !differs) return undefined;
  return { ...(module === undefined ? {} : { module }), ...(differs ? { statistics: compared } : {}) };
}

/** Paths at which some model differs: in the order of the first model, then those that it has not. */
export function differingPaths(first: readonly ModuleSpec[], others: readonly Differences[]): readonly string[] {
  const paths = new Set<string>();
  for (const { modules, statistics } of others) {
    for (const path of modules.keys()) paths.add(path);
    for (const [path, { difference }] of statistics) if (difference !== undefined) paths.add(path);
  }
  if (paths.size === 0) return [];
  const known = first.map(({ path }) => path).filter((path) => paths.delete(path));
  return [...known, ...paths];
}

/** Counts a module once, however many of the others it differs in. */
export function countDifferences(others: readonly Differences[]): DifferenceCounts {
  const [flags, behaviours] = [new Set<string>(), new Set<string>()];
  const [structure, options] = [new Set<string>(), new Set<string>()];
  const [statistics, compared] = [new Set<string>(), new Set<string>()];
  for (const each of others) {
    for (const [path, module] of each.modules) {
      if (module.flags !== undefined) flags.add(path);
      if (module.behaviours !== undefined) behaviours.add(path);
      if (module.structure !== undefined) structure.add(path);
      if (module.options !== undefined) options.add(path);
    }
    for (const [path, { difference }] of each.statistics) {
      compared.add(path);
      if (difference !== undefined) statistics.add(path);
    }
  }
  return {
    flags: flags.size,
    behaviours: behaviours.size,
    structure: structure.size,
    options: options.size,
    statistics: statistics.size,
    comparedStatistics: compared.size,
  };
}

/**
 * Leaves out what needs no words of its own: modules that differ just as the one above them does, in their flag or by not being there.
 * @returns the paths that are left, in order, each with the number of those that were left out below it.
 */
export function foldSubtrees(
  layers: readonly { readonly path: string; readonly differences: readonly (LayerDifference | undefined)[] }[],
): ReadonlyMap<string, number> {
  const signs = new Map(layers.map(({ path, differences }) => [path, signOf(differences)]));
  const isCovered = ({ path, differences }: (typeof layers)[number]): boolean => {
    const above = parentPath(path);
    const isMore = differences.some((each) => each !== undefined && hasMore(each));
    return !isMore && above !== undefined && signs.get(above) === signs.get(path);
  };
  const covered = new Set(layers.filter(isCovered).map(({ path }) => path));
  const folds = new Map(layers.filter(({ path }) => !covered.has(path)).map(({ path }) => [path, 0]));
  for (const path of covered) {
    let above: string | undefined = path;
    while (above !== undefined && covered.has(above)) above = parentPath(above);
    if (above !== undefined) folds.set(above, (folds.get(above) ?? 0) + 1);
  }
  return folds;
}

/** What a whole subtree can have in common. */
function signOf(differences: readonly (LayerDifference | undefined)[]): string {
  return JSON.stringify(
    differences.map((each) => [
      each?.module?.flags ?? null,
      each?.module === undefined ? null : missingIn(each.module),
    ]),
  );
}

function hasMore({ module, statistics }: LayerDifference): boolean {
  const { structure, options, behaviours } = module ?? {};
  if (statistics !== undefined || options !== undefined || behaviours !== undefined) return true;
  return structure !== undefined && structure !== 'missing';
}

/** The model that has the module not: 0 or 1; null where both have it. */
export function missingIn({ structure, modules }: ModuleDifference): 0 | 1 | null {
  if (structure !== 'missing') return null;
  return modules[0] === undefined ? 0 : 1;
}
