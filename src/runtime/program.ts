// The one interface between formats and the runtime: what a format hands over, and what a session drives.

import type { Capabilities, InputSpec, Problem } from '../model/description';
import type { ModuleSpec, SourceLocation, UnregisteredModule } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type { Modes } from './behaviour';
import type { RunContext } from './context';
import type { ExecuTorchMethod } from './executorch/methods';
import type { ExportedProgram } from './exported/graph';
import type { OnnxFile } from './onnx/onnxFile';
import type { PutBack } from './remember';
import type { Tensor } from './tensor';
import type { ScriptObject, Value } from './values';

export type * from './executorch/methods';
export type * from './onnx/onnxFile';
export { bytesOfElements } from './elements';
export { maxModules } from './moduleOrder';
export { Storage, type StorageReader } from './storage';
export { contiguousStrides, Tensor } from './tensor';
export type * from './exported/graph';
export { Device, Dict, itemsOf, OpaqueValue, ScriptObject, stateAttribute, Tuple, type Value } from './values';

/** What a format hands over. `createProgram` makes a {@link Program} of each kind. */
export type ModelContents =
  | { readonly kind: 'script'; readonly archive: ScriptArchive }
  | {
      readonly kind: 'stored';
      readonly root: StoredModule;
      /** Why the file tells no mode, as a sentence; absent where it does. */
      readonly modeNote?: string;
      /** Paths of the models below the root, where that only gathers several. */
      readonly models?: readonly string[];
    }
  | { readonly kind: 'onnx'; readonly file: OnnxFile }
  | { readonly kind: 'executorch'; readonly methods: readonly ExecuTorchMethod[] }
  | { readonly kind: 'exported'; readonly program: ExportedProgram }
  /** At least one; names are the file's. */
  | { readonly kind: 'several'; readonly models: readonly (readonly [name: string, contents: ModelContents])[] };

/**
 * A module as a file stores it without code: an object of a pickled `nn.Module`, or what the names in a state dict tell of one.
 * An object that stands at several places of the tree is one StoredModule.
 */
export class StoredModule {
  parameters: ReadonlyMap<string, Value> = none;
  buffers: ReadonlyMap<string, Value> = none;
  children: ReadonlyMap<string, StoredModule> = none;
  /** The rest of the object's `__dict__`: options such as `p`, `eps`, `momentum`, `stride`. */
  attributes: ReadonlyMap<string, Value> = none;
  /** Why its class does not tell what its forward does, as a sentence without its end: it has hooks, for one. */
  obstacle: string | undefined;
  /** Modules in its plain lists and dicts that stand nowhere in the tree. */
  unregistered: readonly UnregisteredModule[] | undefined;

  constructor(
    /** `torch.nn.modules.batchnorm.BatchNorm2d`; `''` where the file does not tell the class. */
    readonly qualifiedType: string,
    /** The flag as it is held now; null where the file stores none. */
    public training: boolean | null,
  ) {}

  /** Adds a parameter, a buffer or an attribute, or replaces it. */
  set(kind: 'parameters' | 'buffers' | 'attributes', name: string, value: Value): void {
    this[kind] = added(this[kind], name, value);
  }

  setChild(name: string, child: StoredModule): void {
    this.children = added(this.children, name, child);
  }
}

/** Shared by all modules: most have one or two of the four maps, and a large model has tens of thousands of modules. */
const none: ReadonlyMap<string, never> = new Map<string, never>();

function added<T>(map: ReadonlyMap<string, T>, name: string, value: T): ReadonlyMap<string, T> {
  const own = map === none ? new Map<string, T>() : (map as Map<string, T>);
  return own.set(name, value);
}

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
  /**
   * The models of a file that holds several, by the path of each in the tree; they share its modules and tensors. Null for a
   * state dict, which is no program by itself. Absent where the root is the model.
   */
  readonly models?: ReadonlyMap<string, Program | null>;
  /** What can be asked of it beyond describing. */
  readonly capabilities: Capabilities;
  /** All modules in pre-order under each of their paths, with flags and behaviour as they are now. */
  describe(): Promise<readonly ModuleSpec[]>;
  /** Flags and behaviour as they are now, by index in {@link describe}; cheap even for a large tree. */
  modes(): Modes;
  /** The arguments of `forward` without self. */
  inputs(): Promise<readonly InputSpec[]>;
  /** The arguments with which the model was saved, for a forward without input from the user; undefined where the file has none. */
  sampleInputs?(): Promise<readonly Value[] | undefined>;
  /**
   * `module.train(training)`, or this flag only. Null: as the file has it, of programs that store no flag.
   * @throws AppError `no-such-module`.
   */
  setTraining(path: string, training: boolean | null, recursive: boolean): void;
  /** Remembers flags, statistics and whatever else a forward may change; what it returns puts all of it back. */
  remember(): PutBack;
  /** Running statistics; null where the module keeps none. @throws AppError `no-such-module`. */
  normStatistics(path: string, options?: { readonly values?: boolean }): Promise<NormStatistics | null>;
  /**
   * The tensors of the running statistics by name, in memory or still in the file; none where the module keeps none.
   * @throws AppError `no-such-module`.
   */
  normTensors(path: string): ReadonlyMap<string, Tensor>;
  /** Changes whenever one of the layer's statistics was written; to see what a forward moved. */
  statisticsVersion(path: string): number;
  /** Runs `forward` (or another method) with positional arguments. @throws AppError */
  forward(args: readonly Value[], context: RunContext, method?: string): Promise<Value>;
  readonly problems: readonly Problem[];
}
