// Puts the bodies of a file's own functions in place of their calls, where something in them depends on the mode.

import { PbfWriter } from 'pbf';

import { AppError } from '../../util/errors';
import type { OnnxAttribute, OnnxFile, OnnxFunction, OnnxNode } from './onnxFile';

const maxDepth = 64;
const maxNodes = 250_000;

const modeOperators: ReadonlySet<string> = new Set(['BatchNormalization', 'Dropout']);

/** The same file, with such calls replaced; each call becomes nodes of its own. @throws AppError `limit-exceeded`. */
export function inlineFunctions(file: OnnxFile): OnnxFile {
  const inliner = new Inliner(file);
  const nodes = file.graph.nodes.flatMap((node) => inliner.expand(node, 0));
  return { ...file, graph: { ...file.graph, nodes } };
}

class Inliner {
  private readonly functions: ReadonlyMap<string, OnnxFunction>;
  private readonly verdicts = new Map<OnnxFunction, boolean>();
  private calls = 0;
  private nodeCount = 0;

  constructor(private readonly file: OnnxFile) {
    this.functions = new Map(
      file.functions.map((definition) => [keyOf(definition.domain, definition.name), definition]),
    );
  }

  expand(node: OnnxNode, depth: number): OnnxNode[] {
    if (depth > maxDepth || ++this.nodeCount > maxNodes) {
      throw new AppError(
        'limit-exceeded',
        `The functions of ${this.file.name} call each other more than ${maxDepth} deep, or make more than ${maxNodes} nodes`,
      );
    }
    const definition = this.functions.get(keyOf(node.domain, node.opType));
    if (definition === undefined || !this.dependsOnMode(definition)) return [node];
    const call = this.calls++;
    const callName = node.name === '' ? `${node.opType}_${call}` : node.name;
    // Names of values are made up, so that they meet no other.
    const prefix = `mode-inspector/${call}/`;
    const names = new Map<string, string>([['', '']]);
    definition.inputs.forEach((name, i) => names.set(name, node.inputs[i] ?? ''));
    // An output that the call leaves out is computed all the same.
    definition.outputs.forEach((name, i) => {
      const taken = node.outputs[i] ?? '';
      if (taken !== '') names.set(name, taken);
    });
    const rename = (name: string): string => names.get(name) ?? `${prefix}${name}`;
    return definition.nodes.flatMap((inner) => {
      const body = {
        ...inner,
        name: `${callName}/${inner.name === '' ? inner.opType : inner.name}`,
        inputs: inner.inputs.map(rename),
        outputs: inner.outputs.map(rename),
        attributes: inner.attributes.flatMap((attribute) => givenAttribute(attribute, node, definition)),
        metadata: new Map([...node.metadata, ...inner.metadata]),
      };
      return this.expand(body, depth + 1);
    });
  }

  /** Whether it is to be replaced: not if its operators have other versions than the graph's, or see its values in subgraphs. */
  private dependsOnMode(definition: OnnxFunction): boolean {
    const known = this.verdicts.get(definition);
    if (known !== undefined) return known;
    // A function that calls itself is no valid one; it is left for ONNX Runtime to refuse.
    this.verdicts.set(definition, false);
    const { nodes, opsets } = definition;
    const fits =
      [...opsets].every(([domain, version]) => (this.file.opsets.get(domain) ?? version) === version) &&
      nodes.every(({ attributes }) => attributes.every(({ graphs }) => graphs.length === 0));
    const verdict = fits && nodes.some((node) => this.nodeDepends(node));
    this.verdicts.set(definition, verdict);
    return verdict;
  }

  private nodeDepends({ domain, opType }: OnnxNode): boolean {
    if (domain === '' && modeOperators.has(opType)) return true;
    const called = this.functions.get(keyOf(domain, opType));
    return called !== undefined && this.dependsOnMode(called);
  }
}

const keyOf = (domain: string, name: string): string => `${domain}\n${name}`;

/** An attribute of the body: its own, or what the call gives it, or the function's default. */
function givenAttribute(attribute: OnnxAttribute, call: OnnxNode, definition: OnnxFunction): OnnxAttribute[] {
  const { name, reference } = attribute;
  if (reference === '') return [attribute];
  const isGiven = (candidate: OnnxAttribute): boolean => candidate.name === reference;
  const given = call.attributes.find(isGiven) ?? definition.defaults.find(isGiven);
  return given === undefined ? [] : [{ ...given, name, encoded: () => renamed(given, name) }];
}

/** Of two names in a message, the last counts. */
async function renamed(attribute: OnnxAttribute, name: string): Promise<Uint8Array> {
  const pbf = new PbfWriter();
  pbf.writeStringField(1, name);
  const [encoded, last] = [await attribute.encoded(), pbf.finish()];
  const bytes = new Uint8Array(encoded.length + last.length);
  bytes.set(encoded);
  bytes.set(last, encoded.length);
  return bytes;
}
