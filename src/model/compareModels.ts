// The modules of two models compared: two ranks of a job, two checkpoints, a model and its file. It says what differs, not why.

import type { ModelFormat } from './description';
import { parentPath } from './module';
import type { Mode, ModuleSpec, NormSpec, TensorSpec } from './module';

/** A value in the first model and in the second. */
export type Pair<T> = readonly [first: T, second: T];

/** One module that is not the same in both models. */
export interface ModuleDifference {
  readonly path: string;
  /** The module in either; undefined where there is none of that path. */
  readonly modules: Pair<ModuleSpec | undefined>;
  /** `missing` in one of the two, of another class, or with other tensors (names, shapes or dtypes). */
  readonly structure?: 'missing' | 'class' | 'tensors';
  /** With `tensors`: those that differ; none where only their order does. */
  readonly tensors?: readonly TensorChange[];
  /** The training flags, where both store one and these differ. */
  readonly flags?: Pair<boolean>;
  /** What a forward of the layer does, where that differs though the flags do not, or are not stored: the mode is in the code. */
  readonly behaviours?: Pair<Mode>;
  /** Options of a layer that differ. */
  readonly options?: readonly OptionChange[];
}

/** A parameter or buffer that only one of the models has, or both in another dtype or shape. */
export interface TensorChange {
  readonly name: string;
  readonly tensors: Pair<TensorSpec | undefined>;
}

/** An option of a layer, by torch's name and with torch's values: a momentum of null is the cumulative average. */
export interface OptionChange {
  readonly name: string;
  readonly values: Pair<number | boolean | null>;
}

/** How two models are told: what one of them leaves out is no difference. */
export interface Telling {
  /** Whether each lists modules without tensors, and buffers that no state dict has. */
  readonly isWhole: Pair<boolean>;
  /** Of which classes both are is known. */
  readonly hasClasses: boolean;
  /** Both are of one kind: classes have their packages, and tensors the order in which they were registered. */
  readonly isAlike: boolean;
}

/** Two live models tell all of it. */
const wholeAndAlike: Telling = { isWhole: [true, true], hasClasses: true, isAlike: true };

/** What formats tell. ONNX and ExecuTorch name operators, and a graph has the modules that run. */
export const toldByFormat: Readonly<Record<ModelFormat, { readonly isWhole: boolean; readonly hasClasses: boolean }>> =
  {
    module: { isWhole: true, hasClasses: true },
    torchscript: { isWhole: true, hasClasses: true },
    'exported-program': { isWhole: false, hasClasses: true },
    'state-dict': { isWhole: false, hasClasses: false },
    safetensors: { isWhole: false, hasClasses: false },
    onnx: { isWhole: false, hasClasses: false },
    executorch: { isWhole: false, hasClasses: false },
  };

/** What models of two formats can be compared by. */
export function tellingOf([first, second]: Pair<ModelFormat>): Telling {
  const [one, other] = [toldByFormat[first], toldByFormat[second]];
  const hasClasses = one.hasClasses && other.hasClasses;
  return { isWhole: [one.isWhole, other.isWhole], hasClasses, isAlike: hasClasses && first === second };
}

/**
 * The modules that differ: in the order of the first model, then those that only the second has.
 * @param first in pre-order. @param second in pre-order.
 */
export function compareModules(
  first: readonly ModuleSpec[],
  second: readonly ModuleSpec[],
  telling: Telling = wholeAndAlike,
): readonly ModuleDifference[] {
  const counterparts = new Map(second.map((module) => [module.path, module]));
  // A model that does not list modules without tensors may have them all the same.
  const [ones, others] = [listed(first, telling.isWhole[1]), listed(second, telling.isWhole[0])];
  const differences: ModuleDifference[] = [];
  for (const module of first) {
    const { path } = module;
    const counterpart = counterparts.get(path);
    counterparts.delete(path);
    if (counterpart !== undefined) {
      const difference = compareModule(module, counterpart, telling);
      if (difference !== undefined) differences.push(difference);
    } else if (ones?.has(path) !== false) {
      differences.push({ path, modules: [module, undefined], structure: 'missing' });
    }
  }
  for (const [path, module] of counterparts) {
    if (others?.has(path) !== false) differences.push({ path, modules: [undefined, module], structure: 'missing' });
  }
  return differences;
}

/** Paths that the other model would list too: all where it is whole (undefined), else those with tensors at or below them. */
function listed(modules: readonly ModuleSpec[], isWhole: boolean): ReadonlySet<string> | undefined {
  if (isWhole) return undefined;
  const paths = new Set<string>();
  for (const module of modules) {
    if (tensorsOf(module).length === 0) continue;
    let path: string | undefined = module.path;
    while (path !== undefined && !paths.has(path)) {
      paths.add(path);
      path = parentPath(path);
    }
  }
  return paths;
}

