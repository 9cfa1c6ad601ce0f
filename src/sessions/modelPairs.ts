// The last comparison of each open model with another one, and the comparisons that run.

import type { Pair } from '../model/compareModels';
import type { PairComparison } from '../model/pairComparison';
import { AppError } from '../util/errors';
import { compareModelPair } from './modelPair';
import type { PairOptions } from './modelPair';
import type { ModelSession } from './modelSession';

/** A model beside another one, as both were at one moment. */
export interface ModelPair {
  /** Ids of the sessions; the second may have been closed since. */
  readonly ids: Pair<string>;
  /** What tells them apart for a person. */
  readonly names: Pair<string>;
  /** What of each was to be compared, as {@link PairOptions} has it. */
  readonly asked: Pair<string | undefined>;
  readonly comparison: PairComparison;
  /** Modes, statistics or modules of one of them changed since. */
  readonly isOutdated: boolean;
}

export class ModelPairs {
  /** By the id of the first. */
  private readonly pairs = new Map<string, ModelPair>();
  private readonly running = new Map<AbortController, Pair<ModelSession>>();

  /** @param onChange the model whose comparison is another one now. */
  constructor(private readonly onChange: (id: string) => void) {}

  last(session: ModelSession): ModelPair | undefined {
    return this.pairs.get(session.id);
  }

  /** Compares two open models and keeps the result. @throws AppError as {@link compareModelPair}; `cancelled` where one is closed meanwhile. */
  async compare(sessions: Pair<ModelSession>, names: Pair<string>, given: PairOptions = {}): Promise<ModelPair> {
    const closing = new AbortController();
    this.running.set(closing, sessions);
    const { roots: asked = [undefined, undefined] } = given;
    const signal = given.signal === undefined ? closing.signal : AbortSignal.any([given.signal, closing.signal]);
    try {
      const comparison = await compareModelPair(...sessions, { ...given, signal });
      const pair = { ids: [sessions[0].id, sessions[1].id], names, asked, comparison, isOutdated: false } as const;
      this.keep(pair);
      return pair;
    } catch (error) {
      throw closing.signal.aborted ? closing.signal.reason : error;
    } finally {
      this.running.delete(closing);
    }
  }

  /** Takes up that a model is another one than it was when it was compared. */
  outdate({ id }: ModelSession): void {
    for (const pair of this.pairs.values()) {
      if (pair.ids.includes(id) && !pair.isOutdated) this.keep({ ...pair, isOutdated: true });
    }
  }

  forget({ id }: ModelSession): void {
    if (this.pairs.delete(id)) this.onChange(id);
  }

  /** Takes up that a model was closed. What was found out about another one stays. */
  close(session: ModelSession): void {
    this.pairs.delete(session.id);
    for (const [closing, sessions] of this.running) {
      if (sessions.includes(session))
        closing.abort(new AppError('cancelled', `${session.title} was closed while it was compared.`));
    }
  }

  private keep(pair: ModelPair): void {
    this.pairs.set(pair.ids[0], pair);
    this.onChange(pair.ids[0]);
  }
}
