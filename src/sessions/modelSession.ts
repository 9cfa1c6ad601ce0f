// The one interface through which views and commands see a model, from a file or live.

import type { Disposable } from '../util/disposable';
import type { Event } from '../util/event';
import type { ModeComparison } from '../model/comparison';
import type { Capabilities, InputSpec, ModelFormat, Problem, SavedModel } from '../model/description';
import type { Finding } from '../model/finding';
import type { Mode, ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type { AgentSwitch } from '../protocol/agent';
import type { FindingRules } from './findingRules';
import type {
  CompareOptions,
  ForwardOptions,
  ForwardResult,
  OnProgress,
  SaveCopyOptions,
  SaveCopyResult,
} from '../protocol/engine';

/** What changed in a session. */
export type SessionChange =
  /** Flags or behaviour of these modules. */
  | { readonly kind: 'modes'; readonly paths: readonly string[] }
  /** Running statistics of these layers. */
  | { readonly kind: 'statistics'; readonly paths: readonly string[] }
  /** What the rules find. */
  | { readonly kind: 'findings' }
  /** A forward was traced. */
  | { readonly kind: 'trace' }
  /** The whole tree: opened again after a change on disk, or a live model that was rebuilt. */
  | { readonly kind: 'tree' }
  /** `state` or `busy`. */
  | { readonly kind: 'state' };

/**
 * `failed` keeps the last tree but can't act until it is reloaded. A live model is `waiting` when it will be switched at its next
 * forward, and has `ended` with its process.
 */
export type SessionState =
  | { readonly kind: 'ready' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'failed' | 'ended'; readonly message: string };

/** The modes of every module at one moment, as `heldTraining` tells them; opaque to callers. */
export interface Snapshot {
  readonly flags: ReadonlyMap<string, boolean | null>;
}

export interface ReloadOptions {
  readonly keepModes: boolean;
  /** Gives the reload up: the session stays as it is. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface ModelSession extends Disposable {
  readonly id: string;
  /** Short name for the tree and the status bar: the file's base name, or the variable. */
  readonly title: string;
  readonly kind: 'file' | 'live';
  readonly format: ModelFormat;
  readonly capabilities: Capabilities;
  readonly state: SessionState;
  /** In pre-order, the root first. The list is another one only after a change of kind `tree`. */
  readonly modules: readonly ModuleSpec[];
  readonly inputs: readonly InputSpec[];
  /** Where the file holds several models. */
  readonly models?: readonly SavedModel[] | undefined;
  readonly problems: readonly Problem[];
  readonly onDidChange: Event<SessionChange>;
  /** What the rules find now, the most urgent first; empty before {@link watchFindings}. */
  readonly findings: readonly Finding[];
  /** Looks for findings from now on, and again after each change, in the background. */
  watchFindings(rules: FindingRules): void;

  /** The module at `path`, or undefined. */
  module(path: string): ModuleSpec | undefined;
  /** Direct children in order: all, or those from `start` to before `end`. */
  children(path: string, start?: number, end?: number): readonly ModuleSpec[];

  /** Resolves when the flags are set; `recursive` as `module.train(mode)`. */
  setTraining(path: string, training: boolean, options: { readonly recursive: boolean }): Promise<void>;
  /** Running statistics of a BatchNorm or InstanceNorm, cached until they move; null for other modules. */
  statistics(path: string, options?: { readonly values?: boolean }): Promise<NormStatistics | null>;
  /** The figures of a layer as they were reported last, without asking anybody; for live models only. */
  latestStatistics?(path: string): NormStatistics | undefined;
  /** Calls of `train()` and `eval()` on its modules, the oldest first; for live models only. */
  readonly switches?: readonly AgentSwitch[];
  /** One at a time: a second call while one runs is refused. `signal` cancels it. */
  runForward(options: ForwardOptions, signal?: AbortSignal): Promise<ForwardResult>;
  /** Runs the same inputs in eval and in train, and leaves flags and statistics as they were. `signal` cancels it. */
  compareModes(options: CompareOptions, signal?: AbortSignal): Promise<ModeComparison>;
  /** Writes a copy of the model's file with the modes as they are now, for those that can. `signal` cancels it. */
  saveCopy(options: SaveCopyOptions, signal?: AbortSignal, onProgress?: OnProgress): Promise<SaveCopyResult>;
  /** Layers whose statistics differ from those of the file, since forwards moved them. */
  readonly movedStatistics: readonly string[];
  snapshot(): Snapshot;
  /** Puts every flag of the snapshot back, module by module. */
  restore(snapshot: Snapshot): Promise<void>;
  /** Flags as they stood when the model was opened, for *Restore Modes*. */
  readonly initialModes: Snapshot;
  /** The mode that a module is held in whatever its parents are switched to; for live models only. */
  pinned?(path: string): Mode | undefined;
  /** Opens the file again; `keepModes` then sets the flags that were set before, by path. */
  reload(options: ReloadOptions): Promise<void>;
}
