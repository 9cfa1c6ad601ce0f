// What a switch in one of several ranks touches, without an editor.

import { isWithin } from '../model/module';
import type { ModuleSpec } from '../model/module';

/** How many layers that wait for all ranks in train, SyncBatchNorm and what is named after it, the switch would change. */
export function synchronizedLayers(
  modules: readonly ModuleSpec[],
  path: string,
  training: boolean,
  recursive: boolean,
): number {
  return modules.filter((module) => {
    const isMeant = recursive ? isWithin(module.path, path) : module.path === path;
    return isMeant && module.batchNorm !== undefined && /sync/i.test(module.type) && module.training !== training;
  }).length;
}
