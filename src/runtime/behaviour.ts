// What a module's forward does under each flag, and how that adds up over a tree.

import type { Behaviour, FunctionalCall } from '../model/module';

/** What a module's own forward does under each flag, its children left aside. */
export interface BehaviourRule {
  readonly inTrain: Behaviour;
  readonly inEval: Behaviour;
  /** Where the file stores no flag. */
  readonly withoutFlag: Behaviour;
  /** Why the flag doesn't decide, in one sentence. */
  readonly reason?: string;
}

/** The mode does not matter. */
export const indifferent: BehaviourRule = { inTrain: 'none', inEval: 'none', withoutFlag: 'none' };
/** The flag decides. */
export const obedient: BehaviourRule = { inTrain: 'train', inEval: 'eval', withoutFlag: 'unknown' };
/** A BatchNorm that has no running statistics to normalise by. */
export const alwaysByBatch: BehaviourRule = {
  inTrain: 'train',
  inEval: 'train',
  withoutFlag: 'train',
  reason: 'It keeps no running statistics and normalises by the batch in both modes.',
};
/** A BatchNorm of a class that never looks at its flag. */
export const alwaysByStatistics: BehaviourRule & { readonly reason: string } = {
  inTrain: 'eval',
  inEval: 'eval',
  withoutFlag: 'eval',
  reason: 'Its class never looks at the flag: it normalises by the running statistics in both modes.',
};

/** Flags and behaviour by index in a tree in pre-order. */
export interface Modes {
  readonly training: readonly (boolean | null)[];
  readonly behaviour: readonly Behaviour[];
  /** Why, where a switch changes the reason; absent where reasons are fixed. */
  readonly reasons?: readonly (string | undefined)[];
  /** As they run now, where a switch changes what they do; absent where they are fixed or obey a flag. */
  readonly functionalCalls?: readonly (readonly FunctionalCall[] | undefined)[];
}

/** What one module does under its flag. */
export function behaviourUnder(rule: BehaviourRule, training: boolean | null): Behaviour {
  if (training === null) return rule.withoutFlag;
  return training ? rule.inTrain : rule.inEval;
}

/** The behaviour of two parts together: `none` adds nothing, `unknown` hides everything, two that differ are `mixed`. */
export function combine(a: Behaviour, b: Behaviour): Behaviour {
  if (a === 'none' || a === b) return b;
  if (b === 'none') return a;
  return a === 'unknown' || b === 'unknown' ? 'unknown' : 'mixed';
}

/**
 * Adds to each module the behaviour of everything below it.
 * @param behaviour of each module by itself, in pre-order; changed in place.
 * @param childrenOf indices of the direct children, all larger than the parent's.
 */
export function combineUpwards(behaviour: Behaviour[], childrenOf: (index: number) => readonly number[]): void {
  // Children come after their parents, so going backwards meets them first.
  for (let i = behaviour.length - 1; i >= 0; i--) {
    const children = childrenOf(i);
    for (let c = 0; c < children.length; c++) behaviour[i] = combine(behaviour[i]!, behaviour[children[c]!]!);
  }
}
