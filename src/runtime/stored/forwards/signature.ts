// Signatures of forwards, and the arguments of one call.

import { AppError } from '../../../util/errors';
import { Tensor } from '../../tensor';
import { itemsOf, Tuple, typeName, type Value } from '../../values';

/** One parameter of a forward, `self` left aside. */
export interface Parameter {
  readonly name: string;
  /** As a TorchScript signature has it: `Tensor`, `Optional[Tensor]`, `bool`. */
  readonly type: string;
  /** undefined: it has to be given. */
  readonly defaultValue?: Value;
}

export const required = (name: string): Parameter => ({ name, type: 'Tensor' });
export const optional = (name: string, type = 'Optional[Tensor]'): Parameter => ({ name, type, defaultValue: null });
export const flag = (name: string, defaultValue: boolean): Parameter => ({ name, type: 'bool', defaultValue });

/** Values of a call by the parameters' names. Readers throw AppError `bad-input` where one is of another type. */
export class Arguments {
  private constructor(private readonly values: ReadonlyMap<string, Value>) {}

  /** In the order of the parameters. */
  get all(): Value[] {
    return [...this.values.values()];
  }

  /** @throws AppError `bad-input` for too many, too few or unknown arguments. */
  static bind(
    parameters: readonly Parameter[],
    positional: readonly Value[],
    keywords: Readonly<Record<string, Value>>,
  ): Arguments {
    if (positional.length > parameters.length) {
      throw new AppError('bad-input', `forward() takes ${parameters.length} arguments, got ${positional.length}`);
    }
    const given = new Map(Object.entries(keywords));
    const values = new Map<string, Value>();
    for (const [i, { name, defaultValue }] of parameters.entries()) {
      const value = i < positional.length ? positional[i] : (given.get(name) ?? defaultValue);
      if (value === undefined) throw new AppError('bad-input', `forward() is missing a value for argument '${name}'`);
      values.set(name, value);
      given.delete(name);
    }
    for (const name of given.keys()) throw new AppError('bad-input', `forward() has no argument '${name}'`);
    return new Arguments(values);
  }

  value(name: string): Value {
    return this.values.get(name) ?? null;
  }

  tensor(name: string): Tensor {
    const value = this.value(name);
    return value instanceof Tensor ? value : wrong(name, 'Tensor', value);
  }

  optionalTensor(name: string): Tensor | null {
    return this.value(name) === null ? null : this.tensor(name);
  }

  /** A pair of tensors, as the states of an LSTM. */
  optionalPair(name: string): readonly [Tensor, Tensor] | null {
    const value = this.value(name);
    if (value === null) return null;
    const [first, second, third] = value instanceof Tuple ? value.items : Array.isArray(value) ? value : [];
    if (!(first instanceof Tensor) || !(second instanceof Tensor) || third !== undefined) {
      return wrong(name, 'Tuple[Tensor, Tensor]', value);
    }
    return [first, second];
  }

  bool(name: string): boolean {
    const value = this.value(name);
    return typeof value === 'boolean' ? value : wrong(name, 'bool', value);
  }

  optionalBool(name: string): boolean | null {
    return this.value(name) === null ? null : this.bool(name);
  }

  optionalInts(name: string): readonly number[] | null {
    const value = this.value(name);
    if (value === null) return null;
    const items = itemsOf(value);
    if (!items?.every((item) => typeof item === 'bigint')) {
      return wrong(name, 'List[int]', value);
    }
    return items.map(Number);
  }
}

function wrong(name: string, type: string, value: Value): never {
  throw new AppError('bad-input', `forward() takes a ${type} for '${name}', but was given a ${typeName(value)}`);
}
