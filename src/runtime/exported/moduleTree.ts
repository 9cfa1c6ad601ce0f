// The modules of an exported program under their paths, put together from its list of paths, its calls and its tensors.

import { isWithin, moduleName, parentPath } from '../../model/module';
import { statisticsNames } from '../../model/statistics';
import { AppError } from '../../util/errors';
import { inPreOrder, maxModules } from '../moduleOrder';
import type { Storage } from '../storage';
import { Tensor } from '../tensor';
import type { Value } from '../values';
import type { ExportedProgram, Graph, GraphNode } from './graph';

const MAX_DEPTH = 200;

/** A module under one of its paths. */
export interface ModuleNode {
  readonly path: string;
  /** `torch.nn.modules.batchnorm.BatchNorm2d`; `''` where no call tells it. */
  readonly type: string;
  /** Indices of the children in the tree, which is in pre-order. */
  readonly children: readonly number[];
  /** Index after the last node below this one. */
  readonly end: number;
  /** Calls of the module's own forward, without those of its children. */
  readonly calls: readonly GraphNode[];
  /** The first call in its forward or below it. */
  readonly firstCall: GraphNode | undefined;
  readonly parameters: ReadonlyMap<string, Value>;
  readonly buffers: ReadonlyMap<string, Value>;
  /** First path of the same module, where it stands under several. */
  readonly sharedWith?: string;
}

interface Draft {
  path: string;
  type: string;
  children: Map<string, Draft>;
  calls: GraphNode[];
  firstCall: GraphNode | undefined;
  parameters: Map<string, Value>;
  buffers: Map<string, Value>;
}

/** All modules in pre-order. @throws AppError `limit-exceeded` for too many or too deep ones. */
export function listModules(program: ExportedProgram): readonly ModuleNode[] {
  const drafts = new Drafts();
  for (const path of program.modulePaths) drafts.at(path);
  for (const { kind, fullName } of program.inputs.flatMap((input) => ('fullName' in input ? [input] : []))) {
    // Constants are attributes of the module that PyTorch does not register.
    if (kind === 'constant') continue;
    const { [kind === 'parameter' ? 'parameters' : 'buffers']: target } = drafts.at(parentPath(fullName) ?? '');
    target.set(moduleName(fullName), program.tensors.get(fullName) ?? null);
  }
  const owner = new Owners(program);
  for (const call of allCalls(program.graph)) {
    for (const { path, type } of call.modules) {
      const draft = drafts.at(path);
      draft.type = type;
      draft.firstCall ??= call;
    }
    drafts.at(owner.of(call)).calls.push(call);
  }
  return drafts.list();
}

const isStatistic: ReadonlySet<string> = new Set(statisticsNames);

/** Tells to which module a call belongs. */
class Owners {
  /** Modules of the statistics among the graph's inputs, by the names of these inputs. */
  private readonly ofStatistics = new Map<string, string>();

  constructor({ graph, inputs }: ExportedProgram) {
    inputs.forEach((binding, i) => {
      const input = graph.inputs[i];
      if (binding.kind !== 'buffer' || input?.kind !== 'reference') return;
      if (isStatistic.has(moduleName(binding.fullName)))
        this.ofStatistics.set(input.name, parentPath(binding.fullName) ?? '');
    });
  }

  /**
   * Whose statistics it takes, else the innermost module of its stack. A decomposition may lose the stack, and then writes that of
   * a module further out; what has none was added by torch, and is the root's.
   */
  of(call: GraphNode): string {
    for (const { value } of call.inputs) {
      const path = value.kind === 'reference' ? this.ofStatistics.get(value.name) : undefined;
      if (path !== undefined) return path;
    }
    return call.modules.at(-1)?.path ?? '';
  }
}

/** Every call of a graph, those in graphs that it takes as arguments included. */
export function* allCalls(graph: Graph): Generator<GraphNode> {
  for (const node of graph.nodes) {
    yield node;
    for (const { value } of node.inputs) if (value.kind === 'graph') yield* allCalls(value.graph);
  }
}

