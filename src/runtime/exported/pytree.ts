// Nested containers as flat lists of leaves and back, as `torch.utils._pytree` does it.

import { AppError } from '../../util/errors';
import { Dict, itemsOf, Tuple, typeName, type Value } from '../values';
import type { TreeSpec } from './graph';

/** Number of leaves below a structure. */
export function leafCount(spec: TreeSpec): number {
  return spec.kind === 'leaf' ? 1 : spec.children.reduce((sum, child) => sum + leafCount(child), 0);
}

/** Paths of the leaves, from the names of the top-level children: `x`, `batch.image`, `states.0`. */
export function leafNames(spec: TreeSpec, name: string): string[] {
  if (spec.kind === 'leaf') return [name];
  return spec.children.flatMap((child, i) => {
    const own = spec.kind === 'dict' ? spec.keys[i] : spec.kind === 'tuple' ? spec.fieldNames?.[i] : undefined;
    return leafNames(child, `${name}.${own ?? i}`);
  });
}

/** The leaves of a value of this structure. @throws AppError `bad-input` where it has another one. */
export function flatten(spec: TreeSpec, value: Value, name: string): Value[] {
  if (spec.kind === 'leaf') return [value];
  const children = childrenOf(spec, value);
  if (children === undefined) {
    throw new AppError(
      'bad-input',
      `The program was exported with a ${describe(spec)} for '${name}', but was given ${typeName(value)}`,
    );
  }
  return spec.children.flatMap((child, i) => flatten(child, children[i] as Value, `${name}.${i}`));
}

function childrenOf(spec: TreeSpec & { kind: 'tuple' | 'list' | 'dict' }, value: Value): readonly Value[] | undefined {
  if (spec.kind === 'dict') {
    if (!(value instanceof Dict) || value.entries.size !== spec.keys.length) return undefined;
    const items = spec.keys.map((key) => value.entries.get(key));
    return items.includes(undefined) ? undefined : (items as Value[]);
  }
  // Fixtures and callers may give either for a torch.Size or a registered class.
  const items = itemsOf(value);
  return items?.length === spec.children.length ? items : undefined;
}

function describe(spec: TreeSpec & { kind: 'tuple' | 'list' | 'dict' }): string {
  if (spec.kind === 'dict') return `dict with the keys ${spec.keys.map(String).join(', ')}`;
  return `${spec.kind} of ${spec.children.length}`;
}

/** The value of this structure with these leaves, of which there are enough. */
export function unflatten(spec: TreeSpec, leaves: readonly Value[]): Value {
  const rest = leaves.values();
  const build = (node: TreeSpec): Value => {
    switch (node.kind) {
      case 'leaf':
        return rest.next().value ?? null;
      case 'list':
        return node.children.map(build);
      case 'tuple':
        return new Tuple(node.children.map(build), node.fieldNames);
      case 'dict': {
        const dict = new Dict();
        node.children.forEach((child, i) => dict.entries.set(node.keys[i] as Value, build(child)));
        return dict;
      }
    }
  };
  return build(spec);
}
