// Values of a running TorchScript program, as JavaScript values that keep Python's types apart.

import { Tensor } from './tensor';

/**
 * int is `bigint` (64 bits, exact), float is `number`, None is `null`, list is a JavaScript array (mutable and shared, as in
 * Python). dtype, layout and memory format are ints, as in serialized code.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Tensor
  | Value[]
  | Tuple
  | Dict
  | ScriptObject
  | Device
  | FunctionValue
  | OpaqueValue;

/** A tuple or NamedTuple; immutable. */
export class Tuple {
  constructor(
    readonly items: readonly Value[],
    readonly fieldNames?: readonly string[],
  ) {}
}

/** A dict in insertion order. Keys are compared as Python does: by value for numbers and strings, by identity for tensors. */
export class Dict {
  private items: Map<Value, Value> | undefined;
  /** Keys and values in turns, as a pickle has them, until somebody looks a key up. */
  private pending: Value[] | undefined;
  /** More of them: picklers write a thousand items at a time. */
  private morePending: Value[][] | undefined;

  /** Made at the first look: a file has thousands of dicts that nobody looks into. */
  get entries(): Map<Value, Value> {
    if (this.items === undefined) {
      const { pending = [], morePending = [] } = this;
      this.items = new Map<Value, Value>();
      this.pending = undefined;
      this.morePending = undefined;
      for (const list of [pending, ...morePending]) this.setAll(list);
    }
    return this.items;
  }

  /** Sets items, which are keys and values in turns; the list is the dict's from now on. */
  setAll(items: Value[]): void {
    if (this.items !== undefined) {
      for (let i = 0; i + 1 < items.length; i += 2) this.items.set(items[i]!, items[i + 1]!);
    } else if (this.pending === undefined) {
      this.pending = items;
    } else if (items.length >= itemsOfBatch) {
      (this.morePending ??= []).push(items);
    } else {
      const last = this.morePending?.at(-1) ?? this.pending;
      for (const item of items) last.push(item);
    }
  }

  /**
   * Lists of keys and values in turns, for who goes through them all. Until a key is looked up, one that was set twice comes twice, and
   * the later value counts.
   */
  lists(): readonly (readonly Value[])[] {
    if (this.items === undefined) return this.pending === undefined ? [] : [this.pending, ...(this.morePending ?? [])];
    const list: Value[] = [];
    for (const [key, value] of this.items) list.push(key, value);
    return [list];
  }

  /** True as soon as an item passes the test. Items come in the order of {@link lists}. */
  some(test: (key: Value, value: Value) => boolean): boolean {
    if (this.items !== undefined) {
      for (const [key, value] of this.items) if (test(key, value)) return true;
      return false;
    }
    for (const items of this.lists()) {
      for (let i = 0; i + 1 < items.length; i += 2) if (test(items[i]!, items[i + 1]!)) return true;
    }
    return false;
  }
}

/** Fewer are added to the list before: a list for each item would take more memory than the items. */
const itemsOfBatch = 64;

/** An instance of a class of the archive: a module, or an object of a `@torch.jit.script` class. */
export class ScriptObject {
  constructor(
    /** `__torch__.torch.nn.modules.batchnorm.BatchNorm2d`, mangling included. */
    readonly className: string,
    /** By name, in the order of the file. `training` is a boolean here where the object is a module. */
    readonly attributes: Map<string, Value>,
  ) {}
}

/** Attribute under which the state of an object is kept whose class sets it itself, in `__setstate__` or in C++. */
export const stateAttribute = '__state__';

export class Device {
  constructor(readonly name: string) {}
}

/** A free function or a bound method, held by name until it is called. */
export class FunctionValue {
  constructor(
    readonly qualifiedName: string,
    readonly self?: ScriptObject,
  ) {}
}

/** Something that the runtime passes around without looking inside: a generator, a stream, an object of a custom C++ class. */
export class OpaqueValue {
  constructor(
    readonly typeName: string,
    /** Why it can't be used, where that is no matter of its type: words that complete "it can't be used: …". */
    readonly reason?: string,
  ) {}
}

/** The items of a tuple or list; undefined for every other value. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  return value instanceof Tuple ? value.items : Array.isArray(value) ? value : undefined;
}

/** Python's name for the type of a value, for messages. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'string') return 'str';
  if (value instanceof Tensor) return 'Tensor';
  if (Array.isArray(value)) return value[0] === undefined ? 'List' : `List[${typeName(value[0])}]`;
  if (value instanceof Tuple) return `Tuple[${value.items.map(typeName).join(', ')}]`;
  if (value instanceof Dict) return 'Dict';
  if (value instanceof ScriptObject) return value.className;
  if (value instanceof Device) return 'Device';
  if (value instanceof FunctionValue) return 'Callable';
  return value.typeName;
}
