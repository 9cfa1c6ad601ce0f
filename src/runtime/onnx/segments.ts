// Cuts a graph at the nodes that are computed outside the kernels, so that what lies between them runs in one piece.

import type { OnnxGraph, OnnxNode } from './onnxFile';

/** Nodes that run together in one session, and the nodes that are computed outside once these have run. */
export interface Segment {
  /** In an order in which they can run; those that compute constants stand in every segment that uses these. */
  readonly nodes: readonly OnnxNode[];
  /** Values from inputs of the graph, earlier segments and earlier outside nodes. */
  readonly inputs: readonly string[];
  /** Values that later segments, outside nodes, the graph's outputs or an observer need. */
  readonly outputs: readonly string[];
  readonly outside: readonly OnnxNode[];
  /** Values that nobody needs once the segment and its outside nodes have run. */
  readonly finished: readonly string[];
}

/** Constants have the level below all segments. */
const CONSTANT = -1;

/**
 * @param outside the nodes at which to cut.
 * @param observed values that are asked for besides.
 */
export function cutGraph(
  graph: OnnxGraph,
  outside: ReadonlySet<OnnxNode>,
  observed: ReadonlySet<string> = new Set(),
): readonly Segment[] {
  return new Cutter(graph, outside, observed).segments();
}

/** Names that a node reads, in its subgraphs too. (A subgraph's own names are among them, and are nobody else's.) */
export function namesUsed(node: OnnxNode): Set<string> {
  const names = new Set(node.inputs);
  for (const { graphs } of node.attributes) {
    for (const graph of graphs) {
      for (const inner of graph.nodes) for (const name of namesUsed(inner)) names.add(name);
      for (const output of graph.outputs) names.add(output.name);
    }
  }
  names.delete('');
  return names;
}

class Cutter {
  private readonly used = new Map<OnnxNode, ReadonlySet<string>>();
  /** The segment in which a value is there: that of its node, or the one after an outside node. */
  private readonly levels = new Map<string, number>();
  private readonly nodeLevels = new Map<OnnxNode, number>();
  private readonly producers = new Map<string, OnnxNode>();
  /** The last level at which a value is read. */
  private readonly lastUse = new Map<string, number>();
  private count = 1;

  constructor(
    private readonly graph: OnnxGraph,
    private readonly outside: ReadonlySet<OnnxNode>,
    private readonly observed: ReadonlySet<string>,
  ) {
    for (const { name } of graph.inputs) if (!graph.initializers.has(name)) this.levels.set(name, 0);
    for (const node of graph.nodes) this.place(node);
    for (const node of graph.nodes) {
      const level = this.nodeLevels.get(node)!;
      for (const name of this.used.get(node)!) this.use(name, level);
    }
    for (const { name } of graph.outputs) this.use(name, Infinity);
  }

  segments(): Segment[] {
    return Array.from({ length: this.count }, (_, level) => this.segment(level));
  }

  private place(node: OnnxNode): void {
    const used = namesUsed(node);
    this.used.set(node, used);
    // A draw is one draw, however many segments use it.
    let level = randomOperators.has(node.opType) ? 0 : CONSTANT;
    for (const name of used) level = Math.max(level, this.levels.get(name) ?? CONSTANT);
    const isOutside = this.outside.has(node);
    if (isOutside) level = Math.max(level, 0);
    this.nodeLevels.set(node, level);
    this.count = Math.max(this.count, level + (isOutside ? 2 : 1));
    for (const output of node.outputs) {
      this.producers.set(output, node);
      this.levels.set(output, isOutside ? level + 1 : level);
    }
  }

  private use(name: string, level: number): void {
    this.lastUse.set(name, Math.max(this.lastUse.get(name) ?? CONSTANT, level));
  }

  private segment(level: number): Segment {
    const own = this.graph.nodes.filter((node) => this.nodeLevels.get(node) === level);
    const outside = own.filter((node) => this.outside.has(node));
    const inside = own.filter((node) => !this.outside.has(node));
    // What outside nodes and the graph's outputs need of the constants is computed in the first segment that can.
    const constants = new Set<string>(level === 0 ? this.graph.outputs.map(({ name }) => name) : []);
    for (const node of outside) for (const name of node.inputs) constants.add(name);
    const computed = [...constants].filter((name) => this.levels.get(name) === CONSTANT && this.producers.has(name));
    const included = this.withConstants(inside, computed);
    const produced = new Set([...included].flatMap((node) => node.outputs));
    const inputs = new Set<string>();
    for (const node of included) {
      for (const name of this.used.get(node)!) {
        if (!produced.has(name) && (this.levels.get(name) ?? CONSTANT) !== CONSTANT) inputs.add(name);
      }
    }
    const passedOn = inside
      .flatMap((node) => node.outputs)
      .filter((name) => name !== '' && (this.observed.has(name) || (this.lastUse.get(name) ?? CONSTANT) > level));
    const readOutside = outside.flatMap((node) => node.inputs).filter((name) => produced.has(name));
    return {
      nodes: this.graph.nodes.filter((node) => included.has(node)),
      inputs: [...inputs],
      outputs: [...new Set([...passedOn, ...readOutside, ...computed])],
      outside,
      finished: [...this.lastUse].filter(([, last]) => last === level).map(([name]) => name),
    };
  }

  /** The nodes, and those that compute the constants which they or `names` need. */
  private withConstants(nodes: readonly OnnxNode[], names: readonly string[]): Set<OnnxNode> {
    const included = new Set(nodes);
    const pending = [...names, ...nodes.flatMap((node) => [...this.used.get(node)!])];
    while (pending.length > 0) {
      const producer = this.producers.get(pending.pop()!);
      if (producer === undefined || included.has(producer) || this.nodeLevels.get(producer) !== CONSTANT) continue;
      included.add(producer);
      pending.push(...this.used.get(producer)!);
    }
    return included;
  }
}

const randomOperators: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
]);
