// The modules of a file without code under their paths.

import { inPreOrder, type Place } from '../moduleOrder';
import type { Storage } from '../storage';
import type { StoredModule } from '../program';
import { Tensor } from '../tensor';
import type { Value } from '../values';

/** A module under one of its paths. */
export interface StoredNode extends Place<StoredModule> {
  /** First path of the same module, where it stands under several. */
  readonly sharedWith?: string;
}

/** All modules below `root` in pre-order, a shared one under each of its paths. Formats refuse cycles. */
export function listModules(root: StoredModule): readonly StoredNode[] {
  const identities = new Identities();
  const nodes: StoredNode[] = inPreOrder(root, ({ children }) => children);
  nodes.forEach((node, i) => {
    const sharedWith = identities.firstPath(node);
    if (sharedWith !== undefined) nodes[i] = { ...node, sharedWith };
  });
  return nodes;
}

/** Tells when two places hold one module: the same object, or, in a file that has only tensors, the same tensors. */
class Identities {
  private readonly byModule = new Map<StoredModule, StoredNode>();
  /** Modules of tensors only, by the storage of their first one. */
  private readonly byStorage = new Map<Storage, StoredNode>();

  firstPath(node: StoredNode): string | undefined {
    // Modules that names tell of are objects of their own at each place.
    if (node.item.qualifiedType === '') return this.sameTensors(node);
    const known = this.byModule.get(node.item);
    if (known === undefined) this.byModule.set(node.item, node);
    return known?.path;
  }

  private sameTensors(node: StoredNode): string | undefined {
    const storage = firstTensor(node.item)?.storage;
    if (storage === undefined) return undefined;
    const other = this.byStorage.get(storage);
    if (other === undefined) this.byStorage.set(storage, node);
    else if (haveSameTensors(node.item, other.item)) return other.path;
    return undefined;
  }
}

function firstTensor({ parameters, buffers }: StoredModule): Tensor | undefined {
  if (parameters.size + buffers.size === 0) return undefined;
  for (const value of parameters.values()) if (value instanceof Tensor) return value;
  for (const value of buffers.values()) if (value instanceof Tensor) return value;
  return undefined;
}

function haveSameTensors(a: StoredModule, b: StoredModule): boolean {
  return areSame(a.parameters, b.parameters) && areSame(a.buffers, b.buffers);
}

function areSame(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) {
    const other = b.get(name);
    if (!(value instanceof Tensor) || !(other instanceof Tensor)) return false;
    if (value.storage !== other.storage || value.offset !== other.offset) return false;
    if (value.shape.join() !== other.shape.join()) return false;
  }
  return true;
}
