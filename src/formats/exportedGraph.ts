// The graph of a torch.export program from its JSON: calls, arguments, and what the inputs and outputs stand for.

import { parseStackTrace } from '../model/stackTrace';
import {
  Device,
  type Argument,
  type Graph,
  type GraphNode,
  type InputBinding,
  type NamedArgument,
  type OutputBinding,
  type Range,
  type Size,
  type TensorMeta,
  type Value,
} from '../runtime/program';
import { beyondLimit } from './byteSource';
import {
  dtypeOfSerialized,
  layoutOfSerialized,
  memoryFormatOfSerialized,
  scalarTypeOfSerialized,
} from './exportedScalars';
import { ModuleStacks } from './exportedStacks';
import type { JsonValue } from './jsonValue';

const MAX_NODES = 4_000_000;

const reference = (name: string): Argument => ({ kind: 'reference', name });
const constant = (value: Value): Argument => ({ kind: 'constant', value });
const list = (value: JsonValue, item: (value: JsonValue) => Argument): Argument => ({
  kind: 'list',
  items: value.items().map(item),
});

/** Reads graphs of one program; graphs inside of graphs count towards its limit. */
export class GraphReader {
  private readonly stacks = new ModuleStacks();
  private nodeCount = 0;

  /** @param ranges of symbols, by their names. */
  constructor(
    private readonly what: string,
    private readonly ranges: ReadonlyMap<string, Range>,
  ) {}

  /** @throws AppError `corrupt`, `limit-exceeded`. */
  graph(json: JsonValue): Graph {
    const inputs = json.field('inputs').items();
    const metas = json.field('tensor_values');
    const inputMetas = new Map<string, TensorMeta>();
    for (const input of inputs) {
      const [tag, value] = input.union();
      if (tag !== 'as_tensor') continue;
      const name = value.field('name').string();
      const meta = metas.optional(name);
      if (meta !== undefined) inputMetas.set(name, this.meta(meta));
    }
    return {
      inputs: inputs.map((input) => this.argument(input)),
      outputs: json
        .field('outputs')
        .items()
        .map((output) => this.argument(output)),
      nodes: json
        .field('nodes')
        .items()
        .map((node) => this.node(node)),
      inputMetas,
    };
  }

  private node(json: JsonValue): GraphNode {
    if (++this.nodeCount > MAX_NODES) throw beyondLimit(this.what, `it has more than ${MAX_NODES} calls`);
    const metadata = json.field('metadata');
    const text = (name: string): string => metadata.optional(name)?.string() ?? '';
    const trace = text('stack_trace');
    return {
      target: json.field('target').string(),
      inputs: json
        .field('inputs')
        .items()
        .map((input): NamedArgument => ({
          name: input.field('name').string(),
          value: this.argument(input.field('arg')),
        })),
      outputs: json
        .field('outputs')
        .items()
        .map((output) => this.argument(output)),
      modules: this.stacks.read(text('nn_module_stack')),
      calledFunction: text('torch_fn').split(';')[1] ?? '',
      stack: () => parseStackTrace(trace),
    };
  }

