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
    const numbers = modules.map((module) => this.numberOf(module, kinds));
    return { kinds, numbers, paths: modules.map(({ path }) => path) };
  }

  /** The number of its kind, which is added to `kinds` if it is new. */
  private numberOf(module: ModuleSpec, kinds: ModuleSpec[]): number {
    const known = this.recent.find(({ spec }) => differOnlyInPath(spec, module));
    if (known !== undefined) return known.number;
    const number = this.count++;
    this.recent[number % remembered] = { spec: module, number };
    kinds.push(module);
    return number;
  }
}

/** The other side, which must get every part in order. */
export class ModuleUnpacker {
  private readonly kinds: ModuleSpec[] = [];

  /** Appends the modules to `modules`. */
  unpack({ kinds, numbers, paths }: PackedModules, modules: unknown[]): void {
    for (const kind of kinds) this.kinds.push(kind);
    paths.forEach((path, i) => {
      const kind = this.kinds[numbers[i] ?? -1];
      if (kind !== undefined) modules.push({ ...kind, path });
    });
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
    a.functionalCalls === b.functionalCalls &&
    a.folded === b.folded &&
    a.unregistered === b.unregistered &&
    a.source === b.source &&
    a.batchNorm === b.batchNorm &&
    a.instanceNorm === b.instanceNorm &&
    a.dropout === b.dropout &&
    a.sharedWith === b.sharedWith
  );
}
