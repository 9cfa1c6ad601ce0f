// Checks what a pickle built before anything walks it: no cycles, no explosion of shared parts; and reports what can't be used.

import type { Problem } from '../model/description';
import { Dict, OpaqueValue, ScriptObject, Tensor, Tuple, type Value } from '../runtime/program';
import { beyondLimit, damaged } from './byteSource';
import { PickleGlobal, PickleObject } from './pickleValues';
import { UnreadableTensor } from './storages';

const MAX_DEPTH = 500;
/** Objects counted under each of their paths: two references on each of 30 levels make a billion. */
const MAX_PATHS = 2_000_000;
const MAX_PROBLEMS = 100;

interface Frame {
  readonly value: object;
  readonly name: string;
  readonly children: Iterator<readonly [string, Value]>;
  paths: number;
}

/**
 * The values inside `root` that can't be used, each at its first path. Recursion and enumeration of paths are safe afterwards.
 * @throws AppError `corrupt` for an object that contains itself, `limit-exceeded` for too many paths or too deep a nesting.
 */
export function checkObjectGraph(root: Value, fileName: string): Problem[] {
  const problems: Problem[] = [];
  /** Paths below each finished container; 0 while it is still open. */
  const paths = new Map<object, number>();
  const frames: Frame[] = [];
  const report = (value: Value, name: string): void => {
    const message = unusable(value);
    if (message === undefined || problems.length >= MAX_PROBLEMS) return;
    const path = [...frames.slice(1).map((frame) => frame.name), name].join('.');
    problems.push({ message: path === '' ? message : `${path}: ${message}`, path });
  };
  const enter = (value: Value, name: string): number => {
    if (typeof value !== 'object' || value === null || value instanceof Tensor) return 0;
    if (value instanceof OpaqueValue) report(value, name);
    const children = childrenOf(value);
    if (children === undefined) return 0;
    const known = paths.get(value);
    if (known === 0)
      throw damaged(fileName, `its object ${frames.map((frame) => frame.name).join('.')} contains itself`);
    if (known !== undefined) return known;
    if (frames.length >= MAX_DEPTH) throw beyondLimit(fileName, `its objects are nested more than ${MAX_DEPTH} deep`);
    paths.set(value, 0);
    frames.push({ value, name, children, paths: 1 });
    return 0;
  };
  enter(root, '');
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const next = frame.children.next();
    if (next.done !== true) {
      frame.paths += enter(next.value[1], next.value[0]);
      continue;
    }
    if (frame.paths > MAX_PATHS)
      throw beyondLimit(fileName, `its objects are shared under more than ${MAX_PATHS} paths`);
    paths.set(frame.value, frame.paths);
    frames.pop();
    const parent = frames.at(-1);
    if (parent !== undefined) parent.paths += frame.paths;
  }
  return problems;
}

function childrenOf(value: Value): Iterator<readonly [string, Value]> | undefined {
  if (value instanceof ScriptObject) return value.attributes.entries();
  if (value instanceof Dict) return dictItems(value);
  if (value instanceof Tuple) return listItems(value.items);
  return Array.isArray(value) ? listItems(value) : undefined;
}

function* listItems(items: readonly Value[]): Generator<readonly [string, Value]> {
  for (let i = 0; i < items.length; i++) yield [String(i), items[i]!];
}

function* dictItems(dict: Dict): Generator<readonly [string, Value]> {
  for (const [key, value] of dict.entries) {
    const name = typeof key === 'object' && key !== null ? 'key' : String(key);
    yield [name, key];
    yield [name, value];
  }
}

function unusable(value: Value): string | undefined {
  if (value instanceof UnreadableTensor) return `this tensor can't be used: ${value.reason}`;
  if (value instanceof PickleObject) return `this object of ${value.typeName} can't be used`;
  if (value instanceof PickleGlobal) return `this reference to ${value.typeName} can't be used`;
  return undefined;
}
