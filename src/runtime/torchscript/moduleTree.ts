// The modules of an archive under their paths, and what describes each: flag, options, tensors, behaviour, source.

import { parentPath, type Behaviour, type ModuleSpec, type NormSpec, type SourceLocation, type TensorSpec } from '../../model/module';
import { Tensor } from '../tensor';
import { ScriptObject, type Value } from '../values';
import { demangle, type CodeLibrary, type FoundClass } from './codeLibrary';
import { isLibraryFile } from './interpreter';
import { readClassFacts, type ClassFacts, type ModeSite } from './modeSites';

/** A module under one of its paths. */
export interface ModuleNode {
  readonly path: string;
  readonly object: ScriptObject;
  /** Indices of the children in the tree, which is in pre-order. */
  readonly children: readonly number[];
}

interface ClassInfo {
  readonly found: FoundClass;
  readonly facts: ClassFacts;
}

/** The tree of one program; structure is fixed when it is read, flags are read from the objects each time. */
export class ModuleTree {
  private readonly indexOf = new Map<string, number>();
  private readonly firstPathOf = new Map<ScriptObject, string>();

  private constructor(
    readonly nodes: readonly ModuleNode[],
    private readonly classes: ReadonlyMap<string, ClassInfo>,
    private readonly library: CodeLibrary,
  ) {
    nodes.forEach(({ path, object }, i) => {
      this.indexOf.set(path, i);
      if (!this.firstPathOf.has(object)) this.firstPathOf.set(object, path);
    });
  }

  /** Walks the modules below `root`, reading the code of each class once. */
  static async read(root: ScriptObject, library: CodeLibrary): Promise<ModuleTree> {
    const classes = new Map<string, ClassInfo | undefined>();
    const isModule = async (object: ScriptObject): Promise<boolean> => {
      if (!classes.has(object.className)) {
        const found = await library.findClass(object.className);
        const known = found?.definition.base === 'Module' ? { found, facts: readClassFacts(found.definition) } : undefined;
        classes.set(object.className, known);
      }
      return classes.get(object.className) !== undefined || object.attributes.has('training');
    };
    const nodes: { path: string; object: ScriptObject; children: number[] }[] = [];
    const ancestors = new Set<ScriptObject>();
    const walk = async (object: ScriptObject, path: string): Promise<void> => {
      const node = { path, object, children: [] as number[] };
      nodes.push(node);
      // A module that holds itself would have no end; torch refuses to script one.
      if (ancestors.has(object)) return;
      ancestors.add(object);
      for (const [name, value] of object.attributes) {
        if (!(value instanceof ScriptObject) || !(await isModule(value))) continue;
        node.children.push(nodes.length);
        await walk(value, path === '' ? name : `${path}.${name}`);
      }
      ancestors.delete(object);
    };
    await isModule(root);
    await walk(root, '');
    return new ModuleTree(nodes, classes as ReadonlyMap<string, ClassInfo>, library);
  }

  find(path: string): ModuleNode | undefined {
    const index = this.indexOf.get(path);
    return index === undefined ? undefined : this.nodes[index];
  }

  /** The first path of a module. */
  pathOf(object: ScriptObject): string | undefined {
    return this.firstPathOf.get(object);
  }

  /** The node and everything below it, parents first. */
  *subtree(node: ModuleNode): Generator<ModuleNode> {
    yield node;
    for (const child of node.children) yield* this.subtree(this.nodes[child] as ModuleNode);
  }

  /** All modules as data, with the flags that they have now. */
  async describe(): Promise<readonly ModuleSpec[]> {
    const sources = new Map<string, SourceLocation | undefined>();
    const own: OwnBehaviour[] = [];
    const specs: ModuleSpec[] = [];
    for (const node of this.nodes) {
      const info = this.classes.get(node.object.className);
      const source = await this.sourceOf(node, sources);
      sources.set(node.path, source);
      const behaviour = ownBehaviour(node.object, info?.facts);
      own.push(behaviour);
      specs.push(this.spec(node, info, behaviour, source));
    }
    return this.withBehaviours(specs, own);
  }

