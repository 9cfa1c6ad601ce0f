// The modules of a file without code under their paths.

import type { Storage } from '../storage';
import type { StoredModule } from '../program';
import { Tensor } from '../tensor';
import type { Value } from '../values';

/** A module under one of its paths. */
export interface StoredNode {
  readonly path: string;
  readonly module: StoredModule;
  /** Indices of the children in the tree, which is in pre-order. */
  readonly children: readonly number[];
  /** Index after the last node below this one. */
  readonly end: number;
  /** First path of the same module, where it stands under several. */
  readonly sharedWith?: string;
}

/** All modules below `root` in pre-order, a shared one under each of its paths. Formats refuse cycles, so this ends. */
export function listModules(root: StoredModule): readonly StoredNode[] {
  const nodes: (StoredNode & { children: number[]; end: number })[] = [];
  const identities = new Identities();
  const visit = (module: StoredModule, path: string): void => {
    const sharedWith = identities.firstPath(module, path);
    const node = {
      path,
      module,
      children: [] as number[],
      end: 0,
      ...(sharedWith === undefined ? {} : { sharedWith }),
    };
    nodes.push(node);
    for (const [name, child] of module.children) {
      node.children.push(nodes.length);
      visit(child, path === '' ? name : `${path}.${name}`);
    }
    node.end = nodes.length;
  };
  visit(root, '');
  return nodes;
}

/** Tells when two places hold one module: the same object, or, in a file that has only tensors, the same tensors. */
class Identities {
  private readonly paths = new Map<StoredModule | string, string>();
  private readonly storages = new Map<Storage, number>();

  firstPath(module: StoredModule, path: string): string | undefined {
    const byTensors = module.qualifiedType === '' ? this.tensorsOf(module) : undefined;
    const known = this.paths.get(module) ?? (byTensors === undefined ? undefined : this.paths.get(byTensors));
    if (known !== undefined) return known;
    this.paths.set(module, path);
    if (byTensors !== undefined) this.paths.set(byTensors, path);
    return undefined;
  }

  private tensorsOf({ parameters, buffers }: StoredModule): string | undefined {
    const parts: string[] = [];
    for (const [name, value] of [...parameters, ...buffers]) this.add(parts, name, value);
    return parts.length === 0 ? undefined : parts.join();
  }

  private add(parts: string[], name: string, value: Value): void {
    if (!(value instanceof Tensor)) return;
    const id = this.storages.get(value.storage) ?? this.storages.size;
    this.storages.set(value.storage, id);
    parts.push(`${name}=${id}+${value.offset}:${value.shape.join('x')}`);
  }
}
