// Runs an ONNX graph: what no mode changes in ONNX Runtime, BatchNorm in training and active Dropout as torch computes them.

import { AppError, toAppError } from '../../util/errors';
import type { RunContext } from '../context';
import type { KernelSession } from '../kernels/backend';
import { located } from '../located';
import { moduleReturns, type ModuleReturn } from '../moduleReturns';
import { drop } from '../operators/dropout';
import { batchNorm, verifyBatchSize } from '../operators/norm';
import { shapeText } from '../operators/support';
import type { Tensor } from '../tensor';
import type { GraphInput } from '../kernels/onnxModel';
import { GraphValues, lazyTensor } from './constants';
import { encodePart } from './encode';
import { sourceOf, versionOf, type NormState, type OnnxModuleTree } from './moduleTree';
import type { OnnxFile, OnnxNode, OnnxTensor } from './onnxFile';
import { scopesOf } from './scopes';
import { cutGraph, namesUsed, type Segment } from './segments';
import type { Site } from './sites';

/** Settings of the modes whose sessions are kept: two, so that train and eval can be compared. Each holds the weights. */
const maxPlans = 2;

/** What to run under one setting of the modes. */
interface Plan {
  readonly segments: readonly Segment[];
  /** Nodes as they run in the kernels, where that is not as they stand in the file. */
  readonly rewritten: ReadonlyMap<OnnxNode, OnnxNode>;
  /** By segment, and by dtypes and ranks of what goes in. */
  readonly sessions: Map<string, Promise<KernelSession>>;
}

/** Runs one file, again and again. */
export class GraphRunner {
  private readonly plans = new Map<string, Plan>();
  private readonly values: GraphValues;
  /** Constants that are needed outside the kernels: weights and biases of BatchNorm. */
  private readonly constants = new Map<string, Tensor>();
  /** Of the graph itself; what stands in subgraphs runs as it is. */
  private readonly sites: readonly Site[];
  private readonly states: readonly NormState[];
  private returns: ReadonlyMap<string, readonly ModuleReturn[]> | undefined;

  constructor(
    private readonly file: OnnxFile,
    private readonly tree: OnnxModuleTree,
    private readonly siteOf: ReadonlyMap<OnnxNode, Site>,
  ) {
    this.values = new GraphValues(file.graph);
    this.sites = file.graph.nodes.flatMap((node) => siteOf.get(node) ?? []);
    this.states = [...new Set(this.sites.flatMap((site) => tree.stateOf(site) ?? []))];
  }

  /** The graph's outputs in their order. @param inputs by name. @throws AppError */
  async run(inputs: ReadonlyMap<string, Tensor>, context: RunContext): Promise<Tensor[]> {
    for (const { mean, variance } of this.states) await Promise.all([mean.storage.load(), variance.storage.load()]);
    const returns = context.observer === undefined ? noReturns : (this.returns ??= this.readReturns());
    const plan = await this.plan(returns);
    const values = new Map(inputs);
    this.states.forEach(({ mean, variance }, i) => {
      values.set(meanName(i), mean);
      values.set(varianceName(i), variance);
    });
    for (const [index, segment] of plan.segments.entries()) {
      context.throwIfCancelled();
      await this.runSegment(plan, segment, index, values, context);
      for (const node of segment.outside) values.set(node.outputs[0]!, await this.runOutside(node, values, context));
      await tellObserver(context, segment, returns, values);
      for (const name of segment.finished) values.delete(name);
    }
    return Promise.all(this.file.graph.outputs.map(({ name }) => this.valueOf(name, values)));
  }

  /** By what each site does, and whether its statistics have moved: those that have not may be folded by the kernels. */
  private async plan(observed: ReadonlyMap<string, unknown>): Promise<Plan> {
    const moved = this.states.map((state) => versionOf(state) > 0);
    const flags = this.sites.map(({ training }) => Number(training)).join('');
    const key = `${flags}|${moved.map(Number).join('')}|${observed.size > 0 ? 'observed' : ''}`;
    const known = this.plans.get(key);
    // What was used last stands last.
    this.plans.delete(key);
    const plan = known ?? this.makePlan(new Set(observed.keys()));
    this.plans.set(key, plan);
    for (const [oldKey, { sessions }] of this.plans) {
      if (this.plans.size <= maxPlans) break;
      this.plans.delete(oldKey);
      for (const session of sessions.values()) await (await session).release();
    }
    return plan;
  }

