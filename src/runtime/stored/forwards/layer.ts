// What the forward of a layer has at hand: the stored module's options, tensors and children, and the operators.

import type { RunContext } from '../../context';
import type { OperatorTable } from '../../operators/registry';
import type { StoredModule } from '../../program';
import { Tensor } from '../../tensor';
import { itemsOf, OpaqueValue, typeName, type Value } from '../../values';
import { AppError } from '../../../util/errors';
import type { Arguments, Parameter } from './signature';

/** How modules of one class run, as the class's `forward` in torch's own source says. */
export interface LayerForward {
  readonly parameters: readonly Parameter[];
  /** The child whose parameters it has, where it only passes its arguments on. */
  readonly delegate?: string;
  /** The modules whose forwards it calls, by their paths below the module; absent where it calls none. */
  readonly calls?: (module: StoredModule) => ReadonlyMap<string, StoredModule>;
  /** A shape that this argument may have, where the module itself tells. */
  readonly suggest?: (module: StoredModule, parameter: string) => readonly number[] | undefined;
  readonly run: (layer: Layer, args: Arguments) => Value | Promise<Value>;
}

/** Forwards of one file of torch.nn.modules, by class name. */
export type Family = Readonly<Record<string, LayerForward>>;

/** Runs one module on arguments; `path` is where the forward met it. */
export type CallModule = (
  module: StoredModule,
  path: string,
  args: readonly Value[],
  keywords: Readonly<Record<string, Value>>,
) => Promise<Value>;

/** What all modules of one forward share. */
export interface Run {
  readonly operators: OperatorTable;
  readonly context: RunContext;
  readonly callModule: CallModule;
}

const noKeywords: ReadonlyMap<string, Value> = new Map();

/**
 * A stored module while it runs. Options come from a file: each is checked when it is read.
 * All readers throw AppError `corrupt` for what is missing or of another type; `fallback` stands for what older files lack.
 */
export class Layer {
  constructor(
    readonly module: StoredModule,
    readonly path: string,
    private readonly shared: Run,
  ) {}

  get training(): boolean {
    if (this.module.training === null) throw corrupt("the file stores no 'training' for it");
    return this.module.training;
  }

  get gradEnabled(): boolean {
    return this.shared.context.gradEnabled;
  }

  option(name: string, fallback?: Value): Value {
    const value = this.module.attributes.get(name);
    // None is stored as null, which is a value.
    if (value !== undefined) return value;
    if (fallback !== undefined) return fallback;
    throw corrupt(`the file stores no '${name}' for it`);
  }

  int(name: string, fallback?: bigint): bigint {
    const value = this.option(name, fallback);
    return typeof value === 'bigint' ? value : this.wrong(name, value, 'an int');
  }

  optionalInt(name: string, fallback: bigint | null = null): bigint | null {
    const value = this.option(name, fallback);
    return value === null ? null : this.int(name);
  }

  /** One int for all of `count` dimensions, or one for each. */
  ints(name: string, count: number, fallback?: Value): bigint[] {
    const value = this.option(name, fallback);
    if (typeof value === 'bigint') return new Array<bigint>(count).fill(value);
    const items = itemsOf(value);
    if (items?.length !== count || !items.every((item) => typeof item === 'bigint')) {
      return this.wrong(name, value, count === 1 ? 'an int' : `an int or ${count} ints`);
    }
    return [...items];
  }

  /** A tuple of ints of any length. */
  intList(name: string): bigint[] {
    const items = itemsOf(this.option(name));
    if (!items?.every((item) => typeof item === 'bigint')) return this.wrong(name, this.option(name), 'ints');
    return [...items];
  }

  /** An int is a float too, as in Python. */
  float(name: string, fallback?: number): number {
    const value = this.option(name, fallback);
    if (typeof value !== 'number' && typeof value !== 'bigint') return this.wrong(name, value, 'a float');
    return Number(value);
  }

  optionalFloat(name: string, fallback: number | null = null): number | null {
    return this.option(name, fallback) === null ? null : this.float(name);
  }

  bool(name: string, fallback?: boolean): boolean {
    const value = this.option(name, fallback);
    // Flags that somebody gave as 0 or 1 are stored so.
    if (typeof value === 'bigint') return value !== 0n;
    return typeof value === 'boolean' ? value : this.wrong(name, value, 'a bool');
  }

  string(name: string, fallback?: string): string {
    const value = this.option(name, fallback);
    return typeof value === 'string' ? value : this.wrong(name, value, 'a str');
  }

  /** A parameter or buffer; null where the module has None, or was made without it. */
  tensor(name: string): Tensor | null {
    const value = this.module.parameters.get(name) ?? this.module.buffers.get(name) ?? null;
    if (value === null || value instanceof Tensor) return value;
    const reason = value instanceof OpaqueValue ? value.reason : undefined;
    throw corrupt(`its '${name}' can't be used: ${reason ?? `it is a ${typeName(value)}`}`);
  }

  requiredTensor(name: string): Tensor {
    const tensor = this.tensor(name);
    if (tensor === null) throw corrupt(`the file stores no '${name}' for it`);
    return tensor;
  }

  child(name: string): Layer {
    const child = this.optionalChild(name);
    if (child === undefined) throw corrupt(`the file stores no module '${name}' in it`);
    return child;
  }

  optionalChild(name: string): Layer | undefined {
    const module = this.module.children.get(name);
    const path = this.path === '' ? name : `${this.path}.${name}`;
    return module === undefined ? undefined : new Layer(module, path, this.shared);
  }

  get children(): Layer[] {
    return [...this.module.children.keys()].map((name) => this.child(name));
  }

  /** Runs this module's own forward, whatever its class is. */
  forward(args: readonly Value[], keywords: Readonly<Record<string, Value>> = {}): Promise<Value> {
    return this.shared.callModule(this.module, this.path, args, keywords);
  }

  /** Runs the forward of a module that has to return one tensor. */
  async forwardTensor(...args: readonly Value[]): Promise<Tensor> {
    return oneTensor(await this.forward(args), `${this.path}.forward`);
  }

  /** An ATen operator, with its arguments in the order of its schema. */
  operator(name: string, ...args: readonly Value[]): Promise<Value> {
    return this.shared.operators.call(name, args, noKeywords, this.shared.context);
  }

  /** An ATen operator that returns one tensor. */
  async call(name: string, ...args: readonly Value[]): Promise<Tensor> {
    return oneTensor(await this.operator(name, ...args), name);
  }

  /** As `warnings.warn`. */
  warn(message: string): void {
    this.shared.context.messages.push(message);
  }

  wrong(name: string, value: Value, expected: string): never {
    throw corrupt(`its '${name}' should be ${expected}, but is ${describe(value)}`);
  }
}

function oneTensor(value: Value, name: string): Tensor {
  if (value instanceof Tensor) return value;
  throw new AppError('bad-input', `${name} returned a ${typeName(value)} where a Tensor is needed`);
}

/** What torch raises for an input that the layer does not take. */
export function refuse(message: string): never {
  throw new AppError('bad-input', message);
}

function corrupt(what: string): AppError {
  return new AppError('corrupt', `This module can't run: ${what}`, 'Save the model again.');
}

function describe(value: Value): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`;
  if (value instanceof Tensor) return `a Tensor of shape [${value.shape.join(', ')}]`;
  const isPlain = value === null || typeof value !== 'object';
  return isPlain ? `${String(value)} (${typeName(value)})` : `a ${typeName(value)}`;
}
