// Two models compared as a whole: what differs, the most telling first, and what could not be compared.

import type { Alignment } from './alignModels';
import { compareModules, modeRun, tellingOf, toldByFormat } from './compareModels';
import type { Pair } from './compareModels';
import { shareOf } from './compareStatistics';
import type { ComparedStatistics } from './compareStatistics';
import type { ModelFormat } from './description';
import { countDifferences, differenceAt, differingPaths } from './differences';
import type { DifferenceCounts, LayerDifference } from './differences';
import { heldTraining } from './module';
import type { ModuleSpec } from './module';

/** What a model may leave out; then the other's says nothing. */
export type Untold = 'modes' | 'classes' | 'options of layers' | 'modules without tensors';

export interface PairComparison {
  readonly formats: Pair<ModelFormat>;
  /** Paths of the modules below which they were compared; `''` for a whole model. */
  readonly roots: Pair<string>;
  /** Paths that both have, the roots aside. */
  readonly sharedModules: number;
  /** Modules whose mode is known in both. */
  readonly sharedModes: number;
  readonly untold: Pair<readonly Untold[]>;
  readonly counts: DifferenceCounts;
  /** The largest relative difference of running statistics; infinite where a tensor is finite in one model alone, 0 without any. */
  readonly share: number;
  /** The most telling first. Paths are those below the roots. */
  readonly layers: readonly PairDifference[];
}

export interface PairDifference extends LayerDifference {
  readonly path: string;
  /** In either; undefined where there is none of that path. */
  readonly modules: Pair<ModuleSpec | undefined>;
}

/** Modules with running statistics in both models that can be compared: of the same number of channels. */
export function comparableLayers({ modules: [first, second] }: Alignment): readonly string[] {
  const channels = new Map(second.map((module) => [module.path, channelsOf(module)]));
  return first.flatMap((module) => {
    const count = channelsOf(module);
    return count !== undefined && count === channels.get(module.path) ? [module.path] : [];
  });
}

/** Undefined for a module without running statistics. */
function channelsOf({ batchNorm, instanceNorm, buffers }: ModuleSpec): number | null | undefined {
  const norm = batchNorm ?? instanceNorm;
  if (norm?.trackRunningStats !== true) return undefined;
  return buffers.find(({ name }) => name === 'running_mean')?.shape[0] ?? norm.numFeatures;
}

/** All that differs between two models. @param statistics of the comparable layers, as far as both models gave them. */
export function comparePair(
  formats: Pair<ModelFormat>,
  { roots, modules, shared }: Alignment,
  statistics: ReadonlyMap<string, ComparedStatistics>,
): PairComparison {
  const found = compareModules(...modules, tellingOf(formats));
  const differences = { modules: new Map(found.map((each) => [each.path, each])), statistics };
  const specs = modules.map((side) => new Map(side.map((module) => [module.path, module])));
  const layers = differingPaths(modules[0], [differences]).map((path): PairDifference => ({
    path,
    modules: [specs[0]?.get(path), specs[1]?.get(path)],
    ...differenceAt(differences, path),
  }));
  return {
    formats,
    roots,
    sharedModules: shared,
    sharedModes: modules[0].filter((module) => {
      const counterpart = specs[1]?.get(module.path);
      return counterpart !== undefined && haveModes(module, counterpart);
    }).length,
    untold: [untoldBy(formats[0], modules[0]), untoldBy(formats[1], modules[1])],
    counts: countDifferences([differences]),
    share: layers.reduce((most, layer) => Math.max(most, shareOf(layer.statistics)), 0),
    layers: sortedByWeight(layers),
  };
}

function haveModes(first: ModuleSpec, second: ModuleSpec): boolean {
  if (first.training !== null && second.training !== null) return true;
  return modeRun(first) !== undefined && modeRun(second) !== undefined;
}

function untoldBy(format: ModelFormat, modules: readonly ModuleSpec[]): readonly Untold[] {
  const { isWhole, hasClasses } = toldByFormat[format];
  const norms = modules.flatMap(({ batchNorm, instanceNorm }) => batchNorm ?? instanceNorm ?? []);
  return [
    ...(modules.every((module) => heldTraining(module) === null) ? (['modes'] as const) : []),
    ...(hasClasses ? [] : (['classes'] as const)),
    ...(norms.length > 0 && norms.every(({ eps }) => eps === null) ? (['options of layers'] as const) : []),
    ...(isWhole ? [] : (['modules without tensors'] as const)),
  ];
}

/** By what differs first, in the order in which the counts are told. Where only statistics do, those furthest apart come first. */
function sortedByWeight(layers: readonly PairDifference[]): readonly PairDifference[] {
  const weighed = layers.map((layer) => {
    const kind = kindOf(layer);
    return { layer, kind, share: kind === statisticsKind ? shareOf(layer.statistics) : 0 };
  });
  // Infinite shares are equal, and their difference is no number.
  weighed.sort((a, b) => a.kind - b.kind || (a.share === b.share ? 0 : b.share - a.share));
  return weighed.map(({ layer }) => layer);
}

const statisticsKind = 2;

function kindOf(layer: PairDifference): number {
  const { module } = layer;
  // Where the flag decides on what a forward does, at or below the module.
  if (module?.flags !== undefined) return module.modules.every((each) => each?.behaviour === 'none') ? 1 : 0;
  if (module?.behaviours !== undefined) return 0;
  if (shareOf(layer.statistics) > 0) return statisticsKind;
  if (module?.structure !== undefined) return 3;
  return module?.options === undefined ? 5 : 4;
}

/** Whether the two are different models, or different parts of one: no module of one has the path of a module of the other. */
export function isApart({ sharedModules, layers }: PairComparison): boolean {
  return sharedModules === 0 && layers.some(({ module }) => module?.structure === 'missing');
}
