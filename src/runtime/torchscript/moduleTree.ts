// The modules of an archive under their paths, with their flags, behaviour and source lines.

import {
  isTorchFile,
  parentPath,
  type FunctionalCall,
  type LiteralCall,
  type ModuleSpec,
  type SourceLocation,
} from '../../model/module';
import { behaviourUnder, combineUpwards, type BehaviourRule, type Modes } from '../behaviour';
import { functionalCalls, isFunctional } from '../functionalCalls';
import { checkModuleName, PathLimit } from '../moduleOrder';
import type { Storage } from '../storage';
import { Tensor } from '../tensor';
import { ScriptObject } from '../values';
import { demangle, type CodeLibrary, type FoundClass } from './codeLibrary';
import { behaviourRule, dropoutSpec, namedTensors, normSpec, resolvedSites, type ResolvedSite } from './describe';
import { readClassFacts, type ClassFacts } from './modeSites';

/** A module under one of its paths. */
export interface ModuleNode {
  readonly path: string;
  readonly object: ScriptObject;
  /** Indices of the children in the tree, which is in pre-order. */
  readonly children: readonly number[];
  /** Index after the last node below this one. */
  readonly end: number;
}

interface ClassInfo {
  readonly found: FoundClass;
  readonly facts: ClassFacts;
}

/** The tree of one program; structure is fixed when it is read, flags are read from the objects each time. */
export class ModuleTree {
  private readonly indexOf = new Map<string, number>();
  private readonly firstPathOf = new Map<ScriptObject, string>();
  private readonly sharedWith = new Map<string, string>();

  /** What the code tells of each node. */
  private readonly facts: readonly (ClassFacts | undefined)[];
  private readonly sites: readonly (readonly ResolvedSite[])[];
  private readonly rules: readonly BehaviourRule[];
  private fixed: readonly ModuleSpec[] | undefined;

  private constructor(
    readonly nodes: readonly ModuleNode[],
    private readonly classes: ReadonlyMap<string, ClassInfo>,
    private readonly library: CodeLibrary,
  ) {
    const firstPathOfTensors = new Map<string, string>();
    const identities = new StorageIdentities();
    nodes.forEach(({ path, object }, i) => {
      this.indexOf.set(path, i);
      const identity = identities.of(object);
      const first =
        this.firstPathOf.get(object) ?? (identity === undefined ? undefined : firstPathOfTensors.get(identity));
      if (first !== undefined) this.sharedWith.set(path, first);
      else if (identity !== undefined) firstPathOfTensors.set(identity, path);
      if (!this.firstPathOf.has(object)) this.firstPathOf.set(object, path);
    });
    this.facts = this.factsOfNodes();
    this.sites = nodes.map(({ object }, i) => resolvedSites(object, this.facts[i]));
    this.rules = nodes.map(({ object }, i) => behaviourRule(object, this.facts[i], this.sites[i] ?? []));
  }

  /** A trace has the code of a shared module under one of its paths only, and it tells of them all. */
  private factsOfNodes(): (ClassFacts | undefined)[] {
    const own = this.nodes.map(({ object }) => this.classes.get(object.className)?.facts);
    const telling = new Map<string, ClassFacts>();
    const group = (path: string): string => this.sharedWith.get(path) ?? path;
    this.nodes.forEach(({ path }, i) => {
      const facts = own[i];
      if (facts !== undefined && facts.sites.length > 0 && !telling.has(group(path))) telling.set(group(path), facts);
    });
    return this.nodes.map(({ path, object }, i) => {
      const definition = this.classes.get(object.className)?.found.definition;
      return definition?.methods.has('forward') === false ? (telling.get(group(path)) ?? own[i]) : own[i];
    });
  }