  private makePlan(observed: ReadonlySet<string>): Plan {
    const outside = new Set(this.sites.filter(runsOutside).map(({ node }) => node));
    const rewritten = new Map<OnnxNode, OnnxNode>();
    for (const site of this.sites) {
      const node = outside.has(site.node) ? undefined : this.forInference(site);
      if (node !== undefined) rewritten.set(site.node, node);
    }
    return { segments: cutGraph(this.file.graph, outside, observed), rewritten, sessions: new Map() };
  }

  /** The modules that each value leaves. */
  private readReturns(): Map<string, readonly ModuleReturn[]> {
    const { graph } = this.file;
    const scopes = scopesOf(graph);
    const nodes = graph.nodes.map((node) => ({
      paths: ['', ...scopes(node).flatMap(({ path }) => (path === '' ? [] : [path]))],
      reads: namesUsed(node),
      writes: node.outputs.filter((name) => name !== ''),
    }));
    const found = new Map<string, ModuleReturn[]>();
    for (const list of moduleReturns(
      nodes,
      graph.outputs.map(({ name }) => name),
    ).values())
      for (const one of list) found.set(one.name, [...(found.get(one.name) ?? []), one]);
    return found;
  }

  /** The node as it runs in the kernels; undefined where that is as it stands in the file. */
  private forInference(site: Site): OnnxNode | undefined {
    const { node, training, fixed, norm } = site;
    // With the statistics of the batch, inference is what training would be.
    if (norm?.byBatch === true) return asInference(node, node.inputs);
    if (fixed !== undefined) return undefined;
    if (norm === undefined) return training === null ? undefined : asIdentity(node);
    const state = this.tree.stateOf(site);
    if (state === undefined) return asInference(node, node.inputs);
    const index = this.states.indexOf(state);
    const statistics = versionOf(state) > 0 ? [meanName(index), varianceName(index)] : node.inputs.slice(3, 5);
    return asInference(node, [...node.inputs.slice(0, 3), ...statistics]);
  }

  private async runSegment(
    plan: Plan,
    segment: Segment,
    index: number,
    values: Map<string, Tensor>,
    context: RunContext,
  ): Promise<void> {
    if (segment.outputs.length === 0) return;
    const nodes = segment.nodes.map((node) => plan.rewritten.get(node) ?? node);
    const statistics = nodes.flatMap(({ inputs }) => inputs.filter((name) => name.startsWith(statisticPrefix)));
    const names = [...new Set([...segment.inputs, ...statistics])];
    const tensors = names.map((name) => values.get(name) ?? this.tooEarly(name));
    const inputs = names.map((name, i) => ({ name, dtype: tensors[i]!.dtype, rank: tensors[i]!.rank }));
    const key = `${index}|${inputs.map(({ dtype, rank }) => `${dtype}/${rank}`).join()}`;
    let session = plan.sessions.get(key);
    if (session === undefined) {
      session = this.createSession(nodes, inputs, segment.outputs, context);
      plan.sessions.set(key, session);
      // A session that could not be made is tried anew.
      session.catch(() => plan.sessions.delete(key));
    }
    const outputs = await context.runModel(await session, tensors, this.file.name);
    segment.outputs.forEach((name, i) => values.set(name, outputs[i]!));
  }

  private tooEarly(name: string): never {
    throw new AppError('corrupt', `The graph of ${this.file.name} reads '${name}' before it is computed`);
  }

  private async createSession(
    nodes: readonly OnnxNode[],
    inputs: readonly GraphInput[],
    outputs: readonly string[],
    context: RunContext,
  ): Promise<KernelSession> {
    const used = new Set([...nodes.flatMap((node) => [...namesUsed(node)]), ...outputs]);
    const initializers = [...used].flatMap((name) => this.file.graph.initializers.get(name) ?? []);
    checkSize(initializers, this.file.name);
    const { model, files } = await encodePart(this.file, { nodes, inputs, outputs, initializers });
    return context.createModel(model, files, this.file.name);
  }