class Drafts {
  private readonly root = this.make('');
  private readonly known = new Map([['', this.root]]);

  at(path: string): Draft {
    const known = this.known.get(path);
    if (known !== undefined) return known;
    const names = path.split('.');
    if (names.length > MAX_DEPTH || this.known.size > maxModules)
      throw new AppError('limit-exceeded', 'The program has more modules, or deeper nested ones, than any real model');
    let draft = this.root;
    for (const [i, name] of names.entries()) {
      let child = draft.children.get(name);
      if (child === undefined) {
        child = this.make(names.slice(0, i + 1).join('.'));
        draft.children.set(name, child);
        this.known.set(child.path, child);
      }
      draft = child;
    }
    return draft;
  }

  list(): ModuleNode[] {
    const nodes = inPreOrder(this.root, ({ children }) => children).map(({ item, children, end }): ModuleNode => ({
      ...item,
      children,
      end,
    }));
    const shared = sharedPaths(nodes);
    return nodes.map((node) => {
      const sharedWith = shared.get(node.path);
      if (sharedWith === undefined) return node;
      // Nothing but its first path tells the class of a module that is called by that alone.
      return { ...node, sharedWith, type: node.type === '' ? (this.known.get(sharedWith)?.type ?? '') : node.type };
    });
  }

  private make(path: string): Draft {
    return {
      path,
      type: '',
      children: new Map(),
      calls: [],
      firstCall: undefined,
      parameters: new Map(),
      buffers: new Map(),
    };
  }
}

/**
 * Second and later paths of modules, with the first one. An export keeps a shared module once for each path; all of them view
 * the same storages under the same names, and so tell that they are one. What lies below is then shared too.
 */
function sharedPaths(nodes: readonly ModuleNode[]): Map<string, string> {
  const shared = new Map<string, string>();
  const firstOf = new Map<string, number>();
  const identities = identitiesOf(nodes);
  nodes.forEach((node, i) => {
    const identity = identities[i];
    if (identity === undefined || shared.has(node.path)) return;
    const first = firstOf.get(identity);
    if (first === undefined) {
      firstOf.set(identity, i);
      return;
    }
    const [original, size] = [nodes[first] as ModuleNode, node.end - i];
    if (original.end - first !== size || isWithin(node.path, original.path)) return;
    if (original.type !== node.type && original.type !== '' && node.type !== '') return;
    for (let d = 0; d < size; d++) {
      const target = (nodes[first + d] as ModuleNode).path;
      shared.set((nodes[i + d] as ModuleNode).path, shared.get(target) ?? target);
    }
  });
  return shared;
}

/** Text that is equal for two subtrees with the same names over the same tensors; undefined where there are no tensors to tell by. */
function identitiesOf(nodes: readonly ModuleNode[]): (string | undefined)[] {
  const ids = new Map<Storage, number>();
  const identities = new Array<string | undefined>(nodes.length);
  // Identities of subtrees become numbers, so that a deep tree does not repeat them on every level.
  const numbers = new Map<string, number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { parameters, buffers, children } = nodes[i] as ModuleNode;
    const parts: string[] = [];
    for (const [name, value] of [...parameters, ...buffers]) {
      if (!(value instanceof Tensor)) continue;
      const id = ids.get(value.storage) ?? ids.size;
      ids.set(value.storage, id);
      parts.push(`${name}=${id}+${value.offset}:${value.shape.join('x')}`);
    }
    const below = children.map((child) => {
      const identity = identities[child];
      const { path } = nodes[child] as ModuleNode;
      const text = identity === undefined ? '' : String(numbers.get(identity));
      return `${path.slice(path.lastIndexOf('.') + 1)}(${text})`;
    });
    const isTold = parts.length > 0 || children.some((child) => identities[child] !== undefined);
    if (!isTold) continue;
    const identity = `{${parts.join()}}${below.join()}`;
    identities[i] = identity;
    if (!numbers.has(identity)) numbers.set(identity, numbers.size);
  }
  return identities;
}
