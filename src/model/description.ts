// A whole opened model as plain data: what crosses from the worker to the views.

import type { DType } from './dtype';
import type { ModuleSpec } from './module';

export type ModelFormat =
  'torchscript' | 'exported-program' | 'module' | 'state-dict' | 'safetensors' | 'onnx' | 'executorch';

/** Something that went wrong or is odd, and did not stop the model from being shown. */
export interface Problem {
  readonly message: string;
  readonly path?: string;
}

/** One argument of the model's forward. */
export interface InputSpec {
  readonly name: string;
  /** As the program declares it: `Tensor`, `Optional[Tensor]`, `List[Tensor]`, … */
  readonly type: string;
  readonly hasDefault: boolean;
  /** A shape that the program will probably take, and where that guess comes from. */
  readonly suggestion?: { readonly shape: readonly number[]; readonly dtype: DType; readonly from: string };
}

/** What the session can do; views hide the rest. */
export interface Capabilities {
  readonly setTraining: boolean;
  readonly runForward: boolean;
  /** Train and eval can be compared; absent where that goes with {@link runForward}. */
  readonly compareModes?: boolean;
  /** Only a file that stores flags can be copied with other ones. */
  readonly saveCopy?: boolean;
  /** A module can be held in a mode though its parents are switched. */
  readonly pin?: boolean;
}

/** One of several models in a file. */
export interface SavedModel {
  /** Of its root in the tree. */
  readonly path: string;
  /** A state dict can't, nor can a module of unknown classes; then there are no inputs. */
  readonly canRun: boolean;
  readonly inputs: readonly InputSpec[];
}

export interface ModelDescription {
  readonly format: ModelFormat;
  /** Pre-order, the root first. */
  readonly modules: readonly ModuleSpec[];
  readonly inputs: readonly InputSpec[];
  /** Where the file holds several models of their own; {@link inputs} are those of the first that can run. */
  readonly models?: readonly SavedModel[];
  readonly capabilities: Capabilities;
  readonly problems: readonly Problem[];
}
