// What a forward is given and returns: nested values, their tensors, and summaries of them.

import { summarise, type OutputSummary } from '../model/statistics';
import type { OutputArray } from '../protocol/engine';
import { Tensor } from '../runtime/tensor';
import { Dict, Tuple, typeName, type Value } from '../runtime/values';

/** Summaries of every tensor in the returned structure, and their elements where they are kept. */
export function summariseOutputs(output: Value, keep: boolean): { summaries: OutputSummary[]; arrays: OutputArray[] } {
  const summaries: OutputSummary[] = [];
  const arrays: OutputArray[] = [];
  const visit = (value: Value, name: string): void => {
    const below = (key: string): string => (name === '' ? key : `${name}.${key}`);
    if (value instanceof Tensor) {
      summaries.push({ name, shape: value.shape, dtype: value.dtype, ...summarise(value.toNumbers()) });
      if (keep) arrays.push({ shape: value.shape, dtype: value.dtype, bytes: value.toBytes() });
    } else if (value instanceof Tuple)
      value.items.forEach((item, i) => {
        visit(item, below(value.fieldNames?.[i] ?? String(i)));
      });
    else if (Array.isArray(value))
      value.forEach((item, i) => {
        visit(item, below(String(i)));
      });
    else if (value instanceof Dict)
      for (const [key, item] of value.entries)
        visit(item, below(typeof key === 'object' ? typeName(key) : String(key)));
  };
  visit(output, '');
  return { summaries, arrays };
}

/** All tensors of nested values, in order. */
export function tensorsIn(values: readonly Value[]): Tensor[] {
  return values.flatMap((value) => {
    if (value instanceof Tensor) return [value];
    if (value instanceof Tuple) return tensorsIn(value.items);
    if (value instanceof Dict) return tensorsIn([...value.entries.values()]);
    return Array.isArray(value) ? tensorsIn(value) : [];
  });
}

/** The same nested value over copies of its tensors. */
export function cloneValue(value: Value): Value {
  if (value instanceof Tensor) return value.clone();
  if (value instanceof Tuple) return new Tuple(value.items.map(cloneValue), value.fieldNames);
  if (Array.isArray(value)) return value.map(cloneValue);
  if (!(value instanceof Dict)) return value;
  const copy = new Dict();
  for (const [key, item] of value.entries) copy.entries.set(key, cloneValue(item));
  return copy;
}
