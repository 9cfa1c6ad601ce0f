// Which mode each module of an exported program runs in. The file holds no flag: the arguments of its calls say what was
// exported, and a switched module has its calls run with other arguments.

import type { Behaviour } from '../../model/module';
import { alwaysByBatch, alwaysByStatistics, combine, combineUpwards, type Modes } from '../behaviour';
import { PathIndex } from '../moduleOrder';
import type { GraphNode } from './graph';
import { hasNoMomentum, isDropoutFunction, modeSite, type ModeSite } from './modeSites';
import type { ModuleNode } from './moduleTree';

const momentumOfNone =
  'An export in eval writes a momentum of 0 for None too: its statistics become cumulative averages, as with None.';

/** What is known of one module's own mode. */
interface OwnMode {
  /** Its calls that have a mode, those under its other paths included. */
  readonly sites: readonly ModeSite[];
  /** What it does whatever it is switched to, where it has no such call. */
  readonly fixed?: { readonly behaviour: Behaviour; readonly reason: string };
}

/** The modes of all modules, as exported and as switched. */
export class ExportedModes {
  private readonly own: readonly OwnMode[];
  private readonly paths: PathIndex;
  private readonly ownerOf = new Map<GraphNode, number>();
  private readonly siteOf = new Map<GraphNode, ModeSite>();
  /** By the index of a module's first path; missing: as exported. */
  private readonly switched = new Map<number, boolean>();

  constructor(private readonly nodes: readonly ModuleNode[]) {
    this.paths = new PathIndex(nodes);
    const sites = nodes.map(({ calls, type }) => calls.flatMap((call) => modeSite(call, type) ?? []));
    for (const site of sites.flat()) this.siteOf.set(site.node, site);
    nodes.forEach(({ calls }, i) => {
      for (const call of calls) this.ownerOf.set(call, i);
    });
    // The calls of a shared module stand under whichever paths it was called by.
    const together = new Map<number, ModeSite[]>();
    sites.forEach((list, i) => {
      const first = this.firstIndex(i);
      together.set(first, [...(together.get(first) ?? []), ...list]);
    });
    this.own = nodes.map((node, i) => {
      const all = together.get(this.firstIndex(i)) ?? [];
      const fixed = all.length > 0 ? undefined : fixedMode(node);
      return { sites: all, ...(fixed === undefined ? {} : { fixed }) };
    });
  }

  /** @throws AppError `no-such-module`. */
  index(path: string): number {
    return this.paths.of(path);
  }

  /** Whether the module's forward, its children aside, depends on the mode, or would if the export had left it. */
  isSensitive(index: number): boolean {
    const { sites, fixed } = this.own[index] as OwnMode;
    return sites.length > 0 || fixed !== undefined;
  }

  sites(index: number): readonly ModeSite[] {
    return this.own[index]?.sites ?? [];
  }

  site(call: GraphNode): ModeSite | undefined {
    return this.siteOf.get(call);
  }

  /** Null: as exported. */
  set(path: string, training: boolean | null, recursive: boolean): void {
    const { start, end } = this.paths.range(path, recursive);
    for (let i = start; i < end; i++) {
      if (training === null) this.switched.delete(this.firstIndex(i));
      else this.switched.set(this.firstIndex(i), training);
    }
  }

  /** Remembers what is switched; what it returns puts it back. */
  remember(): () => void {
    const switched = [...this.switched];
    return () => {
      this.switched.clear();
      for (const [index, training] of switched) this.switched.set(index, training);
    };
  }

  /** Path of the module that a call belongs to. */
  owner(call: GraphNode): string {
    return this.nodes[this.ownerOf.get(call) ?? 0]?.path ?? '';
  }

  /** The mode in which a call runs now: true is train. */
  runsInTrain(site: ModeSite): boolean {
    return this.runs(site, this.ownerOf.get(site.node) ?? 0);
  }

  /** True for a normalisation layer that runs in eval now, all of its calls together. */
  normalisesInEval(path: string): boolean {
    const index = this.paths.find(path);
    const sites = index === undefined ? [] : this.sites(index).filter(isNormalisation);
    return sites.length > 0 && sites.every((site) => !this.runs(site, index as number));
  }

  /** Behaviour of all modules now, and why where it is not what the file says. */
  now(): Modes {
    const behaviour = this.own.map((own, i) => this.ownBehaviour(own, i));
    const reasons = this.own.map((own, i) => this.reason(own, i));
    combineUpwards(behaviour, (i) => (this.nodes[i] as ModuleNode).children);
    return { training: this.nodes.map(() => null), behaviour, reasons };
  }

  private ownBehaviour({ sites, fixed }: OwnMode, index: number): Behaviour {
    if (fixed !== undefined) return fixed.behaviour;
    return sites
      .map((site): Behaviour => (this.runs(site, index) ? 'train' : 'eval'))
      .reduce<Behaviour>(combine, 'none');
  }

  private reason({ sites, fixed }: OwnMode, index: number): string | undefined {
    if (fixed !== undefined) return fixed.reason;
    const stuck = sites.find(({ switchable }) => !switchable);
    if (stuck !== undefined) return stuck.reason ?? alwaysByBatch.reason;
    const rewritten = sites.filter((site) => this.runs(site, index) !== site.exported);
    if (rewritten.length === 0) return undefined;
    const mode = (rewritten[0] as ModeSite).exported ? 'train' : 'eval';
    const momentum = rewritten.some(hasNoMomentum) ? ` ${momentumOfNone}` : '';
    return `Exported in ${mode}: the runtime rewrites its operator to run in the other mode, an approximation of the original module.${momentum}`;
  }

  private runs(site: ModeSite, index: number): boolean {
    return site.switchable ? (this.switched.get(this.firstIndex(index)) ?? site.exported) : site.exported;
  }

  private firstIndex(index: number): number {
    const { sharedWith } = this.nodes[index] as ModuleNode;
    return sharedWith === undefined ? index : (this.paths.find(sharedWith) ?? index);
  }
}

/** What is told of a module without a call that has a mode, though its class or its Python function would have one. */
function fixedMode({ type, calls, firstCall, children }: ModuleNode): OwnMode['fixed'] {
  if (calls.some(({ calledFunction }) => isDropoutFunction(calledFunction))) {
    return {
      behaviour: 'eval',
      reason: 'A decomposition removed its dropout from the graph: it lets everything through in both modes.',
    };
  }
  const name = type.slice(type.lastIndexOf('.') + 1);
  if (name.startsWith('Frozen') && name.includes('BatchNorm'))
    return { behaviour: 'eval', reason: alwaysByStatistics.reason };
  // A block that is named after the layers in it has parts.
  if (name.includes('BatchNorm') && firstCall !== undefined && children.length === 0) {
    return { behaviour: 'unknown', reason: 'A decomposition took its normalisation apart: its mode can’t be told.' };
  }
  if (type.endsWith('.RReLU') && firstCall !== undefined) {
    return {
      behaviour: 'eval',
      reason: 'A decomposition made it a leaky ReLU with the mean slope, which it is in eval; it can’t be switched.',
    };
  }
  return undefined;
}

function isNormalisation({ family }: ModeSite): boolean {
  return family === 'batch-norm' || family === 'instance-norm';
}
