// An ONNX file as a program: described, switched node by node, and run.

import type { Capabilities, InputSpec, Problem } from '../../model/description';
import type { ModuleSpec } from '../../model/module';
import type { NormStatistics } from '../../model/statistics';
import { AppError } from '../../util/errors';
import { combineUpwards, type Modes } from '../behaviour';
import type { RunContext } from '../context';
import { readNormStatistics } from '../normStatistics';
import type { Program } from '../program';
import { rememberValues, type PutBack } from '../remember';
import { Tensor } from '../tensor';
import { Tuple, typeName, type Value } from '../values';
import { GraphValues } from './constants';
import { describeModule, functionalCallsOf, ownBehaviour } from './describe';
import { GraphRunner } from './graphRunner';
import { inlineFunctions } from './inline';
import { graphInputs, inputSpecs } from './inputs';
import { OnnxModuleTree } from './moduleTree';
import type { OnnxFile, OnnxGraph, OnnxNode } from './onnxFile';
import { exportProblems } from './problems';
import { namesUsed } from './segments';
import { readSite, type Site } from './sites';

/** Reads what the nodes do, and the constants that say so. @throws AppError where these can't be read. */
export async function createOnnxProgram(original: OnnxFile): Promise<Program> {
  const file = inlineFunctions(original);
  const sites = new Map<OnnxNode, Site>();
  await readSites(file.graph, file.opsets.get('') ?? 1, undefined, undefined, sites);
  return new OnnxProgram(file, sites);
}

/** Sites of a graph and of its subgraphs, where they can't be switched. */
async function readSites(
  graph: OnnxGraph,
  opset: number,
  outer: GraphValues | undefined,
  fixed: string | undefined,
  sites: Map<OnnxNode, Site>,
): Promise<void> {
  const values = new GraphValues(graph, outer);
  const used = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) for (const name of namesUsed(node)) used.add(name);
  for (const node of graph.nodes) {
    const site = await readSite(node, { values, opset, used, fixed });
    if (site !== undefined) sites.set(node, site);
    const reason = `It stands in the body of ${/^[AEIOU]/.test(node.opType) ? 'an' : 'a'} ${node.opType} node, so it can’t be switched.`;
    for (const { graphs } of node.attributes) {
      for (const subgraph of graphs) await readSites(subgraph, opset, values, fixed ?? reason, sites);
    }
  }
}

class OnnxProgram implements Program {
  readonly capabilities: Capabilities;
  readonly problems: readonly Problem[];
  private readonly tree: OnnxModuleTree;
  private readonly runner: GraphRunner;
  private readonly inFile: ReadonlyMap<Site, boolean | null>;

  constructor(
    private readonly file: OnnxFile,
    sites: ReadonlyMap<OnnxNode, Site>,
  ) {
    this.tree = new OnnxModuleTree(file, sites);
    this.runner = new GraphRunner(file, this.tree, sites);
    this.inFile = new Map([...sites.values()].map((site) => [site, site.training]));
    this.problems = exportProblems(this.tree);
    this.capabilities = {
      setTraining: [...sites.values()].some(({ fixed }) => fixed === undefined),
      runForward: true,
    };
  }

  describe(): Promise<readonly ModuleSpec[]> {
    const { behaviour } = this.modes();
    return Promise.resolve(this.tree.modules.map((module, i) => describeModule(module, behaviour[i]!)));
  }

  modes(): Modes {
    const behaviour = this.tree.modules.map(ownBehaviour);
    combineUpwards(behaviour, (i) => this.tree.places[i]!.children);
    const functionalCalls = this.tree.modules.map((module) => {
      const calls = functionalCallsOf(module);
      return calls.length === 0 ? undefined : calls;
    });
    return { training: behaviour.map(() => null), behaviour, functionalCalls };
  }

  inputs(): Promise<readonly InputSpec[]> {
    return Promise.resolve(inputSpecs(this.file.graph));
  }

  setTraining(path: string, training: boolean | null, recursive: boolean): void {
    const { start, end } = this.tree.paths.range(path, recursive);
    for (const { sites } of this.tree.modules.slice(start, end)) {
      for (const site of sites) if (site.fixed === undefined) site.training = training ?? this.inFile.get(site) ?? null;
    }
  }

  remember(): PutBack {
    const sites = this.tree.modules.flatMap((module) => module.sites);
    const modes = sites.map(({ training }) => training);
    const norms = this.tree.modules.flatMap((module) => module.norms);
    const putBack = rememberValues(norms.flatMap(({ mean, variance }) => [mean, variance]));
    return async () => {
      sites.forEach((site, i) => (site.training = modes[i]!));
      await putBack();
    };
  }

  async normStatistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    return readNormStatistics(this.normTensors(path), options.values);
  }

  normTensors(path: string): ReadonlyMap<string, Tensor> {
    const [norm] = this.tree.module(path).norms;
    if (norm === undefined) return new Map();
    return new Map([
      ['running_mean', norm.mean],
      ['running_var', norm.variance],
    ]);
  }

  statisticsVersion(path: string): number {
    return this.tree.module(path).statisticsVersion;
  }

  async forward(args: readonly Value[], context: RunContext, method = 'forward'): Promise<Value> {
    if (method !== 'forward') throw new AppError('bad-input', `An ONNX graph has no method '${method}'`);
    const outputs = await this.runner.run(this.inputTensors(args), context);
    const names = this.file.graph.outputs.map(({ name }) => name);
    return outputs.length === 1 ? outputs[0]! : new Tuple(outputs, names);
  }

  private inputTensors(args: readonly Value[]): Map<string, Tensor> {
    const inputs = graphInputs(this.file.graph);
    if (args.length !== inputs.length) {
      const names = inputs.map(({ name }) => `'${name}'`).join(', ');
      throw new AppError(
        'bad-input',
        `The graph takes ${inputs.length} inputs (${names}), and was given ${args.length}`,
      );
    }
    return new Map(
      inputs.map(({ name }, i) => {
        const value = args[i]!;
        if (value instanceof Tensor) return [name, value];
        throw new AppError('bad-input', `The graph's input '${name}' is a tensor, and was given a ${typeName(value)}`);
      }),
    );
  }
}
