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

/** A number of either of Python's kinds. */
export function numberOrNull(value: Value | undefined): number | null {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

/** The shape of a tensor; undefined for every other value. */
export function shapeOf(value: Value | undefined): readonly number[] | undefined {
  return value instanceof Tensor ? value.shape : undefined;
}
