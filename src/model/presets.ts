// Presets: settings of many flags at once that people use by name.

import { isWithin, type ModuleSpec } from './module';

/** `freezeBatchNorm` stops the running statistics; `monteCarloDropout` lets dropout alone go on drawing, for uncertainty estimates. */
export type Preset = 'freezeBatchNorm' | 'monteCarloDropout';

/** The flags that a preset wants at and below `path`, by the paths of modules, in tree order; other modules stay as they are. */
export function presetFlags(
  preset: Preset,
  modules: readonly ModuleSpec[],
  path: string,
): ReadonlyMap<string, boolean> {
  const flags = new Map<string, boolean>();
  for (const module of modules) {
    if (!isWithin(module.path, path)) continue;
    if (preset === 'monteCarloDropout') flags.set(module.path, module.dropout !== undefined);
    else if (module.batchNorm !== undefined) flags.set(module.path, false);
  }
  return flags;
}

/** The layers at and below `path` that the preset is about: those of BatchNorm, or of dropout. */
export function presetLayers(preset: Preset, modules: readonly ModuleSpec[], path: string): readonly ModuleSpec[] {
  return modules.filter(
    (module) =>
      isWithin(module.path, path) &&
      module.sharedWith === undefined &&
      (preset === 'freezeBatchNorm' ? module.batchNorm : module.dropout) !== undefined,
  );
}
