// What a rule is, and what it looks at: a model as data, whatever kind of session it comes from.

import type { ModelFormat, SavedModel } from '../model/description';
import type { Finding, RuleId } from '../model/finding';
import type { ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type { Observations } from './observations';
import type { Thresholds } from './thresholds';

/** A model as the rules see it. */
export interface InsightModel {
  readonly kind: 'file' | 'live';
  readonly format: ModelFormat;
  /** In pre-order, the root first. */
  readonly modules: readonly ModuleSpec[];
  /** Where a file holds several models. */
  readonly models?: readonly SavedModel[] | undefined;
  /** The running statistics of a layer, as far as they have been read. */
  readonly statistics: (path: string) => NormStatistics | undefined;
  /** What a running program did; nothing for a file. */
  readonly observations: Observations;
}

export interface RuleContext {
  readonly model: InsightModel;
  readonly thresholds: Thresholds;
  /** Things that several modules need and that are found out once, by the rule's own key. */
  readonly once: <T>(key: object, find: () => T) => T;
}

/** What a rule saw. */
export type Seen = Omit<Finding, 'rule'>;

/** One rule: it looks at each module by itself, or at the model as a whole. A module that is shared is shown once, under its first path. */
export type Rule =
  | {
      readonly id: RuleId;
      readonly ofModule: (module: ModuleSpec, context: RuleContext) => Seen | undefined;
    }
  | { readonly id: RuleId; readonly ofModel: (context: RuleContext) => readonly Seen[] };
