// What the names in the pickles of a TorchScript archive mean. Nothing beyond this list is understood, and nothing is executed.

import { Dict, OpaqueValue, ScriptObject, stateAttribute, type Value } from '../runtime/program';
import { beyondLimit, damaged } from './byteSource';
import { argument, InertHost } from './pickleValues';
import type { StorageTable } from './storages';
import { isStorageClass, KnownFunction, knownFunction } from './torchFunctions';

/** The one attribute of an enum member; its name stands in the code only. */
const ENUM_ATTRIBUTE = 'value';

/** Of all objects together; a module of torch has some ten. */
const MAX_COPIED = 2_000_000;

/** A class of the archive, by its qualified name. */
class ScriptClass extends OpaqueValue {}

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
    if (isStorageClass(module, name)) return super.makeGlobal(module, name);
    if (qualified === 'torch.jit._pickle.restore_type_tag')
      return new KnownFunction(qualified, (args) => this.restoreType(args));
    const known = knownFunction(qualified);
    if (known !== undefined) return known;
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
