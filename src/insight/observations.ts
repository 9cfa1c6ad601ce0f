// What a live program did, gathered from events as they come: bounded by the number of modules, not of events.

import type { ModeComparison } from '../model/comparison';
import { parentPath, type SourceLocation } from '../model/module';
import { AppError } from '../util/errors';

/** A place in the user's code that called something. */
export interface Caller extends SourceLocation {
  readonly function: string | null;
}

/** A call of `train()` or `eval()`; without a caller it came from Mode Inspector. */
export interface SwitchEvent {
  readonly kind: 'switch';
  readonly path: string;
  readonly training: boolean;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly caller: Caller | undefined;
}

/**
 * A forward of a model, called from outside of it. Not every one is seen: some at the start of a program, then a few each second. One
 * in train and without gradients stands for several in a row.
 */
export interface ForwardEvent {
  readonly kind: 'forward';
  /** Of the module that was called: `''`, unless a part of the model is run by itself. */
  readonly path: string;
  readonly gradEnabled: boolean;
  /** Its training flag at that moment. */
  readonly training: boolean;
  /** Some parameter of the module requires a gradient. */
  readonly learns: boolean;
  /** Seconds since the epoch. */
  readonly time: number;
  /** Steps of own optimizers until then, since the model was found. */
  readonly steps: number;
  /** When the program gave the last sign of training before: an optimizer step, or a forward with gradients, of this model or another. */
  readonly learnedAt: number | null;
  readonly caller: Caller | undefined;
}

/** Optimizer steps since the model was found: of those that hold parameters of it, and of others. */
export interface StepsEvent {
  readonly kind: 'steps';
  readonly own: number;
  readonly other: number;
}

/** The counter of batches of a layer, each time it is reported as moved. */
export interface CounterEvent {
  readonly kind: 'counter';
  readonly path: string;
  readonly batches: number;
}

/** A call of dropout that dropped while the module around it was in eval. */
export interface DropoutEvent {
  readonly kind: 'dropout';
  /** Of the innermost module. */
  readonly path: string;
  /** `dropout`, `scaled_dot_product_attention`. */
  readonly function: string;
  readonly p: number | null;
  readonly caller: Caller | undefined;
}

/** How far the statistics of one batch were from the running ones. */
export interface BatchEvent {
  readonly kind: 'batch';
  readonly path: string;
  /** Root mean square over channels of (batch mean - running mean) / sqrt(running variance + eps). */
  readonly meanDistance: number;
  /** Geometric mean over channels of (batch variance + eps) / (running variance + eps). */
  readonly varianceRatio: number;
}

/** What a comparison of train and eval tells of batches. */
export function batchEvents({ layers }: ModeComparison): readonly BatchEvent[] {
  return layers.flatMap(({ path, batchShift }): BatchEvent[] => {
    const { meanShift = null, varianceRatio = null } = batchShift ?? {};
    if (meanShift === null || varianceRatio === null) return [];
    return [{ kind: 'batch', path, meanDistance: meanShift, varianceRatio }];
  });
}

/** A forward that failed since a layer in train got one value per channel. */
export interface SingleValueEvent {
  readonly kind: 'singleValue';
  readonly path: string;
  readonly shape: readonly number[];
}

