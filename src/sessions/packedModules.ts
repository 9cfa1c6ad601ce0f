// How module specs cross from the worker to the host: a large model repeats its layers, so each kind goes once, then by number.

import type { ModuleSpec } from '../model/module';
import type { PackedModules } from '../protocol/worker';

/** Kinds that a module is compared with: those that came last. */
const remembered = 32;

/** Packs the modules of one description, part by part. */
export class ModulePacker {
  private readonly recent: { readonly spec: ModuleSpec; readonly number: number }[] = [];
  private count = 0;

  pack(modules: readonly ModuleSpec[]): PackedModules {
    const kinds: ModuleSpec[] = [];
    const numbers: number[] = [];
    const paths: string[] = [];
    for (const module of modules) {
      let number = this.find(module);
      if (number === undefined) {
        number = this.count++;
        this.recent[number % remembered] = { spec: module, number };
        kinds.push(module);
      }
      numbers.push(number);
      paths.push(module.path);
    }
    return { kinds, numbers, paths };
  }

  private find(module: ModuleSpec): number | undefined {
    for (const { spec, number } of this.recent) if (differOnlyInPath(spec, module)) return number;
    return undefined;
  }
}

/** The other side, which must get every part in order. */
export class ModuleUnpacker {
  private readonly kinds: ModuleSpec[] = [];

  /** Appends the modules to `modules`. */
  unpack({ kinds, numbers, paths }: PackedModules, modules: unknown[]): void {
    for (const kind of kinds) this.kinds.push(kind);
    for (const [i, path] of paths.entries()) {
      const kind = this.kinds[numbers[i] ?? -1];
      if (kind !== undefined) modules.push({ ...kind, path });
    }
  }
}

/** Every field but the path, each as one value or object; what is equal but another object counts as different. */
function differOnlyInPath(a: ModuleSpec, b: ModuleSpec): boolean {
  return (
    a.parameters === b.parameters &&
    a.buffers === b.buffers &&
    a.behaviour === b.behaviour &&
    a.training === b.training &&
    a.type === b.type &&
    a.qualifiedType === b.qualifiedType &&
    a.modeSensitive === b.modeSensitive &&
    a.behaviourReason === b.behaviourReason &&
    a.literalCalls === b.literalCalls &&
    a.folded === b.folded &&
    a.unregistered === b.unregistered &&
    a.source === b.source &&
    a.batchNorm === b.batchNorm &&
    a.instanceNorm === b.instanceNorm &&
    a.dropout === b.dropout &&
    a.sharedWith === b.sharedWith
  );
}
