// What several rules ask of a model's modes: which layers matter, what each is held in, which modules are models of their own.

import { heldTraining, isWithin, type ModuleSpec } from '../model/module';
import type { RuleContext } from './rule';

/** A layer that depends on the mode, once for all of its paths. */
export interface SensitiveLayer {
  readonly module: ModuleSpec;
  /** Its flag; in a file without flags, what it does. */
  readonly training: boolean;
}

const sensitiveKey = {};

/** The layers whose forward depends on the mode and whose mode is known, in tree order. */
export function sensitiveLayers({ model, once }: RuleContext): readonly SensitiveLayer[] {
  return once(sensitiveKey, () =>
    model.modules.flatMap((module): SensitiveLayer[] => {
      if (!module.modeSensitive || module.sharedWith !== undefined || isSameInBothModes(module)) return [];
      const training = heldTraining(module);
      return training === null ? [] : [{ module, training }];
    }),
  );
}

/** True for a BatchNorm without running statistics, or of a class that never looks at its flag: in which mode it is says nothing. */
function isSameInBothModes({ batchNorm, behaviourReason, literalCalls }: ModuleSpec): boolean {
  if (batchNorm === undefined) return false;
  return !batchNorm.trackRunningStats || (behaviourReason !== undefined && literalCalls === undefined);
}

const rootsKey = {};

/** The models: those that the file names, else the outermost modules that have a flag, else the root. */
export function modelRoots({ model, once }: RuleContext): readonly ModuleSpec[] {
  return once(rootsKey, () => {
    const named = new Set(model.models?.map(({ path }) => path));
    if (named.size > 0) return model.modules.filter(({ path }) => named.has(path));
    const roots: ModuleSpec[] = [];
    for (const module of model.modules) {
      if (module.training === null) continue;
      const last = roots.at(-1);
      if (last === undefined || !isWithin(module.path, last.path)) roots.push(module);
    }
    return roots.length > 0 ? roots : model.modules.slice(0, 1);
  });
}

/** The layers among these that lie in the module at `path`. */
export function within(layers: readonly SensitiveLayer[], path: string): readonly SensitiveLayer[] {
  return path === '' ? layers : layers.filter(({ module }) => isWithin(module.path, path));
}

/** `the root`, `“layer1.0”`. */
export function nameOf(path: string): string {
  return path === '' ? 'the root' : path;
}

const shownNames = 5;

/** `bn1, layer1.0.bn1 and 12 more`. */
export function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, shownNames).map(nameOf);
  const more = paths.length - shown.length;
  if (more > 0) return `${shown.join(', ')} and ${String(more)} more`;
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}
