// The structure of a program's arguments and results, as `torch.utils._pytree.treespec_dumps` writes it.

import type { TreeSpec } from '../runtime/program';
import type { JsonValue } from './jsonValue';

/** Field names of named tuples, by the type's serialized name. */
export type NamedTuples = ReadonlyMap<string, readonly string[]>;

/** @param spec the text `[1, {"type": "builtins.tuple", "context": "null", "children_spec": […]}]`. @throws AppError `corrupt`. */
export function readTreeSpec(spec: JsonValue, namedTuples: NamedTuples): TreeSpec {
  const [protocol, tree] = spec.document()?.items() ?? [];
  if (protocol?.int() !== 1n || tree === undefined) throw spec.error('no structure of a known version');
  return readNode(tree, namedTuples);
}

function readNode(node: JsonValue, namedTuples: NamedTuples): TreeSpec {
  const type = node.optional('type')?.string();
  if (type === undefined) return { kind: 'leaf' };
  const children = node
    .field('children_spec')
    .items()
    .map((child) => readNode(child, namedTuples));
  if (type === 'builtins.list' || type === 'collections.deque') return { kind: 'list', children };
  if (type === 'builtins.tuple' || type === 'torch.Size') return { kind: 'tuple', children };
  const context = node.optional('context');
  if (type === 'collections.namedtuple') {
    const fieldNames = context?.isString === true ? namedTuples.get(context.string()) : undefined;
    return { kind: 'tuple', children, ...(fieldNames?.length === children.length ? { fieldNames } : {}) };
  }
  const described = context?.isString === true ? context.document() : context;
  const keys = described === undefined ? undefined : readKeys(described);
  if (keys?.length === children.length) return { kind: 'dict', keys, children };
  if (type === 'builtins.dict' || type === 'collections.OrderedDict')
    throw node.error('a dict whose keys are not those of its values');
  // A class that somebody registered: its parts in order.
  return { kind: 'tuple', children };
}

/** Keys of a dict, of a `defaultdict`, or field names of a registered class such as a model's output. */
function readKeys(context: JsonValue): readonly (string | bigint)[] | undefined {
  if (context.isNull || context.isString) return undefined;
  const list = context.isList ? context : context.optional('dict_context');
  if (list?.isList !== true) return undefined;
  return list.items().map((key) => (key.isString ? key.string() : key.int()));
}
