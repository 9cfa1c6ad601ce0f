// What the session asks of the engine that holds an opened model, in the worker or in the same process.

import type { DType } from '../model/dtype';
import type { ModeComparison } from '../model/comparison';
import type { ModelDescription, Problem } from '../model/description';
import type { Behaviour, FunctionalCall } from '../model/module';
import type { NormStatistics, OutputSummary } from '../model/statistics';

/** One input of a forward: random numbers of a shape, or given elements (little-endian bytes, contiguous). */
export type ForwardInput =
  | { readonly kind: 'random'; readonly shape: readonly number[]; readonly dtype: DType }
  | { readonly kind: 'array'; readonly shape: readonly number[]; readonly dtype: DType; readonly bytes: Uint8Array };

export interface ForwardOptions {
  /** Path of the model to run, where the file holds several; the first that can run, unless named. */
  readonly model?: string;
  /**
   * In the order of the program's arguments; missing ones take their suggestion, then their default. Without any, the sample
   * inputs in the file are taken where there are some.
   */
  readonly inputs: readonly ForwardInput[];
  /** Forwards in a row; 1 if absent. The outputs are those of the last. */
  readonly steps?: number;
  /** Seeds random inputs and dropout. Without it inputs are the same for the same shapes, and dropout draws anew each run. */
  readonly seed?: number;
  /** Also return the outputs' elements. */
  readonly keepOutputs?: boolean;
}

/** As for a forward. Inputs and dropout are the same every time, unless seeded otherwise. */
export type CompareOptions = Pick<ForwardOptions, 'model' | 'inputs' | 'seed'>;

export interface OutputArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: Uint8Array;
}

export interface ForwardResult {
  readonly outputs: readonly OutputSummary[];
  readonly arrays?: readonly OutputArray[];
  /** Tells the outputs of two forwards apart, where their elements stay in the process that ran. */
  readonly digest?: string;
  /** The shapes that ran, so that a view can say what it made up. */
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: DType }[];
  /** Layers whose running statistics moved. */
  readonly moved: readonly string[];
  readonly milliseconds: number;
  readonly problems: readonly Problem[];
}

export interface SaveCopyOptions {
  /** Absolute path of the copy. */
  readonly file: string;
  /** Also write the running statistics that forwards moved. */
  readonly statistics: boolean;
  /** Replace a file that is there already; the model's own file is refused in any case. */
  readonly overwrite: boolean;
}

export interface SaveCopyResult {
  /** Modules whose flag differs from that of the original. */
  readonly changed: readonly string[];
  /** Layers whose statistics were written. */
  readonly statistics: readonly string[];
  readonly problems: readonly Problem[];
}

/** The flag and behaviour of one module after a change. */
export interface ModeChange {
  readonly path: string;
  readonly training: boolean | null;
  readonly behaviour: Behaviour;
  /** Where a switch changes the reason for the behaviour; null where there is none now. */
  readonly behaviourReason?: string | null;
  /** Where a switch changes what they do. */
  readonly functionalCalls?: readonly FunctionalCall[];
}

export interface SetTraining {
  readonly path: string;
  readonly training: boolean;
  /** With `true` as `module.train(mode)` does: the module, then everything below it; with `false` this flag only. */
  readonly recursive: boolean;
}

/** One module back to how its file has it: the calls of a module that stores no flag may differ among each other there. */
export interface AsInFile {
  readonly path: string;
  readonly training: null;
  readonly recursive: false;
}

/** How far a long request is. */
export interface Progress {
  /** `reading` the objects of a file, `listing` its modules, `copying` it, or `comparing` the layers of two models. */
  readonly step: ProgressStep;
  /** Of `total`; in bytes, modules, bytes or layers. Never less than told before in the same step. */
  readonly done: number;
  readonly total: number;
}

export const progressSteps = ['reading', 'listing', 'copying', 'comparing'] as const;

export type ProgressStep = (typeof progressSteps)[number];

export type OnProgress = (progress: Progress) => void;

/** Requests by name: parameters and result. One model an engine; errors are AppErrors. */
export interface EngineRequests {
  /** Loads the code that opening needs, ahead of the file. */
  prepare: { params: Readonly<Record<string, never>>; result: null };
  open: { params: { readonly file: string }; result: ModelDescription };
  /** Lets go of the model and its file; another one can be opened. Answers with the bytes of memory that are still held. */
  close: { params: Readonly<Record<string, never>>; result: number };
  /** Applies the changes in order; answers with every module whose flag or behaviour is different now. */
  setTraining: { params: { readonly changes: readonly (SetTraining | AsInFile)[] }; result: readonly ModeChange[] };
  statistics: {
    params: { readonly paths: readonly string[]; readonly values: boolean };
    result: readonly { readonly path: string; readonly statistics: NormStatistics }[];
  };
  runForward: { params: ForwardOptions; result: ForwardResult };
  /** Runs the same input through the model in eval and in train, and leaves flags and statistics as they were. */
  compareModes: { params: CompareOptions; result: ModeComparison };
  /** Writes a copy of the file that differs from it in flags and statistics alone; whole, or not at all. */
  saveCopy: { params: SaveCopyOptions; result: SaveCopyResult };
}

export type EngineMethod = keyof EngineRequests;

/** The engine itself. `cancel` ends a running forward at its next operator, and the writing of a copy, with the code `cancelled`. */
export interface Engine {
  /** @param onProgress hears of `open` and `saveCopy` while they run, where they take long enough. */
  request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']>;
  cancel(): void;
  dispose(): void;
}
