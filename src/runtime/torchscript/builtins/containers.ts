// Lists, tuples and dicts.

import { AppError } from '../../../util/errors';
import { Tensor } from '../../tensor';
import { Dict, ScriptObject, Tuple, type Value } from '../../values';
import { text } from './strings';
import { noMatch, type Builtin } from './types';

type ListFunction = (list: Value[], ...rest: Value[]) => Value | typeof noMatch;

/** A function whose first argument is a list. */
function ofList(compute: ListFunction): Builtin {
  return ([list, ...rest]) => (Array.isArray(list) ? compute(list, ...rest) : noMatch);
}

function ofDict(compute: (dict: Dict, ...rest: Value[]) => Value | typeof noMatch): Builtin {
  return ([dict, ...rest]) => (dict instanceof Dict ? compute(dict, ...rest) : noMatch);
}

function either(...builtins: readonly Builtin[]): Builtin {
  return async (args, interpreter, keywords) => {
    for (const builtin of builtins) {
      const result = await builtin(args, interpreter, keywords);
      if (result !== noMatch) return result;
    }
    return noMatch;
  };
}

/** A list index as Python takes it, from the end where negative. */
function position(index: Value | undefined, length: number): number {
  const given = Number(index);
  const result = given < 0 ? given + length : given;
  if (!Number.isInteger(result) || result < 0 || result >= length) {
    throw new AppError('program-error', 'IndexError: list index out of range');
  }
  return result;
}

function items(value: Value | undefined): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** Python's `==` for everything that is no tensor. */
export function equal(a: Value, b: Value): boolean {
  const [left, right] = [items(a), items(b)];
  if (left !== undefined && right !== undefined) {
    return left.length === right.length && left.every((item, i) => equal(item, right[i] as Value));
  }
  if (a instanceof Dict && b instanceof Dict) {
    return (
      a.entries.size === b.entries.size &&
      [...a.entries].every(([key, value]) => b.entries.has(key) && equal(value, b.entries.get(key) as Value))
    );
  }
  if ((typeof a === 'number' || typeof a === 'bigint') && (typeof b === 'number' || typeof b === 'bigint'))
    return Number(a) === Number(b);
  return a === b;
}

/** `slice(list, start, end, step)`, with None for what is left out. */
function slice(
  list: readonly Value[],
  start: Value | undefined,
  end: Value | undefined,
  step: Value | undefined,
): Value[] {
  const by = Number(step ?? 1n);
  if (by === 0) throw new AppError('program-error', 'ValueError: slice step cannot be zero');
  const clamp = (value: Value | undefined, fallback: number): number => {
    if (value === undefined || value === null) return fallback;
    const index = Number(value);
    const [low, high] = by > 0 ? [0, list.length] : [-1, list.length - 1];
    return Math.min(high, Math.max(low, index < 0 ? index + list.length : index));
  };
  const from = clamp(start, by > 0 ? 0 : list.length - 1);
  const to = clamp(end, by > 0 ? list.length : -1);
  const result: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) result.push(list[i] as Value);
  return result;
}

