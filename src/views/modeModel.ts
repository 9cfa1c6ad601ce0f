// Modes in words: how many layers below a module run as train, and what its row says about it.

import { behaviourOfCall, distinctCalls } from '../model/functionalCall';
import { isWithin, parentPath } from '../model/module';
import type { Mode, ModuleSpec } from '../model/module';

/** Counts over a module and everything below it; a shared module counts once. */
export interface ModeCount {
  /** Mode-sensitive layers, and calls that no layer stands for, by what a forward will do. */
  readonly runTrain: number;
  readonly runEval: number;
  /** Mode-sensitive layers whose behaviour contradicts their flag. */
  readonly contradicting: number;
  /** Flags, of mode-sensitive layers and all others. */
  readonly flagTrain: number;
  readonly flagEval: number;
}

const nothing: ModeCount = { runTrain: 0, runEval: 0, contradicting: 0, flagTrain: 0, flagEval: 0 };

/** A module, its parent and its count in one object: a large model has tens of thousands of them, in one turn of the host. */
class Counted implements ModeCount {
  runTrain = 0;
  runEval = 0;
  contradicting = 0;
  flagTrain = 0;
  flagEval = 0;
  isParent = false;

  constructor(
    readonly module: ModuleSpec,
    readonly parent: Counted | undefined,
  ) {}
}

/**
 * Counts for every module, then a look-up for each row. It runs in the host after every switch of modes, also for trees of a hundred
 * thousand modules, so that each module is added to its parent once, and not to everything above it.
 * @param modules in pre-order.
 */
export function countModes(modules: readonly ModuleSpec[]): (path: string) => ModeCount {
  const nodes = new Map<string, Counted>();
  const inOrder: Counted[] = [];
  for (const module of modules) {
    const above = parentPath(module.path);
    const parent = above === undefined ? undefined : nodes.get(above);
    if (parent !== undefined) parent.isParent = true;
    const node = new Counted(module, parent);
    nodes.set(module.path, node);
    inOrder.push(node);
  }
  addUpwards(inOrder);
  return (path) => nodes.get(path) ?? nothing;
}

/** Children come after their parents, so that going backwards meets whole subtrees. */
function addUpwards(nodes: readonly Counted[]): void {
  const shared: Counted[] = [];
  for (const node of [...nodes].reverse()) {
    if (node.module.sharedWith === undefined) addOwn(node, node);
    else shared.push(node);
    if (node.parent !== undefined) addAll(node, node.parent);
  }
  for (const node of shared) {
    const { sharedWith = '' } = node.module;
    addOwn(node, node);
    // Above, a shared module counts only where its first path does not do so already.
    for (let above = node.parent; above !== undefined; above = above.parent) {
      if (!isWithin(sharedWith, above.module.path)) addOwn(node, above);
    }
  }
}

/** Adds what a module itself does to the count of `to`: its own, or that of a module above. */
function addOwn({ module, isParent }: Counted, count: Counted): void {
  if (module.training !== null) count[module.training ? 'flagTrain' : 'flagEval']++;
  for (const runs of ownModes(module, isParent)) {
    count[runs === 'train' ? 'runTrain' : 'runEval']++;
    if (contradicts(module, runs)) count.contradicting++;
  }
}

/** The modes of the module itself: of the calls that have rows of their own, else the one that it has as a layer. */
function ownModes(module: ModuleSpec, isParent: boolean): readonly Mode[] {
  if (module.functionalCalls === undefined) {
    const runs = module.modeSensitive ? ownBehaviour(module, isParent) : undefined;
    return runs === undefined ? [] : [runs];
  }
  return distinctCalls(module.functionalCalls).flatMap(({ call }) => {
    const runs = behaviourOfCall(call, module);
    return runs === 'unknown' ? [] : [runs];
  });
}

function addAll(from: ModeCount, to: { -readonly [K in keyof ModeCount]: number }): void {
  to.runTrain += from.runTrain;
  to.runEval += from.runEval;
  to.contradicting += from.contradicting;
  to.flagTrain += from.flagTrain;
  to.flagEval += from.flagEval;
}

/** How many modules would change if the whole were set to train, and to eval: by flags, or by behaviour in a file without flags. */
export function switchable(count: ModeCount): { readonly toTrain: number; readonly toEval: number } {
  const { flagTrain, flagEval, runTrain, runEval } = count;
  const hasFlags = flagTrain + flagEval > 0;
  return hasFlags ? { toTrain: flagEval, toEval: flagTrain } : { toTrain: runEval, toEval: runTrain };
}

