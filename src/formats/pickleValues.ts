// What a pickle holds beyond plain values, as objects that only say what they are; and who gives them a meaning.

import { Dict, OpaqueValue, type Tuple, type Value } from '../runtime/program';
import type { TensorMaker } from './tensorCalls';

/** A class or function that the pickle names. It is never imported. */
export class PickleGlobal extends OpaqueValue {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {
    super(module === '' ? name : `${module}.${name}`);
  }
}

/** An object of a class that we don't know: what Python would have passed to it. It is never constructed. */
export class PickleObject extends OpaqueValue {
  /** The state given to `__setstate__` or `__dict__`. */
  state: Value | undefined;
  /** Items of a list or set subclass. */
  readonly items: Value[] = [];
  /** Items of a dict subclass. */
  readonly dict = new Dict();

  constructor(
    readonly callable: Value,
    readonly args: Value,
  ) {
    super(callable instanceof OpaqueValue ? callable.typeName : 'object');
  }
}

/** Python's bytes and bytearray. */
export class PickleBytes extends OpaqueValue {
  constructor(readonly bytes: Uint8Array) {
    super('bytes');
  }
}

/** True or False, and the one byte of the pickle that says which. */
export class MarkedBoolean extends OpaqueValue {
  constructor(
    readonly value: boolean,
    /** From the start of the bytes that were unpickled. */
    readonly offset: number,
    readonly trueByte: number,
    readonly falseByte: number,
  ) {
    super('bool');
  }
}

/** Gives the calls in a pickle their meaning. Methods only look at their arguments; whatever is unknown becomes inert. */
export interface PickleHost {
  /** A class or function by name. */
  global(module: string, name: string): Value;
  /** `callable(*args)`; TorchScript passes enum values without a tuple. */
  reduce(callable: Value, args: Value): Value;
  /** `cls.__new__(cls, *args)`. */
  newObject(cls: Value, args: Value): Value;
  /** Sets the state of what {@link newObject} or {@link reduce} returned. */
  build(object: Value, state: Value): void;
  /** What the writer kept outside the pickle: for torch, a storage. */
  persistent(id: Value): Value;
  /** Where it is there, calls that make tensors may come to it whole, instead of as globals, persistent ids and reductions. */
  readonly tensors?: TensorMaker;
}

/** The host to which everything is unknown. */
export class InertHost implements PickleHost {
  private readonly globals = new Map<string, Value>();

  global(module: string, name: string): Value {
    const key = `${module} ${name}`;
    const known = this.globals.get(key);
    if (known !== undefined) return known;
    const made = this.makeGlobal(module, name);
    this.globals.set(key, made);
    return made;
  }

  protected makeGlobal(module: string, name: string): Value {
    return new PickleGlobal(module, name);
  }

  reduce(callable: Value, args: Value): Value {
    if (callable instanceof PickleGlobal && callable.typeName === 'collections.OrderedDict') return new Dict();
    return new PickleObject(callable, args);
  }

  newObject(cls: Value, args: Value): Value {
    return new PickleObject(cls, args);
  }

  build(object: Value, state: Value): void {
    if (object instanceof PickleObject) object.state = state;
  }

  persistent(id: Value): Value {
    return new PickleObject(new PickleGlobal('', 'persistent'), id);
  }
}

/** The `index`-th item of call arguments, or undefined. */
export function argument(args: Value, index: number): Value | undefined {
  return (args as Partial<Tuple> | null)?.items?.[index];
}