  /** An argument or a result, of any kind of the schema. */
  private argument(json: JsonValue): Argument {
    const [tag, value] = json.union();
    switch (tag) {
      case 'as_none':
      case 'as_int':
      case 'as_float':
      case 'as_bool':
        return constant(readScalar(json));
      case 'as_string':
        return constant(value.string());
      case 'as_tensor':
      case 'as_custom_obj':
        return reference(value.field('name').string());
      case 'as_sym_int':
      case 'as_sym_float':
      case 'as_sym_bool':
      case 'as_optional_tensor':
        return this.symbolic(value);
      case 'as_tensors':
        return list(value, (item) => reference(item.field('name').string()));
      case 'as_nested_tensors':
        return list(value, (inner) => list(inner, (item) => reference(item.field('name').string())));
      case 'as_sym_ints':
      case 'as_sym_floats':
      case 'as_sym_bools':
      case 'as_optional_tensors':
        return list(value, (item) => this.symbolic(item));
      case 'as_ints':
        return list(value, (item) => constant(item.int()));
      case 'as_floats':
        return list(value, (item) => constant(item.number()));
      case 'as_bools':
        return list(value, (item) => constant(item.bool()));
      case 'as_strings':
        return list(value, (item) => constant(item.string()));
      case 'as_int_lists':
        return list(value, (inner) => list(inner, (item) => constant(item.int())));
      case 'as_float_lists':
        return list(value, (inner) => list(inner, (item) => constant(item.number())));
      case 'as_scalar_type':
        return constant(scalarTypeOfSerialized(value.count()));
      case 'as_layout':
        return constant(layoutOfSerialized(value.count()));
      case 'as_memory_format':
        return constant(memoryFormatOfSerialized(value.count()));
      case 'as_device':
        return constant(new Device(value.field('type').string()));
      case 'as_graph':
        return { kind: 'graph', graph: this.graph(value.field('graph')) };
      case 'as_string_to_argument':
        return {
          kind: 'dict',
          entries: Array.from(value.entries(), ([key, item]) => [key, this.argument(item)] as const),
        };
      default:
        return { kind: 'unsupported', what: tag.replace(/^as_/, '').slice(0, 40) };
    }
  }

  /** A name or a plain value where either may stand. */
  private symbolic(json: JsonValue): Argument {
    const [tag, value] = json.union();
    switch (tag) {
      case 'as_name':
        return reference(value.string());
      case 'as_tensor':
        return reference(value.field('name').string());
      default:
        return constant(readScalar(json));
    }
  }

  private meta(json: JsonValue): TensorMeta {
    return {
      dtype: dtypeOfSerialized(json.field('dtype').count()),
      sizes: json
        .field('sizes')
        .items()
        .map((size) => this.size(size)),
    };
  }

  private size(json: JsonValue): Size {
    const [tag, value] = json.union();
    if (tag === 'as_int') return { kind: 'fixed', size: value.count() };
    const text = value.field('expr_str').string();
    // Either the name alone or sympy's `Symbol('s77', positive=True, integer=True)`.
    const symbol = /^Symbol\('(\w+)'[^()]*\)$/.exec(text)?.[1] ?? text;
    const hint = value.optional('hint')?.optional('as_int');
    const range = this.ranges.get(symbol) ?? { min: null, max: null };
    return { kind: 'symbol', symbol, hint: hint === undefined ? null : hint.count(), range };
  }
}

/** What one input of the graph stands for. */
export function readInputBinding(json: JsonValue): InputBinding {
  const [tag, value] = json.union();
  switch (tag) {
    case 'user_input':
      return { kind: 'user' };
    case 'parameter':
      return { kind: 'parameter', fullName: value.field('parameter_name').string() };
    case 'buffer':
      return { kind: 'buffer', fullName: value.field('buffer_name').string() };
    case 'tensor_constant':
      return { kind: 'constant', fullName: value.field('tensor_constant_name').string() };
    case 'constant_input':
      return { kind: 'fixed', value: readConstant(value.field('value')) };
    default:
      return { kind: 'opaque', what: tag };
  }
}

function readConstant(json: JsonValue): Value {
  const [tag, value] = json.union();
  return tag === 'as_string' ? value.string() : readScalar(json);
}

/** A number, a bool or None that stands in the JSON itself. */
function readScalar(json: JsonValue): Value {
  const [tag, value] = json.union();
  switch (tag) {
    case 'as_none':
      return null;
    case 'as_int':
      return value.int();
    case 'as_float':
      return value.number();
    case 'as_bool':
      return value.bool();
    default:
      throw json.error('not one of the known kinds');
  }
}

/** What one output of the graph stands for. */
export function readOutputBinding(json: JsonValue): OutputBinding {
  const [tag, value] = json.union();
  switch (tag) {
    case 'user_output':
    case 'loss_output':
      return { kind: 'user' };
    case 'buffer_mutation':
      return { kind: 'mutation', fullName: value.field('buffer_name').string() };
    case 'parameter_mutation':
      return { kind: 'mutation', fullName: value.field('parameter_name').string() };
    case 'user_input_mutation':
      return { kind: 'inputMutation', inputName: value.field('user_input_name').string() };
    default:
      return { kind: 'ignored' };
  }
}
