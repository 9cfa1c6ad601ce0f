// What the names in the pickles of a TorchScript archive mean. Nothing beyond this list is understood, and nothing is executed.

import { Device, Dict, OpaqueValue, ScriptObject, stateAttribute, type Value } from '../runtime/program';
import { beyondLimit, damaged } from './byteSource';
import { argument, InertHost } from './pickleValues';
import { rebuildTensor, UnreadableTensor, type StorageTable } from './storages';

/** The one attribute of an enum member; its name stands in the code only. */
const ENUM_ATTRIBUTE = 'value';

const MAX_COPIED = 50_000_000;

/** A class of the archive, by its qualified name. */
class ScriptClass extends OpaqueValue {}

/** A function that torch's pickler calls. */
class KnownFunction extends OpaqueValue {
  constructor(
    name: string,
    readonly call: (args: Value) => Value,
  ) {
    super(name);
  }
}

export class TorchScriptHost extends InertHost {
  /** Names that no TorchScript archive needs, in the order of the pickle: `os.system`. */
  readonly foreign = new Set<string>();
  /** Dicts that the file gave a type: they are values, never the attributes of an object. */
  private readonly typedDicts = new WeakSet<Dict>();
  private copied = 0;

  /** @param storages resolves tensors; without it they are unreadable. */
  constructor(
    private readonly what: string,
    private readonly storages?: StorageTable,
  ) {
    super();
  }

  protected override makeGlobal(module: string, name: string): Value {
    const qualified = `${module}.${name}`;
    // The layers of a model optimised for mobile devices are objects of C++ classes whose state is plain.
    if (module === '__torch__.torch.classes.xnnpack') return new ScriptClass(qualified);
    // Objects of other C++ classes can only be passed around.
    if (module.startsWith('__torch__.torch.classes')) return super.makeGlobal(module, name);
    if (module === '__torch__' || module.startsWith('__torch__.')) return new ScriptClass(qualified);
    // Kinds of storage, and the schemes of quantized tensors.
    if (module === 'torch' && /^(?:[A-Z][A-Za-z0-9]*Storage|per_[a-z_]+)$/.test(name))
      return super.makeGlobal(module, name);
    if (qualified === 'torch.jit._pickle.restore_type_tag')
      return new KnownFunction(qualified, (args) => this.restoreType(args));
    const known = functions.get(qualified);
    if (known !== undefined) return new KnownFunction(qualified, known);
    this.foreign.add(qualified);
    return super.makeGlobal(module, name);
  }

  override reduce(callable: Value, args: Value): Value {
    if (callable instanceof KnownFunction) return callable.call(args);
    if (callable instanceof ScriptClass) return new ScriptObject(callable.typeName, new Map([[ENUM_ATTRIBUTE, args]]));
    return super.reduce(callable, args);
  }

  override newObject(cls: Value, args: Value): Value {
    return cls instanceof ScriptClass ? new ScriptObject(cls.typeName, new Map()) : super.newObject(cls, args);
  }

  override build(object: Value, state: Value): void {
    if (!(object instanceof ScriptObject)) {
      super.build(object, state);
      return;
    }
    if (!(state instanceof Dict) || this.typedDicts.has(state)) {
      object.attributes.set(stateAttribute, state);
      return;
    }
    // A state kept in the memo could be built again and again; honest files copy each attribute once.
    this.copied += state.entries.size;
    if (this.copied > MAX_COPIED) throw beyondLimit(this.what, `its objects have more than ${MAX_COPIED} attributes`);
    for (const [name, value] of state.entries) {
      if (typeof name !== 'string') throw damaged(this.what, 'an attribute has no name');
      object.attributes.set(name, value);
    }
  }

  override persistent(id: Value): Value {
    return this.storages?.reference(id) ?? super.persistent(id);
  }

  private restoreType(args: Value): Value {
    const value = argument(args, 0) ?? null;
    if (value instanceof Dict) this.typedDicts.add(value);
    return value;
  }
}

const arg = (args: Value, index: number): Value => argument(args, index) ?? null;
const first = (args: Value): Value => arg(args, 0);

function unsupported(kind: string): (args: Value) => Value {
  return () => new UnreadableTensor(`${kind} tensors are not supported`);
}

function deviceName(value: Value): string {
  return typeof value === 'string' ? value : 'cpu';
}

const functions: ReadonlyMap<string, (args: Value) => Value> = new Map<string, (args: Value) => Value>([
  ['torch._utils._rebuild_tensor', (a) => rebuildTensor(arg(a, 0), arg(a, 1), arg(a, 2), arg(a, 3), false)],
  ['torch._utils._rebuild_tensor_v2', (a) => rebuildTensor(arg(a, 0), arg(a, 1), arg(a, 2), arg(a, 3), arg(a, 4))],
  ['torch._utils._rebuild_parameter', first],
  ['torch._utils._rebuild_qtensor', unsupported('quantized')],
  ['torch._utils._rebuild_sparse_tensor', unsupported('sparse')],
  ['torch._utils._rebuild_sparse_csr_tensor', unsupported('sparse')],
  ['torch._utils._rebuild_meta_tensor_no_storage', unsupported('meta')],
  ['torch.jit._pickle.build_intlist', first],
  ['torch.jit._pickle.build_doublelist', first],
  ['torch.jit._pickle.build_boollist', first],
  ['torch.jit._pickle.build_tensorlist', first],
  ['torch.jit._pickle.build_tensor_from_id', unsupported('separately stored')],
  ['torch.device', (a) => new Device(deviceName(first(a)))],
  ['builtins.complex', () => new OpaqueValue('complex')],
  ['collections.OrderedDict', () => new Dict()],
]);