  private spec(node: ModuleNode, info: ClassInfo | undefined, own: OwnBehaviour, source: SourceLocation | undefined): ModuleSpec {
    const { object, path } = node;
    const qualifiedType = demangle(object.className);
    const type = qualifiedType.slice(qualifiedType.lastIndexOf('.') + 1);
    const training = object.attributes.get('training');
    const first = this.firstPathOf.get(object);
    const norm = normSpec(object, type, info?.facts);
    return {
      path,
      type,
      qualifiedType,
      training: typeof training === 'boolean' ? training : null,
      behaviour: own.behaviour,
      modeSensitive: own.behaviour !== 'none',
      ...(own.reason === undefined ? {} : { behaviourReason: own.reason }),
      ...(source === undefined ? {} : { source }),
      ...norm,
      ...(/Dropout/.test(type) ? { dropout: { p: dropoutP(info?.facts) } } : {}),
      parameters: tensorSpecs(object, info?.found.definition.parameterNames ?? []),
      buffers: tensorSpecs(object, info?.found.definition.bufferNames ?? []),
      ...(first === undefined || first === path ? {} : { sharedWith: first }),
    };
  }

  /** Gives each parent the behaviour of its mode-sensitive descendants; children come after their parents, so backwards. */
  private withBehaviours(specs: readonly ModuleSpec[], own: readonly OwnBehaviour[]): readonly ModuleSpec[] {
    const total = own.map(({ behaviour }) => behaviour);
    for (let i = specs.length - 1; i >= 0; i--) {
      for (const child of (this.nodes[i] as ModuleNode).children) total[i] = combine(total[i] as Behaviour, total[child] as Behaviour);
    }
    return specs.map((spec, i) => ({ ...spec, behaviour: total[i] as Behaviour }));
  }

  /** The user's line that calls the module; else the line of its class's forward; else where its parent is called. */
  private async sourceOf(
    node: ModuleNode,
    known: ReadonlyMap<string, SourceLocation | undefined>,
  ): Promise<SourceLocation | undefined> {
    const candidates: (SourceLocation | undefined)[] = [];
    for (let ancestor = parentPath(node.path); ancestor !== undefined; ancestor = parentPath(ancestor)) {
      const info = this.classes.get((this.find(ancestor) as ModuleNode).object.className);
      const relative = ancestor === '' ? node.path : node.path.slice(ancestor.length + 1);
      const at = info?.facts.callsOf.get(relative);
      if (info !== undefined && at !== undefined) candidates.push(await this.library.locate(info.found.file, at));
    }
    const info = this.classes.get(node.object.className);
    const forward = info?.found.definition.methods.get('forward');
    // The definition itself has no record; its first statement has.
    const first = forward?.body[0]?.at ?? forward?.at;
    if (info !== undefined && first !== undefined) candidates.push(await this.library.locate(info.found.file, first));
    const parent = parentPath(node.path);
    if (parent !== undefined) candidates.push(known.get(parent));
    const located = candidates.filter((candidate) => candidate !== undefined);
    return located.find(({ file }) => !isLibraryFile(file)) ?? located[0];
  }
}

interface OwnBehaviour {
  readonly behaviour: Behaviour;
  readonly reason?: string;
}

