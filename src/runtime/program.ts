// The one interface between formats and the runtime: what a format hands over, and what a session drives.

import type { InputSpec, Problem } from '../model/description';
import type { Behaviour, ModuleSpec, SourceLocation } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type { RunContext } from './context';
import type { ScriptObject, Value } from './values';

export { Storage, type StorageReader } from './storage';
export { Tensor } from './tensor';
export { Device, Dict, OpaqueValue, ScriptObject, stateAttribute, Tuple, type Value } from './values';

/** A TorchScript archive, as its format read it. Code is read when it is needed. */
export interface ScriptArchive {
  readonly root: ScriptObject;
  /** Version of the operators that the code was written for; older ones meant something else by a few calls. */
  readonly version: number;
  /** `CONSTANTS.c0`, `c1`, … */
  readonly constants: readonly Value[];
  /** Text of the code file of a Python module such as `__torch__.torch.nn.functional`; undefined where there is none. */
  readCode(pythonModule: string): Promise<string | undefined>;
  /** Maps positions in that text to the user's source; undefined where the archive has no debug records. */
  readSourceMap(pythonModule: string): Promise<SourceMap | undefined>;
  /** Shapes and dtypes with which a trace was made, where the archive keeps them: one entry an argument. */
  readonly tracedInputs?: readonly (Value | undefined)[];
}

export interface SourceMap {
  /** The user's source of the code at this offset (in bytes of the UTF-8 text), or undefined. */
  locate(offset: number): SourceLocation | undefined;
}

/** An opened model that can be described, switched and run. */
export interface Program {
  /** All modules in pre-order under each of their paths, with flags and behaviour as they are now. */
  describe(): Promise<readonly ModuleSpec[]>;
  /** Flags and behaviour as they are now, by index in {@link describe}; cheap even for a large tree. */
  modes(): { readonly training: readonly (boolean | null)[]; readonly behaviour: readonly Behaviour[] };
  /** The arguments of `forward` without self. */
  inputs(): Promise<readonly InputSpec[]>;
  /** `module.train(training)`, or this flag only. @throws AppError `no-such-module`. */
  setTraining(path: string, training: boolean, recursive: boolean): void;
  /** Running statistics; null where the module keeps none. @throws AppError `no-such-module`. */
  normStatistics(path: string, options?: { readonly values?: boolean }): Promise<NormStatistics | null>;
  /** Changes whenever one of the layer's statistics was written; to see what a forward moved. */
  statisticsVersion(path: string): number;
  /** Runs `forward` (or another method) with positional arguments. @throws AppError */
  forward(args: readonly Value[], context: RunContext, method?: string): Promise<Value>;
  readonly problems: readonly Problem[];
}