/** What the error of a forward tells of it; the shape is in torch's own words. */
export function singleValueEvents(error: unknown): readonly SingleValueEvent[] {
  if (!(error instanceof AppError) || error.code !== 'single-value' || error.module === undefined) return [];
  const sizes = /got input size (?:torch\.Size\()?\[([\d, ]*)\]/.exec(error.message)?.[1] ?? '';
  return [{ kind: 'singleValue', path: error.module, shape: sizes === '' ? [] : sizes.split(',').map(Number) }];
}

export type LiveEvent =
  SwitchEvent | ForwardEvent | StepsEvent | CounterEvent | DropoutEvent | BatchEvent | SingleValueEvent;

/** A call that was seen, and its place in the order of all events. */
export interface SeenSwitch extends SwitchEvent {
  readonly order: number;
}

export interface SeenForwards {
  /**
   * The most seen in a row that ran in train and without gradients, with no sign of training in between, and no call of `train()`
   * that asked for it.
   */
  readonly withoutGradInTrain: number;
  /** The first of them. */
  readonly withoutGradCaller: Caller | undefined;
  /** Those seen in eval and without gradients since the model was found: inference. An attack or a saliency map needs gradients. */
  readonly inEval: number;
  /** The most seen in a row that ran in eval with gradients, while `train()` was not called and none with gradients ran in train. */
  readonly learningInEval: number;
  /** Steps of own optimizers between the first and the last of them. */
  readonly stepsInEval: number;
  /** The last of them. */
  readonly learningInEvalCaller: Caller | undefined;
}

export interface SeenCounter {
  /** Counts, and steps of own optimizers, when the layer was first seen and now. */
  readonly first: { readonly batches: number; readonly steps: number };
  readonly last: { readonly batches: number; readonly steps: number };
  /** When it was reported as moved: the last two times, the older one first. */
  readonly moves: readonly number[];
}

/** What rules read. */
export interface Observations {
  /** The last call of `train()` and of `eval()` on each path. */
  readonly switches: ReadonlyMap<string, readonly SeenSwitch[]>;
  readonly forwards: ReadonlyMap<string, SeenForwards>;
  readonly steps: { readonly own: number; readonly other: number };
  readonly counters: ReadonlyMap<string, SeenCounter>;
  readonly dropouts: ReadonlyMap<string, DropoutEvent>;
  /** In the order in which a forward met them. */
  readonly batches: ReadonlyMap<string, BatchEvent>;
  readonly singleValues: ReadonlyMap<string, SingleValueEvent>;
}

/** Forwards in a row. */
interface Run {
  readonly count: number;
  readonly first: ForwardEvent;
  readonly last: ForwardEvent;
}

interface Forwards {
  withoutGrad: Run | undefined;
  learningInEval: Run | undefined;
  seen: SeenForwards;
}

/** Gathers events in their order. */
export class ObservationLog implements Observations {
  readonly switches = new Map<string, readonly SeenSwitch[]>();
  readonly forwards = new Map<string, SeenForwards>();
  readonly counters = new Map<string, SeenCounter>();
  readonly dropouts = new Map<string, DropoutEvent>();
  readonly batches = new Map<string, BatchEvent>();
  readonly singleValues = new Map<string, SingleValueEvent>();
  private readonly running = new Map<string, Forwards>();
  steps = { own: 0, other: 0 };
  private order = 0;

  see(event: LiveEvent): void {
    this.order++;
    switch (event.kind) {
      case 'switch':
        this.seeSwitch(event);
        return;
      case 'forward':
        this.seeForward(event);
        return;
      case 'steps':
        this.steps = { own: event.own, other: event.other };
        return;
      case 'counter':
        this.seeCounter(event);
        return;
      case 'dropout':
        this.dropouts.set(event.path, event);
        return;
      case 'batch':
        // The order of the last forward: a Map keeps that of insertion.
        this.batches.delete(event.path);
        this.batches.set(event.path, event);
        return;
      case 'singleValue':
        this.singleValues.set(event.path, event);
        return;
    }
  }

  private seeSwitch(event: SwitchEvent): void {
    const others = (this.switches.get(event.path) ?? []).filter(({ training }) => training !== event.training);
    this.switches.set(event.path, [...others, { ...event, order: this.order }]);
  }

  private seeForward(event: ForwardEvent): void {
    const { path, training, gradEnabled } = event;
    const state = this.runningAt(path);
    if (training && !gradEnabled) {
      state.withoutGrad = this.isWanted(event) ? undefined : longer(state.withoutGrad, event, sameLearning);
      const run = state.withoutGrad;
      if (run !== undefined && run.count > state.seen.withoutGradInTrain)
        this.keep(path, state, { withoutGradInTrain: run.count, withoutGradCaller: run.first.caller });
      return;
    }
    state.withoutGrad = undefined;
    if (!training && !gradEnabled) this.keep(path, state, { inEval: state.seen.inEval + 1 });
    if (!gradEnabled || !event.learns) return;
    const goesOn = ({ time }: ForwardEvent): boolean => this.lastTrain(path) < time;
    state.learningInEval = training ? undefined : longer(state.learningInEval, event, goesOn);
    const run = state.learningInEval;
    if (run === undefined || run.count < state.seen.learningInEval) return;
    const stepsInEval = run.last.steps - run.first.steps;
    this.keep(path, state, { learningInEval: run.count, stepsInEval, learningInEvalCaller: run.last.caller });
  }

  /** True if somebody called `train()` since the program last learned something: dropout is wanted then, or statistics are renewed. */
  private isWanted({ path, time, learnedAt }: ForwardEvent): boolean {
    const train = this.lastTrain(path);
    return train > (learnedAt ?? -Infinity) && train <= time;
  }

  /** When `train()` was last called on the module or one around it. */
  private lastTrain(path: string): number {
    let last = -Infinity;
    for (let around: string | undefined = path; around !== undefined; around = parentPath(around))
      for (const { training, time } of this.switches.get(around) ?? []) if (training) last = Math.max(last, time);
    return last;
  }

  private seeCounter({ path, batches }: CounterEvent): void {
    const before = this.counters.get(path);
    const now = { batches, steps: this.steps.own };
    // A counter that fell was reset, or loaded from a checkpoint: counting begins anew.
    if (before === undefined || batches < before.last.batches)
      this.counters.set(path, { first: now, last: now, moves: [] });
    else if (batches > before.last.batches)
      this.counters.set(path, { first: before.first, last: now, moves: [...before.moves, this.order].slice(-2) });
  }

  private runningAt(path: string): Forwards {
    let state = this.running.get(path);
    if (state === undefined) {
      const seen = {
        withoutGradInTrain: 0,
        withoutGradCaller: undefined,
        inEval: 0,
        learningInEval: 0,
        stepsInEval: 0,
        learningInEvalCaller: undefined,
      };
      this.running.set(path, (state = { withoutGrad: undefined, learningInEval: undefined, seen }));
    }
    return state;
  }

  private keep(path: string, state: Forwards, changes: Partial<SeenForwards>): void {
    state.seen = { ...state.seen, ...changes };
    this.forwards.set(path, state.seen);
  }
}

/** The run with one more, or begun anew where the last one and this one don't belong together. */
function longer(
  run: Run | undefined,
  event: ForwardEvent,
  goesOn: (last: ForwardEvent, event: ForwardEvent) => boolean,
): Run {
  return run !== undefined && goesOn(run.last, event)
    ? { count: run.count + 1, first: run.first, last: event }
    : { count: 1, first: event, last: event };
}

function sameLearning(last: ForwardEvent, { learnedAt }: ForwardEvent): boolean {
  return last.learnedAt === learnedAt;
}

/** Of a file: nothing was seen. */
export const nothingObserved: Observations = new ObservationLog();
