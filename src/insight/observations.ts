// What a live program did, gathered from events as they come: bounded by the number of modules, not of events.

import type { ModeComparison } from '../model/comparison';
import type { SourceLocation } from '../model/module';

/** A place in the user's code that called something. */
export interface Caller extends SourceLocation {
  readonly function: string | null;
}

/** A call of `train()` or `eval()`; without a caller it came from Mode Inspector. */
export interface SwitchEvent {
  readonly kind: 'switch';
  readonly path: string;
  readonly training: boolean;
  readonly caller: Caller | undefined;
}

/** A forward of a model, called from outside of it. */
export interface ForwardEvent {
  readonly kind: 'forward';
  /** Of the module that was called: `''`, unless a part of the model is run by itself. */
  readonly path: string;
  readonly gradEnabled: boolean;
  /** Its training flag at that moment. */
  readonly training: boolean;
  readonly caller: Caller | undefined;
}

/** A step of an optimizer; `own` where it holds parameters of this model. */
export interface StepEvent {
  readonly kind: 'step';
  readonly own: boolean;
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

export type LiveEvent =
  SwitchEvent | ForwardEvent | StepEvent | CounterEvent | DropoutEvent | BatchEvent | SingleValueEvent;

/** A call that was seen, and its place in the order of all events. */
export interface SeenSwitch extends SwitchEvent {
  readonly order: number;
}

export interface SeenForwards {
  /** The most forwards in a row that ran in train and without gradients, with no step of any optimizer in between. */
  readonly withoutGradInTrain: number;
  /** The first of them. */
  readonly withoutGradCaller: Caller | undefined;
  /** Forwards in eval since the model was found. */
  readonly inEval: number;
  /** Steps of an own optimizer before which gradients came from forwards in eval alone. */
  readonly stepsInEval: number;
  /** The last forward with gradients in eval. */
  readonly evalWithGradCaller: Caller | undefined;
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
  readonly counters: ReadonlyMap<string, SeenCounter>;
  readonly dropouts: ReadonlyMap<string, DropoutEvent>;
  /** In the order in which a forward met them. */
  readonly batches: ReadonlyMap<string, BatchEvent>;
  readonly singleValues: ReadonlyMap<string, SingleValueEvent>;
}

interface Forwards {
  run: number;
  runCaller: Caller | undefined;
  sinceStep: { train: number; eval: number };
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
  private order = 0;
  private steps = 0;

  see(event: LiveEvent): void {
    this.order++;
    switch (event.kind) {
      case 'switch':
        this.seeSwitch(event);
        return;
      case 'forward':
        this.seeForward(event);
        return;
      case 'step':
        this.seeStep(event);
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

  private seeForward({ path, gradEnabled, training, caller }: ForwardEvent): void {
    const state = this.runningAt(path);
    const { seen } = state;
    if (training && !gradEnabled) {
      if (state.run++ === 0) state.runCaller = caller;
    } else {
      state.run = 0;
    }
    if (gradEnabled) state.sinceStep[training ? 'train' : 'eval']++;
    const isLongest = state.run > seen.withoutGradInTrain;
    this.keep(path, state, {
      ...(isLongest ? { withoutGradInTrain: state.run, withoutGradCaller: state.runCaller } : {}),
      ...(training ? {} : { inEval: seen.inEval + 1 }),
      ...(gradEnabled && !training ? { evalWithGradCaller: caller } : {}),
    });
  }

  private seeStep({ own }: StepEvent): void {
    if (own) this.steps++;
    for (const [path, state] of this.running) {
      state.run = 0;
      if (!own) continue;
      const { train, eval: inEval } = state.sinceStep;
      state.sinceStep = { train: 0, eval: 0 };
      if (train === 0 && inEval > 0) this.keep(path, state, { stepsInEval: state.seen.stepsInEval + 1 });
    }
  }

  private seeCounter({ path, batches }: CounterEvent): void {
    const before = this.counters.get(path);
    const now = { batches, steps: this.steps };
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
        stepsInEval: 0,
        evalWithGradCaller: undefined,
      };
      this.running.set(path, (state = { run: 0, runCaller: undefined, sinceStep: { train: 0, eval: 0 }, seen }));
    }
    return state;
  }

  private keep(path: string, state: Forwards, changes: Partial<SeenForwards>): void {
    state.seen = { ...state.seen, ...changes };
    this.forwards.set(path, state.seen);
  }
}

/** Of a file: nothing was seen. */
export const nothingObserved: Observations = new ObservationLog();