  /** Walks the modules below `root`, reading the code of each class once. @throws AppError as {@link checkModuleName} and {@link PathLimit} do. */
  static async read(root: ScriptObject, library: CodeLibrary): Promise<ModuleTree> {
    const classes = new Map<string, ClassInfo | undefined>();
    const isModule = async (object: ScriptObject): Promise<boolean> => {
      if (!classes.has(object.className)) {
        const found = await library.findClass(object.className);
        const known =
          found?.definition.base === 'Module' ? { found, facts: readClassFacts(found.definition) } : undefined;
        classes.set(object.className, known);
      }
      return classes.get(object.className) !== undefined || object.attributes.has('training');
    };
    const nodes: { path: string; object: ScriptObject; children: number[]; end: number }[] = [];
    const limit = new PathLimit();
    // Formats refuse an object graph with cycles, so this ends.
    const walk = async (object: ScriptObject, path: string): Promise<void> => {
      const node = { path, object, children: [] as number[], end: 0 };
      limit.add(path);
      nodes.push(node);
      for (const [name, value] of object.attributes) {
        if (!(value instanceof ScriptObject) || !(await isModule(value))) continue;
        checkModuleName(name);
        node.children.push(nodes.length);
        await walk(value, path === '' ? name : `${path}.${name}`);
      }
      node.end = nodes.length;
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

  /** The objects of the module at `path` and of everything below it, parents first; none without such a module. */
  subtree(path: string): readonly ScriptObject[] {
    const index = this.indexOf.get(path);
    if (index === undefined) return [];
    const objects: ScriptObject[] = [];
    // In pre-order everything below a node follows it directly.
    for (let i = index; i < (this.nodes[index] as ModuleNode).end; i++)
      objects.push((this.nodes[i] as ModuleNode).object);
    return objects;
  }

  /** All modules as data, with the flags that they have now. */
  async describe(): Promise<readonly ModuleSpec[]> {
    this.fixed ??= await this.readFixed();
    const { training, behaviour } = this.modes();
    return this.fixed.map((spec, i) => ({ ...spec, training: training[i] ?? null, behaviour: behaviour[i] ?? 'none' }));
  }

  /** Flags and behaviour of all modules as they are now, in the order of {@link describe}; cheap even for a large tree. */
  modes(): Modes {
    const training = this.nodes.map(({ object }) => flagOf(object));
    const behaviour = this.nodes.map((_, i) => behaviourUnder(this.rules[i] as BehaviourRule, training[i] ?? null));
    combineUpwards(behaviour, (i) => (this.nodes[i] as ModuleNode).children);
    return { training, behaviour };
  }

  private async readFixed(): Promise<ModuleSpec[]> {
    const sources = new Map<string, SourceLocation | undefined>();
    const specs: ModuleSpec[] = [];
    for (const [i, node] of this.nodes.entries()) {
      const source = await this.sourceOf(node, sources);
      sources.set(node.path, source);
      const spec = this.fixedSpec(node, i, source);
      specs.push({ ...spec, ...(await this.modeCalls(spec, node, i)) });
    }
    return specs;
  }

  /** What never changes; flag and behaviour are filled in by {@link describe}. */
  private fixedSpec({ object, path }: ModuleNode, index: number, source: SourceLocation | undefined): ModuleSpec {
    const info = this.classes.get(object.className);
    const rule = this.rules[index] as BehaviourRule;
    const facts = this.facts[index];
    const qualifiedType = demangle(object.className);
    const type = qualifiedType.slice(qualifiedType.lastIndexOf('.') + 1);
    const sharedWith = this.sharedWith.get(path);
    return {
      path,
      type,
      qualifiedType,
      training: null,
      behaviour: 'none',
      modeSensitive: rule.inTrain !== 'none',
      ...(rule.reason === undefined ? {} : { behaviourReason: rule.reason }),
      ...(source === undefined ? {} : { source }),
      ...normSpec(object, type, facts),
      ...dropoutSpec(object, type, facts),
      parameters: namedTensors(object, info?.found.definition.parameterNames),
      buffers: namedTensors(object, info?.found.definition.bufferNames),
      ...(sharedWith === undefined ? {} : { sharedWith }),
    };
  }

  /** The calls that have a mode, each with the user's line: those that hold it as a literal, and those that no layer stands for. */
  private async modeCalls(
    spec: ModuleSpec,
    { object }: ModuleNode,
    index: number,
  ): Promise<Pick<ModuleSpec, 'literalCalls' | 'functionalCalls'>> {
    const info = this.classes.get(object.className);
    // A shared module of a trace has its code elsewhere.
    const isOwn = info !== undefined && info.facts === this.facts[index];
    const literal: LiteralCall[] = [];
    const functional: FunctionalCall[] = [];
    for (const site of this.sites[index] ?? []) {
      const { function: name, family, mode, p, at } = site;
      const isOwnRow = isFunctional(spec, site);
      if (mode === 'flag' && !isOwnRow) continue;
      const found = isOwn ? await this.library.locate(info.found.file, at) : undefined;
      const source = found === undefined || isTorchFile(found.file) ? {} : { source: found };
      if (mode !== 'flag') literal.push({ family, training: mode, ...source });
      if (isOwnRow) functional.push({ function: name, family, p, training: mode, fixed: mode !== 'flag', ...source });
    }
    return { ...(literal.length === 0 ? {} : { literalCalls: literal }), ...functionalCalls(functional) };
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
    // The definition itself has no record, nor has a trace's reading of attributes; some statement has.
    for (const { at } of info?.found.definition.methods.get('forward')?.body ?? []) {
      const location = await this.library.locate((info as ClassInfo).found.file, at);
      candidates.push(location);
      if (location !== undefined) break;
    }
    const parent = parentPath(node.path);
    if (parent !== undefined) candidates.push(known.get(parent));
    const located = candidates.filter((candidate) => candidate !== undefined);
    return located.find(({ file }) => !isTorchFile(file)) ?? located[0];
  }
}

/**
 * Tells when two objects are one module of the user's. Scripting writes a module that stands at two places as two objects with
 * flags of their own, but with the same storages.
 */
class StorageIdentities {
  private readonly ids = new Map<Storage, number>();

  /** Equal for two objects of one class with the same tensors; undefined where there is no tensor to tell by. */
  of(object: ScriptObject): string | undefined {
    const tensors: string[] = [];
    for (const [name, value] of object.attributes) {
      if (!(value instanceof Tensor)) continue;
      const id = this.ids.get(value.storage) ?? this.ids.size;
      this.ids.set(value.storage, id);
      tensors.push(`${name}=${id}+${value.offset}`);
    }
    return tensors.length === 0 ? undefined : `${demangle(object.className)}(${tensors.join()})`;
  }
}

function flagOf(object: ScriptObject): boolean | null {
  const flag = object.attributes.get('training');
  return typeof flag === 'boolean' ? flag : null;
}
