// The module tree as plain data: what a row of the tree knows.

import type { DType } from './dtype';

/** A module's mode in words: the training flag, named. */
export type Mode = 'train' | 'eval';

/**
 * What a forward will really do. For a leaf: `train`, `eval`, `none` where the layer does not depend on the mode,
 * `unknown` where the file can't tell. For a parent: the same over its mode-sensitive descendants, `mixed` where they differ.
 */
export type Behaviour = 'train' | 'eval' | 'mixed' | 'none' | 'unknown';

/** A place in the user's source, as the file recorded it; `line` counts from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
}

/** True for a file of torch itself, such as `torch/nn/modules/batchnorm.py`: not where a user looks for a mistake. */
export function isTorchFile(file: string): boolean {
  return file.startsWith('<') || torchFile.test(file);
}

const torchFile =
  /(?:site|dist)-packages[\\/]torch[\\/]|(?:^|[\\/])torch[\\/](?:nn|jit|_[a-z_]+|functional\.py)(?:[\\/.]|$)/;

export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of a tensor of a live model. */
  readonly requiresGrad?: boolean;
}

/** The kinds of functions that do something else in train than in eval. */
export type ModeFamily = 'batch-norm' | 'instance-norm' | 'dropout' | 'recurrent' | 'attention' | 'activation';

/** A call in a module's own code, or in a graph, that takes its mode as a literal: no flag changes it. */
export interface LiteralCall {
  readonly family: ModeFamily;
  readonly training: boolean;
  readonly source?: SourceLocation;
}

/** A call with a mode in a module that is no layer for it, so that no module of the tree stands for it: `F.dropout(x)`. */
export interface FunctionalCall {
  /** `torch.nn.functional.dropout`, `torch.feature_dropout`; of an ONNX graph the kind of node, `Dropout`. */
  readonly function: string;
  readonly family: ModeFamily;
  /** The probability of its dropout; null where it has none, or it is computed. */
  readonly p: number | null;
  /** What it does now: true is as in train. `flag`: as the training flag of its module says. Null where the file doesn't tell. */
  readonly training: boolean | 'flag' | null;
  /** No switch changes it. */
  readonly fixed: boolean;
  readonly source?: SourceLocation;
}

/** A module that its owner holds in a plain list or dict, where `train()`, `eval()` and `state_dict()` don't reach it. */
export interface UnregisteredModule {
  /** How the owner's code reaches it: `layers[0]`, `heads['mask']`. */
  readonly name: string;
  readonly type: string;
  readonly training: boolean | null;
}

/** Options of a normalisation layer that keeps running statistics (BatchNorm, SyncBatchNorm, InstanceNorm). */
export interface NormSpec {
  readonly numFeatures: number | null;
  readonly eps: number | null;
  /** torch's momentum: the weight of the new batch. `null` with `cumulative` means the cumulative average. */
  readonly momentum: number | null;
  readonly cumulative: boolean;
  readonly affine: boolean | null;
  readonly trackRunningStats: boolean;
}

/** One module under one of its paths. */
export interface ModuleSpec {
  /** As in `named_modules()`; the root is `''`. */
  readonly path: string;
  /** Class name without its package and without TorchScript's mangling: `BatchNorm2d`. */
  readonly type: string;
  /** `torch.nn.modules.batchnorm.BatchNorm2d`, where the file has it. */
  readonly qualifiedType: string;
  /** The stored training flag; `null` where the file stores none. */
  readonly training: boolean | null;
  readonly behaviour: Behaviour;
  /** True where the forward of this very layer reads the mode (Dropout, BatchNorm, …). */
  readonly modeSensitive: boolean;
  /** Why the behaviour contradicts or ignores the flag, in one sentence; absent where it follows the flag. */
  readonly behaviourReason?: string;
  /** Calls of its own that hold their mode as a literal; absent where there are none. */
  readonly literalCalls?: readonly LiteralCall[];
  /** Absent where there are none, or the file doesn't tell. */
  readonly functionalCalls?: readonly FunctionalCall[];
  /** True for a BatchNorm that an exporter folded into another node. */
  readonly folded?: true;
  /** Absent where there are none, or the file doesn't tell. */
  readonly unregistered?: readonly UnregisteredModule[];
  readonly source?: SourceLocation;
  readonly batchNorm?: NormSpec;
  readonly instanceNorm?: NormSpec;
  readonly dropout?: { readonly p: number | null };
  readonly parameters: readonly TensorSpec[];
  readonly buffers: readonly TensorSpec[];
  /** First path of the same module object, where it appears under several. */
  readonly sharedWith?: string;
}

/**
 * The mode that a module is held in: its flag, or, in a file that stores none, what its forward does now. Null where neither tells.
 */
export function heldTraining({ training, modeSensitive, behaviour, functionalCalls }: ModuleSpec): boolean | null {
  if (training !== null) return training;
  // The behaviour of a parent speaks of what is below it, and calls are its own.
  const [call, ...others] = functionalCalls ?? [];
  if (call !== undefined && call.training !== 'flag')
    return others.every((other) => other.training === call.training) ? call.training : null;
  return modeSensitive && (behaviour === 'train' || behaviour === 'eval') ? behaviour === 'train' : null;
}

/** Splits `layer1.0.bn1` into its parent `layer1.0` and its own name `bn1`; the root has no parent. */
export function parentPath(path: string): string | undefined {
  if (path === '') return undefined;
  const dot = path.lastIndexOf('.');
  return dot < 0 ? '' : path.slice(0, dot);
}

/** The last component of a path: the name under which the parent holds the module. */
export function moduleName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** True if `path` is `ancestor` itself or lies below it. */
export function isWithin(path: string, ancestor: string): boolean {
  return ancestor === '' || path === ancestor || path.startsWith(`${ancestor}.`);
}