function compareModule(first: ModuleSpec, second: ModuleSpec, telling: Telling): ModuleDifference | undefined {
  const structure = compareStructure(first, second, telling);
  const modes = compareModes(first, second);
  const options = differingOptions(first, second);
  if (structure === undefined && modes === undefined && options.length === 0) return undefined;
  return {
    path: first.path,
    modules: [first, second],
    ...structure,
    ...modes,
    ...(options.length === 0 ? {} : { options }),
  };
}

/** A mode that one of them does not tell is no difference. */
function compareModes(
  first: ModuleSpec,
  second: ModuleSpec,
): Pick<ModuleDifference, 'flags' | 'behaviours'> | undefined {
  const flags = [first.training, second.training] as const;
  if (flags[0] !== null && flags[1] !== null && flags[0] !== flags[1]) return { flags: [flags[0], flags[1]] };
  const [one, other] = [modeRun(first), modeRun(second)];
  return one === undefined || other === undefined || one === other ? undefined : { behaviours: [one, other] };
}

/** The mode in which the forward of a layer runs; undefined for a module that depends on none itself, and where it is not known. */
export function modeRun({ modeSensitive, behaviour }: ModuleSpec): Mode | undefined {
  return modeSensitive && (behaviour === 'train' || behaviour === 'eval') ? behaviour : undefined;
}

function compareStructure(
  first: ModuleSpec,
  second: ModuleSpec,
  { isWhole, hasClasses, isAlike }: Telling,
): Pick<ModuleDifference, 'structure' | 'tensors'> | undefined {
  if (hasClasses && (first.type !== second.type || (isAlike && first.qualifiedType !== second.qualifiedType)))
    return { structure: 'class' };
  const isSame = sameTensors(first.parameters, second.parameters) && sameTensors(first.buffers, second.buffers);
  if (isSame) return undefined;
  const tensors = differingTensors(first, second, isWhole);
  return tensors.length > 0 || isAlike ? { structure: 'tensors', tensors } : undefined;
}

function sameTensors(first: readonly TensorSpec[], second: readonly TensorSpec[]): boolean {
  return first.length === second.length && first.every((tensor, index) => sameTensor(tensor, second[index]));
}

function sameTensor({ name, dtype, shape }: TensorSpec, other: TensorSpec | undefined): boolean {
  if (other?.name !== name || other.dtype !== dtype || other.shape.length !== shape.length) return false;
  return shape.every((size, dimension) => size === other.shape[dimension]);
}

/** Buffers that are not persistent stand in no state dict, and a graph has those that it uses. */
function differingTensors(first: ModuleSpec, second: ModuleSpec, isWhole: Pair<boolean>): readonly TensorChange[] {
  const [ones, others] = [tensorsOf(first), tensorsOf(second)];
  const isTold = (tensor: TensorSpec, owner: ModuleSpec, isListed: boolean): boolean =>
    isListed || !owner.buffers.includes(tensor);
  return [
    ...ones.flatMap((tensor): TensorChange[] => {
      const other = others.find(({ name }) => name === tensor.name);
      const isSame = other === undefined ? !isTold(tensor, first, isWhole[1]) : sameTensor(tensor, other);
      return isSame ? [] : [{ name: tensor.name, tensors: [tensor, other] }];
    }),
    ...others
      .filter((tensor) => !ones.some(({ name }) => name === tensor.name) && isTold(tensor, second, isWhole[0]))
      .map((tensor): TensorChange => ({ name: tensor.name, tensors: [undefined, tensor] })),
  ];
}

function tensorsOf({ parameters, buffers }: ModuleSpec): readonly TensorSpec[] {
  return [...parameters, ...buffers];
}

/** The number of features is left out: the tensors' shapes say it. What a file does not store is null, and no difference. */
function differingOptions(first: ModuleSpec, second: ModuleSpec): readonly OptionChange[] {
  const [one, other] = [optionsOf(first), optionsOf(second)];
  return Object.entries(one).flatMap(([name, value]): OptionChange[] => {
    const counterpart = other[name];
    const isSame = value === undefined || counterpart === undefined || value === counterpart;
    return isSame ? [] : [{ name, values: [value, counterpart] }];
  });
}

type Options = Readonly<Record<string, number | boolean | null | undefined>>;

/** By torch's names; undefined where the file has it not. */
function optionsOf({ batchNorm, instanceNorm, dropout }: ModuleSpec): Options {
  const norm = batchNorm ?? instanceNorm;
  if (norm !== undefined) return normOptions(norm);
  return dropout === undefined ? {} : { p: dropout.p ?? undefined };
}

function normOptions({ eps, momentum, cumulative, affine, trackRunningStats }: NormSpec): Options {
  return {
    eps: eps ?? undefined,
    momentum: cumulative ? null : (momentum ?? undefined),
    affine: affine ?? undefined,
    track_running_stats: trackRunningStats,
  };
}