/** What the module's own forward does, its children left aside. */
function ownBehaviour(object: ScriptObject, facts: ClassFacts | undefined): OwnBehaviour {
  const flag = object.attributes.get('training');
  const byFlag: Behaviour = typeof flag === 'boolean' ? (flag ? 'train' : 'eval') : 'unknown';
  if (facts === undefined) return { behaviour: object.attributes.has('training') ? 'unknown' : 'none' };
  const { sites } = facts;
  if (sites.length === 0) return facts.readsFlag ? { behaviour: byFlag } : { behaviour: 'none' };
  if (sites.every(({ family }) => family === 'batch-norm') && hasNoRunningStatistics(object)) {
    return {
      behaviour: 'train',
      ...(flag === true ? {} : { reason: 'It keeps no running statistics and normalises by the batch in both modes.' }),
    };
  }
  if (sites.every(({ family }) => family === 'instance-norm') && hasNoRunningStatistics(object)) return { behaviour: 'none' };
  const literal = sites.filter(({ mode }) => mode !== 'flag');
  const behaviour = sites.map(({ mode }): Behaviour => (mode === 'flag' ? byFlag : mode ? 'train' : 'eval')).reduce(combine);
  if (literal.length === 0) return { behaviour };
  const words = literal.length === sites.length ? 'The code holds the mode as a literal' : 'Part of the code holds the mode as a literal';
  const place = literal.map(({ family }) => family).filter((family, i, all) => all.indexOf(family) === i).join(', ');
  return { behaviour, reason: `${words} (${place}): switching the flag has no effect on it.` };
}

function hasNoRunningStatistics(object: ScriptObject): boolean {
  const { attributes } = object;
  return attributes.get('running_mean') === null || (attributes.has('training') && !attributes.has('running_mean'));
}

function combine(a: Behaviour, b: Behaviour): Behaviour {
  if (a === 'none' || a === b) return b;
  if (b === 'none') return a;
  return a === 'unknown' || b === 'unknown' ? 'unknown' : 'mixed';
}

/** `batchNorm` or `instanceNorm`, where the module is one and keeps running statistics (BatchNorm also without). */
function normSpec(object: ScriptObject, type: string, facts: ClassFacts | undefined): Pick<ModuleSpec, 'batchNorm' | 'instanceNorm'> {
  const site = facts?.sites.find(({ family }) => family === 'batch-norm' || family === 'instance-norm');
  const isBatchNorm = /BatchNorm/.test(type);
  const isInstanceNorm = /InstanceNorm/.test(type);
  if (!isBatchNorm && !isInstanceNorm) return {};
  const tracks = object.attributes.get('running_mean') instanceof Tensor;
  if (isInstanceNorm && !tracks) return {};
  const spec = normOptions(object, facts, site, tracks);
  return isBatchNorm ? { batchNorm: spec } : { instanceNorm: spec };
}

function normOptions(object: ScriptObject, facts: ClassFacts | undefined, site: ModeSite | undefined, tracks: boolean): NormSpec {
  const { attributes } = object;
  // Scripted code has the options as constants of the class; traced code has them as arguments of the operator alone.
  const option = (name: string, argument: number): Value | undefined =>
    facts?.constants.get(name) ?? attributes.get(name) ?? site?.literals[argument];
  const momentum = facts?.constants.has('momentum') === true ? facts.constants.get('momentum') : option('momentum', 6);
  const mean = attributes.get('running_mean');
  const weight = attributes.get('weight');
  const features = facts?.constants.get('num_features') ?? shapeOf(mean)?.[0] ?? shapeOf(weight)?.[0];
  return {
    numFeatures: features === undefined ? null : Number(features),
    eps: numberOrNull(option('eps', 7)),
    momentum: numberOrNull(momentum),
    cumulative: momentum === null,
    affine: attributes.has('weight') ? weight instanceof Tensor : null,
    trackRunningStats: tracks,
  };
}

function dropoutP(facts: ClassFacts | undefined): number | null {
  const constant = facts?.constants.get('p');
  return numberOrNull(constant ?? facts?.sites.find(({ family }) => family === 'dropout')?.literals[1]);
}

function numberOrNull(value: Value | undefined): number | null {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

function shapeOf(value: Value | undefined): readonly number[] | undefined {
  return value instanceof Tensor ? value.shape : undefined;
}

function tensorSpecs(object: ScriptObject, names: readonly string[]): TensorSpec[] {
  const specs: TensorSpec[] = [];
  for (const name of names) {
    const value = object.attributes.get(name);
    if (value instanceof Tensor) specs.push({ name, dtype: value.dtype, shape: value.shape });
  }
  return specs;
}
