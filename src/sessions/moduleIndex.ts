// The modules of one session by path: children, flags, and what changed.

import { setImmediate } from 'node:timers/promises';
import type { ModuleSpec, UnregisteredModule } from '../model/module';
import { heldTraining } from '../model/module';
import type { AsInFile, ModeChange, SetTraining } from '../protocol/engine';
import type { Snapshot } from './modelSession';

/** A step takes a few milliseconds. */
const modulesPerStep = 2000;

/** Module specs are immutable; a change of mode replaces the spec, so that a row that was handed out never lies. */
export class ModuleIndex {
  private readonly specs: ModuleSpec[] = [];
  private readonly positions = new Map<string, number>();
  private readonly childPositions = new Map<string, number[]>();
  /** The parent of the last module and its children: in pre-order most have the same parent as the one before. */
  private parent = '';
  private siblings: number[] = [];

  private constructor() {
    // See `of`.
  }

  /**
   * Indexes in steps, between which the host is free for other things.
   * @param modules in pre-order, the root first.
   */
  static async of(modules: readonly ModuleSpec[]): Promise<ModuleIndex> {
    const index = new ModuleIndex();
    for (let start = 0; start < modules.length; start += modulesPerStep) {
      if (start > 0) await setImmediate();
      for (const spec of modules.slice(start, start + modulesPerStep)) index.add(spec);
    }
    return index;
  }

  /** Indexes at one go, which takes a millisecond for a thousand modules. */
  static atOnce(modules: readonly ModuleSpec[]): ModuleIndex {
    const index = new ModuleIndex();
    for (const spec of modules) index.add(spec);
    return index;
  }

  private add(spec: ModuleSpec): void {
    const position = this.specs.push(spec) - 1;
    this.positions.set(spec.path, position);
    const { path } = spec;
    if (path === '') return;
    const dot = path.lastIndexOf('.');
    if (this.siblings.length === 0 || Math.max(dot, 0) !== this.parent.length || !path.startsWith(this.parent)) {
      this.parent = dot < 0 ? '' : path.slice(0, dot);
      this.siblings = this.childPositions.get(this.parent) ?? [];
      if (this.siblings.length === 0) this.childPositions.set(this.parent, this.siblings);
    }
    this.siblings.push(position);
  }

  get modules(): readonly ModuleSpec[] {
    return this.specs;
  }

  /** Layers that may hold running statistics. */
  get normPaths(): readonly string[] {
    return this.specs
      .filter((spec) => spec.batchNorm !== undefined || spec.instanceNorm !== undefined)
      .map((spec) => spec.path);
  }

  get(path: string): ModuleSpec | undefined {
    const position = this.positions.get(path);
    return position === undefined ? undefined : this.specs[position];
  }

  /** From `start` to before `end`, where they are given: of a long list that is folded, each fold asks for its own. */
  children(path: string, start?: number, end?: number): readonly ModuleSpec[] {
    return (this.childPositions.get(path) ?? []).slice(start, end).flatMap((position) => this.specs[position] ?? []);
  }

  /** Takes over what the engine reports; answers with the paths that it knows. */
  apply(changes: readonly ModeChange[]): readonly string[] {
    const paths: string[] = [];
    for (const change of changes) {
      const { path } = change;
      const position = this.positions.get(path);
      const spec = position === undefined ? undefined : this.specs[position];
      if (position === undefined || spec === undefined) continue;
      this.specs[position] = changedModule(spec, change);
      paths.push(path);
    }
    return paths;
  }

  /** Takes over which parameters require gradients now: by path, then by name. */
  setRequiresGrad(changes: ReadonlyMap<string, Readonly<Record<string, boolean>>>): void {
    for (const [path, changed] of changes) {
      const position = this.positions.get(path);
      const spec = position === undefined ? undefined : this.specs[position];
      if (position === undefined || spec === undefined) continue;
      const parameters = spec.parameters.map((tensor) => {
        const requiresGrad = changed[tensor.name];
        return requiresGrad === undefined ? tensor : { ...tensor, requiresGrad };
      });
      this.specs[position] = { ...spec, parameters };
    }
  }

  /** Takes over which modules each of these holds outside of what torch registers. */
  setUnregistered(
    changes: readonly { readonly path: string; readonly modules: readonly UnregisteredModule[] }[],
  ): void {
    for (const { path, modules } of changes) {
      const position = this.positions.get(path);
      const spec = position === undefined ? undefined : this.specs[position];
      if (position !== undefined && spec !== undefined) this.specs[position] = { ...spec, unregistered: modules };
    }
  }

  /** Of now; its table is made when somebody asks for a flag. */
  snapshot(): Snapshot {
    const specs = this.specs.slice();
    let flags: Snapshot['flags'] | undefined;
    return {
      get flags() {
        return (flags ??= new Map(specs.map((spec) => [spec.path, heldTraining(spec)])));
      },
    };
  }

  /** Single flags to set, in tree order, so that the modules stand as in `snapshot`; unknown paths are left out. */
  changesTo(snapshot: Snapshot): readonly (SetTraining | AsInFile)[] {
    const changes: (SetTraining | AsInFile)[] = [];
    for (const spec of this.specs) {
      const [wanted, held] = [snapshot.flags.get(spec.path), heldTraining(spec)];
      if (wanted === undefined || wanted === held) continue;
      if ((wanted === null || held === null) && !canDiffer(spec)) continue;
      changes.push(
        wanted === null
          ? { path: spec.path, training: null, recursive: false }
          : { path: spec.path, training: wanted, recursive: false },
      );
    }
    return changes;
  }

  /** The flags that differ from `before`, as they stand now. */
  switchedSince(before: Snapshot): Map<string, boolean> {
    const switched = new Map<string, boolean>();
    for (const spec of this.specs) {
      const held = heldTraining(spec);
      if (held !== null && before.flags.get(spec.path) !== held) switched.set(spec.path, held);
    }
    return switched;
  }
}

/** Whether a module can be in no mode of its own: its calls are switched together, and may come from the file in several modes. */
function canDiffer({ training, functionalCalls }: ModuleSpec): boolean {
  return training === null && functionalCalls?.some(({ fixed }) => !fixed) === true;
}

/** The module as it is after a change. */
export function changedModule(spec: ModuleSpec, change: ModeChange): ModuleSpec {
  const { training, behaviour, behaviourReason, functionalCalls } = change;
  const changed = { ...spec, training, behaviour, ...(functionalCalls === undefined ? {} : { functionalCalls }) };
  if (behaviourReason === undefined) return changed;
  const { behaviourReason: _, ...rest } = changed;
  return behaviourReason === null ? rest : { ...rest, behaviourReason };
}
