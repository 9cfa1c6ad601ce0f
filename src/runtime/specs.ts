// Values that a file stores, as the plain data that describes a module.

import type { TensorSpec } from '../model/module';
import { Tensor } from './tensor';
import type { Value } from './values';

/** The tensors among named values; what is none, or can't be read, is left out. */
export function tensorSpecs(values: Iterable<readonly [name: string, value: Value | undefined]>): TensorSpec[] {
  const specs: TensorSpec[] = [];
  for (const [name, value] of values) {
    if (value instanceof Tensor) specs.push({ name, dtype: value.dtype, shape: value.shape });
  }
  return specs;
}

/**
 * The same with equal specs and equal lists as one object: a model repeats its layers, and what is one object is sent to another
 * thread once.
 */
export class SharedSpecs {
  private readonly byShape = new Map<readonly number[], TensorSpec[]>();
  private readonly byFirst = new Map<TensorSpec, (readonly TensorSpec[])[]>();

  of(values: ReadonlyMap<string, Value>): readonly TensorSpec[] {
    if (values.size === 0) return noSpecs;
    const specs: TensorSpec[] = [];
    for (const [name, value] of values) if (value instanceof Tensor) specs.push(this.spec(name, value));
    const [first] = specs;
    if (first === undefined) return noSpecs;
    const lists = listAt(this.byFirst, first);
    const known = lists.find((list) => list.length === specs.length && list.every((spec, i) => spec === specs[i]));
    if (known === undefined && lists.length < maxAlike) lists.push(specs);
    return known ?? specs;
  }

  private spec(name: string, { dtype, shape }: Tensor): TensorSpec {
    const specs = listAt(this.byShape, shape);
    for (const spec of specs) if (spec.name === name && spec.dtype === dtype) return spec;
    const made = { name, dtype, shape };
    if (specs.length < maxAlike) specs.push(made);
    return made;
  }
}

const noSpecs: readonly TensorSpec[] = [];
/** Specs of one shape, or lists with the same first spec, that are searched for an equal one. */
const maxAlike = 64;

function listAt<K, T>(lists: Map<K, T[]>, key: K): T[] {
  let list = lists.get(key);
  if (list === undefined) lists.set(key, (list = []));
  return list;
}

/** A number of either of Python's kinds. */
export function numberOrNull(value: Value | undefined): number | null {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

/** The shape of a tensor; undefined for every other value. */
export function shapeOf(value: Value | undefined): readonly number[] | undefined {
  return value instanceof Tensor ? value.shape : undefined;
}