/** Which sign a row carries. `none`: the mode does not matter here; `unknown`: the file does not tell. */
export type ModeSign = 'train' | 'eval' | 'mixed' | 'trainFlag' | 'evalFlag' | 'none' | 'unknown';

export interface ModeWords {
  readonly sign: ModeSign;
  /** `train`, `mixed 3/14`, `eval flag, runs as train (baked)`. */
  readonly text: string;
  /** True where flag and behaviour disagree. */
  readonly contradiction: boolean;
}

/** What the row of `module` says; `count` is that of its subtree. */
export function describeMode(module: ModuleSpec, count: ModeCount): ModeWords {
  const total = count.runTrain + count.runEval;
  const flag = flagOf(module);
  if (total === 0) return describeFlag(module, flag);
  if (count.runTrain > 0 && count.runEval > 0) {
    return { sign: 'mixed', text: `mixed ${String(count.runTrain)}/${String(total)}`, contradiction: false };
  }
  const runs: Mode = count.runTrain > 0 ? 'train' : 'eval';
  if (flag === undefined) return { sign: runs, text: `runs as ${runs}`, contradiction: false };
  if (flag === runs) {
    // It agrees by chance: a switch will not change it, and the row should not come as a surprise then.
    const fixed = module.modeSensitive && module.behaviourReason !== undefined;
    return { sign: runs, text: fixed ? `${runs}${whyWords(module)}` : runs, contradiction: false };
  }
  // The module's own flag was set alone: its layers go their own way, as they do in torch.
  if (count.contradicting === 0) return { sign: runs, text: `${flag} flag, layers in ${runs}`, contradiction: false };
  return { sign: runs, text: `${flag} flag, runs as ${runs}${whyWords(module)}`, contradiction: true };
}

/** What several modules do together, their own flags left aside. */
export function describeCount({ runTrain, runEval }: ModeCount): ModeWords {
  const total = runTrain + runEval;
  if (total === 0) return { sign: 'none', text: '', contradiction: false };
  if (runTrain > 0 && runEval > 0)
    return { sign: 'mixed', text: `mixed ${String(runTrain)}/${String(total)}`, contradiction: false };
  const runs: Mode = runTrain > 0 ? 'train' : 'eval';
  return { sign: runs, text: runs, contradiction: false };
}

/** Both together. */
export function addCounts(a: ModeCount, b: ModeCount): ModeCount {
  const sum = { ...nothing };
  addAll(a, sum);
  addAll(b, sum);
  return sum;
}

/** The whole model in the status bar's words: `train · 14 active`, `eval`, `mixed 3/14`. */
export function describeModel(root: ModuleSpec, count: ModeCount): ModeWords {
  const words = describeMode(root, count);
  if (words.sign === 'train' && count.runTrain > 0)
    return { ...words, text: `${words.text} · ${String(count.runTrain)} active` };
  if (words.sign === 'trainFlag') return { ...words, text: 'train · 0 active' };
  return words;
}

function describeFlag(module: ModuleSpec, flag: Mode | undefined): ModeWords {
  if (flag !== undefined)
    return { sign: flag === 'train' ? 'trainFlag' : 'evalFlag', text: flag, contradiction: false };
  // Without a flag and without a layer that reads one there is nothing to say.
  if (module.behaviour === 'none') return { sign: 'none', text: '', contradiction: false };
  // Its own forward calls something that has a mode, such as F.dropout.
  if (module.behaviour === 'train' || module.behaviour === 'eval')
    return { sign: module.behaviour, text: `runs as ${module.behaviour}`, contradiction: false };
  return { sign: 'unknown', text: 'mode not stored', contradiction: false };
}

/** Why a layer does not obey its flag, in a word or three; the tooltip has the whole sentence. */
function whyWords(module: ModuleSpec): string {
  if (!module.modeSensitive) return '';
  const norm = module.batchNorm ?? module.instanceNorm;
  return norm !== undefined && !norm.trackRunningStats ? ' (no running statistics)' : ' (baked)';
}

function contradicts(module: ModuleSpec, runs: Mode): boolean {
  return module.training !== null && (runs === 'train') !== module.training;
}

function flagOf(module: ModuleSpec): Mode | undefined {
  if (module.training === null) return undefined;
  return module.training ? 'train' : 'eval';
}

/** A parent's `behaviour` speaks of its descendants, so that its own part can only be told by its flag. */
function ownBehaviour(module: ModuleSpec, isParent: boolean): Mode | undefined {
  if (!isParent && (module.behaviour === 'train' || module.behaviour === 'eval')) return module.behaviour;
  return flagOf(module);
}