  private async runOutside(node: OnnxNode, values: ReadonlyMap<string, Tensor>, context: RunContext): Promise<Tensor> {
    const site = this.siteOf.get(node)!;
    const [name = '', scale = '', bias = ''] = node.inputs;
    const input = await this.valueOf(name, values);
    if (site.norm === undefined) return drop(input, input.shape, site.dropout?.p ?? 0, context);
    this.verifyBatchSize(node, input);
    const state = this.tree.stateOf(site);
    const tensors = {
      input,
      weight: await this.valueOf(scale, values),
      bias: await this.valueOf(bias, values),
      runningMean: state?.mean ?? null,
      runningVar: state?.variance ?? null,
    };
    return batchNorm(tensors, true, site.norm.momentum, site.norm.eps, context);
  }

  private verifyBatchSize(node: OnnxNode, input: Tensor): void {
    try {
      verifyBatchSize(input.shape, shapeText(input.shape));
    } catch (error) {
      throw located(toAppError(error, 'program-error'), this.tree.pathOf(node), sourceOf(node));
    }
  }

  private async valueOf(name: string, values: ReadonlyMap<string, Tensor>): Promise<Tensor> {
    const computed = values.get(name) ?? this.constants.get(name);
    if (computed !== undefined) return computed;
    const constant = this.values.constant(name);
    const tensor = constant === undefined ? undefined : lazyTensor(constant);
    if (tensor === undefined) {
      throw new AppError(
        'unsupported-operator',
        `The value '${name}' of ${this.file.name} is of a kind that can't be read`,
      );
    }
    await tensor.storage.load();
    this.constants.set(name, tensor);
    return tensor;
  }
}

const noReturns: ReadonlyMap<string, readonly ModuleReturn[]> = new Map();

/** In the order of the graph. */
async function tellObserver(
  context: RunContext,
  segment: Segment,
  returns: ReadonlyMap<string, readonly ModuleReturn[]>,
  values: ReadonlyMap<string, Tensor>,
): Promise<void> {
  const computed = new Set([...segment.outputs, ...segment.outside.flatMap(({ outputs }) => outputs)]);
  for (const node of [...segment.nodes, ...segment.outside]) {
    for (const { path, name } of node.outputs.flatMap((output) => returns.get(output) ?? [])) {
      const value = computed.has(name) ? values.get(name) : undefined;
      if (value !== undefined) await context.moduleReturned(path, value);
    }
  }
}

/** BatchNorm in training, and Dropout that drops; unless they can't be switched and so run as they stand. */
function runsOutside({ training, fixed, dropout }: Site): boolean {
  return training === true && fixed === undefined && dropout?.p !== 0;
}

const statisticPrefix = 'mode-inspector/statistics/';
const meanName = (index: number): string => `${statisticPrefix}running_mean/${index}`;
const varianceName = (index: number): string => `${statisticPrefix}running_var/${index}`;

/** Only `epsilon` counts in inference; older versions have other attributes, and several outputs for training. */
function asInference(node: OnnxNode, inputs: readonly string[]): OnnxNode {
  const attributes = node.attributes.filter(({ name }) => name === 'epsilon');
  return { ...node, inputs, outputs: node.outputs.slice(0, 1), attributes };
}

function asIdentity(node: OnnxNode): OnnxNode {
  const [inputs, outputs] = [node.inputs.slice(0, 1), node.outputs.slice(0, 1)];
  return { ...node, opType: 'Identity', inputs, outputs, attributes: [] };
}

/** The kernels' memory holds 4 GiB. */
const maxWeights = 2 ** 32;

function checkSize(initializers: readonly OnnxTensor[], name: string): void {
  const bytes = initializers.reduce((sum, { data }) => sum + (data?.byteLength ?? 0), 0);
  if (bytes < maxWeights) return;
  const gibibytes = (bytes / 2 ** 30).toFixed(1);
  throw new AppError('out-of-memory', `The weights of ${name} take ${gibibytes} GiB, and the runtime has 4`);
}
