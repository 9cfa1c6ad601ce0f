// A program of `torch.export` as its format reads it: one graph of ATen calls, what its inputs and outputs are, and the tensors.

import type { DType } from '../../model/dtype';
import type { StackFrame } from '../../model/stackTrace';
import type { Value } from '../values';

/** A saved `torch.export.ExportedProgram`. */
export interface ExportedProgram {
  /** Under which the archive keeps it: `model`, where the user gave no name. */
  readonly name: string;
  readonly graph: Graph;
  /** One for each input of the graph, in order. */
  readonly inputs: readonly InputBinding[];
  /** One for each output of the graph, in order. */
  readonly outputs: readonly OutputBinding[];
  /** Structure of `(args, kwargs)`; its leaves are the inputs that are no tensors of the program itself. */
  readonly inputTree: TreeSpec;
  readonly outputTree: TreeSpec;
  /** Names of forward's arguments, positional ones first; empty where the file is too old to have them. */
  readonly argumentNames: readonly string[];
  /** Parameters, buffers and constants by their full names; a value that is no tensor says why it can't be used. */
  readonly tensors: ReadonlyMap<string, Value>;
  /** Paths of all modules, in the order of `named_modules()`, also of those that no call belongs to. */
  readonly modulePaths: readonly string[];
  /** The arguments of the export, positional ones first, as far as the file has them. */
  readonly sampleInputs?: readonly Value[];
}

export interface Graph {
  /** Each a reference, or a constant that the caller's value has to equal. */
  readonly inputs: readonly Argument[];
  readonly outputs: readonly Argument[];
  readonly nodes: readonly GraphNode[];
  /** dtype and sizes of the inputs that are tensors, by their names. */
  readonly inputMetas: ReadonlyMap<string, TensorMeta>;
}

/** One call. */
export interface GraphNode {
  /** `torch.ops.aten.add.Tensor`, `_operator.mul`, `torch.ops.higher_order.cond`. */
  readonly target: string;
  readonly inputs: readonly NamedArgument[];
  /** Where the results go; several where the call returns a tuple. */
  readonly outputs: readonly Argument[];
  /** The modules in whose forward the call stands, the root first. Empty for calls that torch added. */
  readonly modules: readonly ModuleFrame[];
  /** The Python function that the user's model called, as torch noted it: `function.dropout`; `''` where it did not. */
  readonly calledFunction: string;
  /** The Python stack of the call, outermost frame first. */
  stack(): readonly StackFrame[];
}

export interface ModuleFrame {
  readonly path: string;
  /** `torch.nn.modules.batchnorm.BatchNorm2d` */
  readonly type: string;
}

export interface NamedArgument {
  /** The name in the operator's schema; `''` for operators without one. */
  readonly name: string;
  readonly value: Argument;
}

export type Argument =
  | { readonly kind: 'reference'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'list'; readonly items: readonly Argument[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [string, Argument])[] }
  | { readonly kind: 'graph'; readonly graph: Graph }
  /** Something that the runtime has no values for: a complex number, an operator given as an argument. */
  | { readonly kind: 'unsupported'; readonly what: string };

export interface TensorMeta {
  /** null for a dtype that the runtime lacks. */
  readonly dtype: DType | null;
  readonly sizes: readonly Size[];
}

/** A size that the export fixed, or a symbol (`s77`, or a whole expression) that a caller chooses; with the size that it stood for. */
export type Size =
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'symbol'; readonly symbol: string; readonly hint: number | null; readonly range: Range };

/** Smallest and largest size that the export allows, null where it is not bounded. */
export interface Range {
  readonly min: number | null;
  readonly max: number | null;
}

export type InputBinding =
  /** An argument of forward. */
  | { readonly kind: 'user' }
  /** An argument that the export fixed. */
  | { readonly kind: 'fixed'; readonly value: Value }
  | { readonly kind: 'parameter' | 'buffer' | 'constant'; readonly fullName: string }
  /** A token of an effect, or an object of a C++ class. */
  | { readonly kind: 'opaque'; readonly what: string };

export type OutputBinding =
  | { readonly kind: 'user' }
  /** The value is written into a tensor of the program. */
  | { readonly kind: 'mutation'; readonly fullName: string }
  /** The value is written into the argument that this input of the graph stands for. */
  | { readonly kind: 'inputMutation'; readonly inputName: string }
  /** Tokens and gradients, which nobody here asks for. */
  | { readonly kind: 'ignored' };

/** Structure of nested Python containers (`torch.utils._pytree`); leaves are values. */
export type TreeSpec =
  | { readonly kind: 'leaf' }
  | { readonly kind: 'tuple'; readonly children: readonly TreeSpec[]; readonly fieldNames?: readonly string[] }
  | { readonly kind: 'list'; readonly children: readonly TreeSpec[] }
  | { readonly kind: 'dict'; readonly keys: readonly (string | bigint)[]; readonly children: readonly TreeSpec[] };