function compare(a: Value, b: Value): number {
  const [left, right] = [items(a), items(b)];
  if (left !== undefined && right !== undefined) {
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const order = compare(left[i] as Value, right[i] as Value);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

function lookUp(dict: Dict, key: Value): Value {
  const value = dict.entries.get(key);
  if (value === undefined) throw new AppError('program-error', `KeyError: ${text(key)}`);
  return value;
}

function indexOf(list: readonly Value[], value: Value | undefined): number {
  return list.findIndex((item) => equal(item, value as Value));
}

/** The index of an element that must be there. */
function foundIn(list: readonly Value[], value: Value | undefined): number {
  const found = indexOf(list, value);
  if (found < 0) throw new AppError('program-error', 'ValueError: value is not in list');
  return found;
}

/** A list is refused before it grows so large that V8 would end the process. */
const maxListLength = 2 ** 25;

function checkedLength(length: number): number {
  if (length <= maxListLength) return length;
  throw new AppError('limit-exceeded', `The code makes a list of more than ${maxListLength} elements`);
}

/** Without spreading into arguments, of which there can't be more than some hundred thousand. */
function appendAll(target: Value[], values: readonly Value[]): Value[] {
  const end = checkedLength(target.length + values.length);
  for (let i = 0; target.length < end; i++) target.push(values[i] as Value);
  return target;
}

function fill(target: Value[], values: readonly Value[]): null {
  const copy = [...values];
  target.length = 0;
  appendAll(target, copy);
  return null;
}

/** Comparisons that only lists, tuples and dicts take; numbers and strings come first, tensors later. */
function equality(negate: boolean): Builtin {
  return ([a, b]) => {
    const container = (value: Value | undefined): boolean => items(value) !== undefined || value instanceof Dict;
    if (a === undefined || b === undefined || !container(a) || !container(b)) return noMatch;
    return equal(a, b) !== negate;
  };
}

function isNumber(value: Value): boolean {
  return typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number';
}

const listTimes: ListFunction = (list, count) => {
  if (typeof count !== 'bigint') return noMatch;
  const copies = Math.max(0, Number(count));
  checkedLength(copies * list.length);
  return list.length === 0 ? [] : Array.from({ length: copies }, () => list).flat();
};

export const containerBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [
    'len',
    async ([value], interpreter) => {
      if (typeof value === 'string') return BigInt([...value].length);
      if (value instanceof Dict) return BigInt(value.entries.size);
      if (value instanceof Tensor) return BigInt(value.shape[0] ?? 0);
      if (value instanceof ScriptObject) return interpreter.callMethod(value, '__len__', [], new Map());
      const list = items(value);
      return list === undefined ? noMatch : BigInt(list.length);
    },
  ],
  ['append', ofList((list, value) => appendAll(list, [value]))],
  ['extend', ofList((list, values) => (appendAll(list, items(values) ?? []), null))],
  ['insert', ofList((list, index, value) => (list.splice(Number(index), 0, value), null))],
  [
    'clear',
    either(
      ofList((list) => fill(list, [])),
      ofDict((dict) => (dict.entries.clear(), null)),
    ),
  ],
  ['reverse', ofList((list) => (list.reverse(), null))],
  [
    'sort',
    ofList((list, reverse) =>
      fill(
        list,
        [...list].sort((a, b) => (reverse === true ? compare(b, a) : compare(a, b))),
      ),
    ),
  ],
  ['sorted', ofList((list) => [...list].sort(compare))],
  ['count', ofList((list, value) => BigInt(list.filter((item) => equal(item, value)).length))],
  ['index', ofList((list, value) => BigInt(foundIn(list, value)))],
  ['remove', ofList((list, value) => (list.splice(foundIn(list, value), 1), null))],
  [
    'pop',
    either(
      ofList((list, index?: Value) => list.splice(position(index ?? -1n, list.length), 1)[0] as Value),
      ofDict((dict, key, fallback?: Value) => {
        const value = dict.entries.get(key) ?? fallback;
        if (value === undefined) return lookUp(dict, key);
        dict.entries.delete(key);
        return value;
      }),
    ),
  ],
  [
    'copy',
    either(
      ofList((list) => [...list]),
      ofDict((dict) => copyOf(dict)),
    ),
  ],
  [
    'list',
    ([value]) =>
      typeof value === 'string'
        ? [...value]
        : value instanceof Dict
          ? [...value.entries.keys()]
          : [...(items(value) ?? [])],
  ],
  ['add', ofList((list, other) => (Array.isArray(other) ? appendAll([...list], other) : noMatch))],
  ['add_', ofList((list, other) => (Array.isArray(other) ? appendAll(list, other) : noMatch))],
  [
    'mul',
    either(ofList(listTimes), ([count, list]) => (Array.isArray(list) ? listTimes(list, count as Value) : noMatch)),
  ],
  ['mul_', ofList((list, count) => (fill(list, listTimes(list, count) as Value[]), list))],
  ['eq', equality(false)],
  ['ne', equality(true)],
  ['lt', ([a, b]) => (Array.isArray(a) && Array.isArray(b) ? compare(a, b) < 0 : noMatch)],
  ['gt', ([a, b]) => (Array.isArray(a) && Array.isArray(b) ? compare(a, b) > 0 : noMatch)],
  ['slice', ([value, start, end, step]) => sliceOf(value, start, end, step)],
  [
    '__getitem__',
    async ([container, key], interpreter) => {
      if (container instanceof Dict) return lookUp(container, key as Value);
      if (container instanceof Tuple) return container.items[position(key, container.items.length)] as Value;
      if (Array.isArray(container)) return container[position(key, container.length)] as Value;
      if (typeof container === 'string') return [...container][position(key, [...container].length)] as string;
      if (container instanceof ScriptObject)
        return interpreter.callMethod(container, '__getitem__', [key as Value], new Map());
      if (container instanceof Tensor && typeof key === 'bigint')
        return interpreter.callBuiltinOrOperator('select', [container, 0n, key], new Map());
      return noMatch;
    },
  ],
  [
    '_set_item',
    async ([container, key, value], interpreter) => {
      if (container instanceof Dict) container.entries.set(key as Value, value as Value);
      else if (Array.isArray(container)) container[position(key, container.length)] = value as Value;
      else if (container instanceof ScriptObject)
        await interpreter.callMethod(container, '__setitem__', [key as Value, value as Value], new Map());
      else return noMatch;
      return null;
    },
  ],
  [
    'Delete',
    ([container, key]) => {
      if (container instanceof Dict) {
        lookUp(container, key as Value);
        container.entries.delete(key as Value);
      } else if (Array.isArray(container)) container.splice(position(key, container.length), 1);
      else return noMatch;
      return null;
    },
  ],
  [
    '__contains__',
    ([container, value]) => {
      if (container instanceof Dict) return container.entries.has(value as Value);
      if (typeof container === 'string') return container.includes(value as string);
      const list = items(container);
      return list === undefined ? noMatch : indexOf(list, value) >= 0;
    },
  ],
  [
    '__in__',
    ([value, container], interpreter) =>
      interpreter.callBuiltinOrOperator('__contains__', [container as Value, value as Value], new Map()),
  ],
  ['keys', ofDict((dict) => [...dict.entries.keys()])],
  ['values', ofDict((dict) => [...dict.entries.values()])],
  ['items', ofDict((dict) => [...dict.entries].map((entry) => new Tuple(entry)))],
  ['get', ofDict((dict, key, fallback?: Value) => dict.entries.get(key) ?? fallback ?? null)],
  ['setdefault', ofDict((dict, key, value) => dict.entries.get(key) ?? (dict.entries.set(key, value), value))],
  ['update', ofDict((dict, other) => (other instanceof Dict ? (mergeInto(dict, other), null) : noMatch))],
  ['popitem', ofDict((dict) => popItem(dict))],
  [
    'dict',
    ([value]) => {
      if (value instanceof Dict) return copyOf(value);
      const dict = new Dict();
      for (const pair of items(value) ?? [])
        dict.entries.set((pair as Tuple).items[0] as Value, (pair as Tuple).items[1] as Value);
      return dict;
    },
  ],
  [
    'prim.TupleIndex',
    ([tuple, index]) =>
      tuple instanceof Tuple ? (tuple.items[position(index, tuple.items.length)] as Value) : noMatch,
  ],
  [
    'sum',
    ofList((list) =>
      list.every((item) => typeof item === 'bigint' || typeof item === 'number') ? sumOf(list) : noMatch,
    ),
  ],
  ['any', ofList((list) => (list.every(isNumber) ? list.some(Boolean) : noMatch))],
  ['all', ofList((list) => (list.every(isNumber) ? list.every(Boolean) : noMatch))],
]);

function sliceOf(value: Value | undefined, start?: Value, end?: Value, step?: Value): Value | typeof noMatch {
  if (typeof value === 'string') return (slice([...value], start, end, step) as string[]).join('');
  if (value instanceof Tuple) return new Tuple(slice(value.items, start, end, step));
  return Array.isArray(value) ? slice(value, start, end, step) : noMatch;
}

function copyOf(dict: Dict): Dict {
  const copy = new Dict();
  mergeInto(copy, dict);
  return copy;
}

function mergeInto(target: Dict, source: Dict): void {
  for (const [key, value] of source.entries) target.entries.set(key, value);
}

function popItem(dict: Dict): Value {
  const last = [...dict.entries].at(-1);
  if (last === undefined) throw new AppError('program-error', 'KeyError: dictionary is empty');
  dict.entries.delete(last[0]);
  return new Tuple(last);
}

function sumOf(list: readonly Value[]): Value {
  if (list.every((item) => typeof item === 'bigint')) return list.reduce((sum, item) => sum + item, 0n);
  let sum = 0;
  for (const item of list) sum += Number(item);
  return sum;
}
