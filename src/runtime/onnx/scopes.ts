// Which module a node came from, as torch's two exporters note it: in metadata, or in the node's own name.

import type { OnnxGraph, OnnxNode } from './onnxFile';

/** Modules are nested less deep; each part is looked up together with all before it. */
const maxScopes = 100;

/** A module on the way to a node, the root first. */
export interface Scope {
  readonly path: string;
  /** `torch.nn.modules.batchnorm.BatchNorm2d`; undefined where the file does not tell. */
  readonly type: string | undefined;
}

/** Modules around each node, the innermost last; empty where nothing is noted. */
export type Scopes = (node: OnnxNode) => readonly Scope[];

/** How to find the modules of the nodes of this file. */
export function scopesOf(graph: OnnxGraph): Scopes {
  const named = new ScopedNames(graph.nodes);
  return (node) => fromMetadata(node) ?? named.scopes(node) ?? [];
}

/** True for the name of an initializer that is a parameter or buffer of a torch module: `layer1.0.bn1.weight`. */
export function isParameterName(name: string): boolean {
  return /^[A-Za-z_]\w*(\.\w+)+$|^\d+(\.\w+)+$/.test(name);
}

/** The exporter with `dynamo=True` notes the paths and classes as Python lists; the last entry is the operator. */
function fromMetadata(node: OnnxNode): Scope[] | undefined {
  const names = pythonStrings(node.metadata.get('pkg.torch.onnx.name_scopes'));
  const types = pythonStrings(node.metadata.get('pkg.torch.onnx.class_hierarchy'));
  if (names.length > 0) return names.slice(0, -1).map((name, i) => ({ path: uncalled(name), type: types[i] }));
  // Its first versions noted one text only: ": Net/layer1: Sequential/layer1.0: Block/relu: aten.relu.default".
  const parts = node.metadata.get('namespace')?.split('/') ?? [];
  if (parts.length === 0) return undefined;
  return parts.slice(0, -1).map((part) => {
    const colon = part.indexOf(': ');
    return colon < 0
      ? { path: uncalled(part), type: undefined }
      : { path: uncalled(part.slice(0, colon)), type: part.slice(colon + 2) };
  });
}

/** The second call of a module is noted as `bn@1`. */
function uncalled(path: string): string {
  return path.replace(/@\d+(?=\.|$)/g, '');
}

/** The last alternative takes a text without an end, which would be looked for at every quote in it again. */
function pythonStrings(text: string | undefined): string[] {
  const matches = text?.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|['"].*/gs) ?? [];
  return Array.from(matches, (match) => match[1] ?? match[2])
    .filter((found) => found !== undefined)
    .map((found) => found.replace(/\\(.)/g, '$1'));
}

/**
 * Names of the TorchScript exporter: `/layer1/layer1.0/bn1/BatchNormalization`. Each part is a module's name from its last part
 * that is no number on, so that `layer1` leads to `layer1.0`, and a ModuleList, which is never called, stands in its child's part
 * (`blocks.0`); a ModuleDict is missing. The second call of a module is `bn1_1`. Names of parameters tell the path for certain.
 */
class ScopedNames {
  /** Path of the module at each scope `/a/b`, from the parameters of the nodes there. */
  private readonly known = new Map<string, string>();
  private readonly scopeNames = new Set<string>();

  constructor(nodes: readonly OnnxNode[]) {
    for (const node of nodes) {
      const parts = scopeParts(node);
      if (parts === undefined) continue;
      for (let i = 1; i <= parts.length; i++) this.scopeNames.add(parts.slice(0, i).join('/'));
      const path = parts.length === 0 ? undefined : parameterOwner(node, parts.at(-1));
      if (path !== undefined) this.learn(parts, path);
    }
  }

  scopes(node: OnnxNode): Scope[] | undefined {
    const parts = scopeParts(node);
    if (parts === undefined) return undefined;
    const scopes: Scope[] = [{ path: '', type: undefined }];
    let path = '';
    for (let i = 1; i <= parts.length; i++) {
      const part = parts[i - 1]!;
      path = this.known.get(parts.slice(0, i).join('/')) ?? join(path, this.firstCall(parts, i, part));
      scopes.push({ path, type: undefined });
    }
    const own = parts.length === 0 ? undefined : parameterOwner(node, parts.at(-1));
    if (own !== undefined && own !== path) scopes.push({ path: own, type: undefined });
    return scopes;
  }

  /** Parameters tell the path of the node's own module, and so those of the modules around it. */
  private learn(parts: readonly string[], path: string): void {
    let current = path;
    for (let i = parts.length; i > 0 && current !== ''; i--) {
      const key = parts.slice(0, i).join('/');
      if (!this.known.has(key)) this.known.set(key, current);
      const outer = i > 1 ? parts[i - 2]! : '';
      const own = withoutCall(parts[i - 1]!, current);
      const rest = leads(outer, own) ? own.slice(outer.length) : `.${own}`;
      if (!current.endsWith(rest)) return;
      current = current.slice(0, current.length - rest.length);
    }
  }

  /** `bn1` for `bn1_1` where a `bn1` was called before. */
  private firstCall(parts: readonly string[], count: number, part: string): string {
    const first = part.replace(/_\d+$/, '');
    return first !== part && this.scopeNames.has([...parts.slice(0, count - 1), first].join('/')) ? first : part;
  }
}

/** `a.layer1` and `layer1.0` make `a.layer1.0`; `a` and `b` make `a.b`. */
function join(path: string, part: string): string {
  const atoms = path.split('.');
  const lastName = atoms.findLastIndex((atom) => !/^\d+$/.test(atom));
  const tail = lastName < 0 ? path : atoms.slice(lastName).join('.');
  if (leads(tail, part)) return path + part.slice(tail.length);
  return path === '' ? part : `${path}.${part}`;
}

/** True for `layer1` and `layer1.0`: the inner name repeats the outer one. */
function leads(outer: string, inner: string): boolean {
  return outer !== '' && inner.startsWith(`${outer}.`) && /^(\.\d+)+$/.test(inner.slice(outer.length));
}

function withoutCall(part: string, path: string): string {
  return path === part || path.endsWith(`.${part}`) ? part : part.replace(/_\d+$/, '');
}

/** `['layer1', 'layer1.0', 'bn1']`; undefined for a node of another exporter. */
function scopeParts({ name }: OnnxNode): string[] | undefined {
  if (!name.startsWith('/') || name.includes('//')) return undefined;
  const parts = name.split('/').slice(1, -1);
  return parts.length > maxScopes ? undefined : parts;
}

/** The module of the parameters among a node's inputs, if their names fit the scope's last part. */
export function parameterOwner(node: OnnxNode, part: string | undefined): string | undefined {
  for (const input of node.inputs.slice(1)) {
    if (!isParameterName(input)) continue;
    const path = input.slice(0, input.lastIndexOf('.'));
    if (part === undefined) return path;
    const own = withoutCall(part, path);
    if (path === own || path.endsWith(`.${own}`)) return path;
  }
  return undefined;
}
