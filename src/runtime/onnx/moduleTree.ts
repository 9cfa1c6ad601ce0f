// The module tree of an ONNX file: modules that nodes and parameters name, and the nodes that depend on the mode in them.

import type { SourceLocation } from '../../model/module';
import { parseStackTrace, userLine } from '../../model/stackTrace';
import { AppError } from '../../util/errors';
import { inPreOrder, maxModules, PathIndex, type Place } from '../moduleOrder';
import type { Tensor } from '../tensor';
import { lazyTensor } from './constants';
import type { OnnxFile, OnnxGraph, OnnxNode, OnnxTensor } from './onnxFile';
import { isParameterName, parameterOwner, scopesOf, type Scope, type Scopes } from './scopes';
import type { NormOptions, Site } from './sites';

const maxDepth = 100;

/** A normalisation layer's running statistics: tensors of its own, since exporters share equal initializers. */
export interface NormState {
  readonly options: NormOptions;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** 0 as long as the statistics are those of the file; changes whenever they are written. */
export function versionOf({ mean, variance }: NormState): number {
  return mean.storage.version + variance.storage.version;
}

/** One module, as far as the file tells. */
export class OnnxModule {
  /** `torch.nn.modules.batchnorm.BatchNorm2d`, where the file has it. */
  qualifiedType: string | undefined;
  readonly children = new Map<string, OnnxModule>();
  readonly sites: Site[] = [];
  readonly norms: NormState[] = [];
  readonly parameters = new Map<string, OnnxTensor>();
  /** Kinds of the operators of the module itself, helpers left aside. */
  readonly operators = new Set<string>();
  /** ATen operators that the exporter notes at its nodes, such as `aten._native_batch_norm_legit_functional.default`. */
  readonly origins = new Set<string>();
  source: SourceLocation | undefined;

  constructor(readonly path: string) {}

  /** Changes whenever the statistics are written. */
  get statisticsVersion(): number {
    return this.norms.reduce((sum, state) => sum + versionOf(state), 0);
  }
}

/** All modules of a file in pre-order. */
export class OnnxModuleTree {
  readonly root = new OnnxModule('');
  readonly modules: readonly OnnxModule[];
  /** Where these modules stand. */
  readonly places: readonly Place<OnnxModule>[];
  readonly paths: PathIndex;
  private readonly byPath = new Map<string, OnnxModule>([['', this.root]]);
  private readonly states = new Map<Site, NormState>();

  /** @param sites of all graphs. @throws AppError `limit-exceeded`. */
  constructor(file: OnnxFile, sites: ReadonlyMap<OnnxNode, Site>) {
    this.addGraph(file.graph, scopesOf(file.graph), sites);
    for (const [name, tensor] of file.graph.initializers) this.addParameter(name, tensor);
    this.places = inPreOrder(this.root, inOrder);
    this.modules = this.places.map(({ item }) => item);
    this.paths = new PathIndex(this.places);
  }

  /** @throws AppError `no-such-module`. */
  module(path: string): OnnxModule {
    return this.modules[this.paths.of(path)]!;
  }

  /** Running statistics that a site reads and moves; undefined where it has none of its own. */
  stateOf(site: Site): NormState | undefined {
    return this.states.get(site);
  }

  private addGraph(graph: OnnxGraph, scopesOfNode: Scopes, sites: ReadonlyMap<OnnxNode, Site>): void {
    graph.nodes.forEach((node, i) => {
      const scopes = scopesOfNode(node);
      for (const scope of scopes) this.touch(scope);
      const site = sites.get(node);
      const owner = scopes.at(-1)?.path ?? (site === undefined ? undefined : unscopedPath(node, i));
      if (owner !== undefined) this.addNode(this.made(owner), node, site);
      for (const attribute of node.attributes) {
        for (const subgraph of attribute.graphs) this.addGraph(subgraph, scopesOf(subgraph), sites);
      }
    });
  }

  /** The module to which a node that depends on the mode belongs. */
  pathOf(node: OnnxNode): string | undefined {
    return this.modules.find(({ sites }) => sites.some((site) => site.node === node))?.path;
  }

  private addNode(module: OnnxModule, node: OnnxNode, site: Site | undefined): void {
    if (!helpers.has(node.opType)) module.operators.add(node.opType);
    const origin = pythonListEnd(node.metadata.get('pkg.torch.onnx.class_hierarchy'));
    if (origin !== '') module.origins.add(origin);
    module.source ??= sourceOf(node);
    if (site === undefined) return;
    module.sites.push(site);
    const state = this.normState(module, site);
    if (state !== undefined) this.states.set(site, state);
  }

  /** Nodes of one module that read the same statistics are calls of one layer. */
  private normState(module: OnnxModule, { norm }: Site): NormState | undefined {
    if (norm?.mean === undefined || norm.variance === undefined) return undefined;
    const known = module.norms.find(({ options }) => options.mean === norm.mean && options.variance === norm.variance);
    if (known !== undefined) return known;
    const [mean, variance] = [lazyTensor(norm.mean), lazyTensor(norm.variance)];
    if (mean === undefined || variance === undefined) return undefined;
    const state = { options: norm, mean, variance };
    module.norms.push(state);
    return state;
  }

  private addParameter(name: string, tensor: OnnxTensor): void {
    if (!isParameterName(name)) return;
    const dot = name.lastIndexOf('.');
    this.made(name.slice(0, dot)).parameters.set(name.slice(dot + 1), tensor);
  }

  private touch({ path, type }: Scope): void {
    this.made(path).qualifiedType ??= type;
  }

  /** The module at a path; it and those above are made where they are missing. */
  private made(path: string): OnnxModule {
    const known = this.byPath.get(path);
    if (known !== undefined) return known;
    const names = path.split('.');
    if (names.length > maxDepth || this.byPath.size > maxModules) {
      throw new AppError(
        'limit-exceeded',
        `The file names more than ${maxModules} modules, or nests them more than ${maxDepth} deep`,
        'If the model is really that large, please report it with its figures.',
      );
    }
    const parent = this.made(names.slice(0, -1).join('.'));
    const module = new OnnxModule(path);
    parent.children.set(names.at(-1)!, module);
    this.byPath.set(path, module);
    return module;
  }
}

/** Where no exporter tells the module: that of the parameters, else a leaf of the node's own name. */
function unscopedPath(node: OnnxNode, index: number): string {
  const owner = parameterOwner(node, undefined);
  return owner ?? (node.name === '' ? `${node.opType}_${index}` : node.name).replaceAll('.', '_');
}

/** Numbers in their order, since a file names a Sequential's children as they are needed. */
function inOrder({ children }: OnnxModule): [string, OnnxModule][] {
  const entries = [...children];
  if (entries.every(([name]) => /^\d+$/.test(name))) entries.sort(([a], [b]) => Number(a) - Number(b));
  return entries;
}

/** Operators that say nothing of what a module is. */
const helpers: ReadonlySet<string> = new Set(
  'Constant Identity Shape Cast Gather Unsqueeze Squeeze Reshape Concat Slice Transpose Flatten Expand'.split(' '),
);

function pythonListEnd(text = ''): string {
  return /'([^']*)'\]$/.exec(text)?.[1] ?? '';
}

/** The innermost line of the user's own code in the trace that dynamo notes. */
export function sourceOf(node: OnnxNode): SourceLocation | undefined {
  return userLine(parseStackTrace(node.metadata.get('pkg.torch.onnx.stack_trace') ?? ''));
}
