// Matching a call to a schema, and reading the matched arguments as what they are.

import type { DType } from '../../model/dtype';
import { dtypeOfCode } from '../scalarTypes';
import { Tensor } from '../tensor';
import { Device, type Value } from '../values';
import type { ArgumentType, Schema } from './schema';

export type Scalar = bigint | number | boolean;

/** The arguments of one call, in the order of the schema, every default filled in. Reading by name; types were checked when matched. */
export class Arguments {
  constructor(
    readonly schema: Schema,
    readonly values: readonly Value[],
  ) {}

  value(name: string): Value {
    const index = this.schema.indexOf.get(name);
    if (index === undefined) throw new Error(`${this.schema.text} has no argument ${name}`);
    return this.values[index] as Value;
  }

  has(name: string): boolean {
    return this.value(name) !== null;
  }

  tensor(name: string): Tensor {
    return this.value(name) as Tensor;
  }

  optionalTensor(name: string): Tensor | null {
    return this.value(name) as Tensor | null;
  }

  tensors(name: string): readonly Tensor[] {
    return this.value(name) as Tensor[];
  }

  optionalTensors(name: string): readonly (Tensor | null)[] {
    return this.value(name) as (Tensor | null)[];
  }

  int(name: string): number {
    return Number(this.value(name));
  }

  optionalInt(name: string): number | null {
    const value = this.value(name);
    return value === null ? null : Number(value);
  }

  /** A list of ints; a single number was repeated to the size that the schema gives. */
  ints(name: string): readonly number[] {
    return (this.value(name) as Value[]).map(Number);
  }

  optionalInts(name: string): readonly number[] | null {
    return this.has(name) ? this.ints(name) : null;
  }

  float(name: string): number {
    return Number(this.value(name));
  }

  optionalFloat(name: string): number | null {
    const value = this.value(name);
    return value === null ? null : Number(value);
  }

  floats(name: string): readonly number[] {
    return (this.value(name) as Value[]).map(Number);
  }

  optionalFloats(name: string): readonly number[] | null {
    return this.has(name) ? this.floats(name) : null;
  }

  scalar(name: string): Scalar {
    return this.value(name) as Scalar;
  }

  optionalScalar(name: string): Scalar | null {
    return this.value(name) as Scalar | null;
  }

  bool(name: string): boolean {
    return this.value(name) === true;
  }

  string(name: string): string {
    return this.value(name) as string;
  }

  optionalString(name: string): string | null {
    return this.value(name) as string | null;
  }

  /** @throws AppError for a dtype that the runtime lacks (complex, quantised). */
  dtype(name: string): DType | null {
    const value = this.value(name);
    return value === null ? null : dtypeOfCode(value as bigint);
  }
}

/** Fills the schema's arguments from a call, or returns undefined where they don't fit. `strict` refuses int for float. */
export function matchArguments(
  schema: Schema,
  positional: readonly Value[],
  keywords: ReadonlyMap<string, Value>,
  strict: boolean,
): Arguments | undefined {
  const { args } = schema;
  if (positional.length > args.length) return undefined;
  const values = new Array<Value>(args.length);
  let used = 0;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as (typeof args)[number];
    let value: Value | undefined;
    if (i < positional.length) {
      // Serialized code passes keyword-only arguments by position too where it prints a schema it does not know by name.
      value = positional[i];
    } else if (keywords.has(arg.name)) {
      value = keywords.get(arg.name);
      used++;
    } else {
      value = arg.defaultValue;
    }
    if (value === undefined) return undefined;
    const fitted = fit(value, arg.type, strict);
    if (fitted === undefined) return undefined;
    values[i] = fitted;
  }
  return used === keywords.size ? new Arguments(schema, values) : undefined;
}

/** The value as the schema's type wants it, or undefined where it is of another type. */
function fit(value: Value, type: ArgumentType, strict: boolean): Value | undefined {
  if (value === null) return type.optional || type.base === 'any' ? null : undefined;
  if (type.list === undefined) return fitsBase(value, type, strict) ? value : undefined;
  const { list } = type;
  if (Array.isArray(value)) {
    const ok = value.every((item) => (item === null ? list.optionalElements : fitsBase(item, type, strict)));
    if (!ok) return undefined;
    // torch repeats a list of one where the schema names a larger size.
    return value.length === 1 && list.size !== undefined && list.size > 1
      ? repeat(value[0] as Value, list.size)
      : value;
  }
  if (list.size === undefined || !fitsBase(value, type, strict)) return undefined;
  return repeat(value, list.size);
}

function repeat(value: Value, count: number): Value[] {
  return new Array<Value>(count).fill(value);
}

function fitsBase(value: Value, type: ArgumentType, strict: boolean): boolean {
  switch (type.base) {
    case 'Tensor':
      return value instanceof Tensor;
    case 'Scalar':
      return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint' || (!strict && typeof value === 'boolean');
    case 'float':
      return typeof value === 'number' || (!strict && typeof value === 'bigint');
    case 'bool':
      return typeof value === 'boolean';
    case 'str':
      return typeof value === 'string';
    case 'dtype':
      return typeof value === 'bigint';
    case 'Device':
      return value instanceof Device || typeof value === 'string';
    case 'any':
      return true;
  }
}
