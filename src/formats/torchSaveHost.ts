// What the names in the pickles of torch.save mean: tensors are rebuilt, every object of a class stays inert.

import { Dict, Tensor, type Value } from '../runtime/program';
import { numpyScalar } from './numpyScalars';
import { argument, InertHost, PickleGlobal, PickleObject } from './pickleValues';
import { viewOf, type PersistentObjects } from './storages';
import type { TensorCall, TensorMaker } from './tensorCalls';
import { isStorageClass, KnownFunction, knownFunction } from './torchFunctions';

export class TorchSaveHost extends InertHost {
  /** Everything that Python would import beyond torch and the plain containers, in the order of the pickle. */
  readonly imports = new Set<string>();
  /** Attributes set on a dict: a state dict carries its `_metadata` so. */
  private readonly dictAttributes = new WeakMap<Dict, Dict>();

  readonly tensors?: TensorMaker;

  constructor(private readonly storages: PersistentObjects) {
    super();
    if (storages.storage !== undefined) this.tensors = tensorMaker(storages as Required<PersistentObjects>);
  }

  /** The `_metadata` of a state dict, by module path; undefined where it was left out. */
  metadataOf(dict: Dict): Dict | undefined {
    const metadata = this.dictAttributes.get(dict)?.entries.get('_metadata');
    return metadata instanceof Dict ? metadata : undefined;
  }

  protected override makeGlobal(module: string, name: string): Value {
    const qualified = `${module.replace(/^__builtin__$/, 'builtins')}.${name}`;
    if (!isStorageClass(module, name)) {
      const known = knownFunction(qualified);
      if (known !== undefined) return known;
      if (!isHarmless(qualified) && qualified !== lookUp) this.imports.add(qualified);
    }
    return super.makeGlobal(module, name);
  }

  override reduce(callable: Value, args: Value): Value {
    if (callable instanceof KnownFunction) return callable.call(args);
    if (callable instanceof PickleGlobal) {
      if (callable.typeName.replace(/^__builtin__/, 'builtins') === lookUp) return this.attribute(callable, args);
      const number = numpyScalar(callable.typeName, args);
      if (number !== undefined) return number;
      // Protocols 0 and 1 make objects through a function: (class, base, state of the base).
      const cls = /^copy_?reg\._reconstructor$/.test(callable.typeName) ? argument(args, 0) : undefined;
      if (cls !== undefined) return this.newObject(cls, args);
      // A traced graph of torch.fx travels as the module's __dict__ and the source of its forward.
      if (/^torch\.fx\.graph_module\.reduce_(?:package_)?graph_module$/.test(callable.typeName)) {
        const module = new PickleObject(new PickleGlobal('torch.fx.graph_module', 'GraphModule'), args);
        module.state = argument(args, 0);
        return module;
      }
      // What torch.compile returns travels as the model that it wraps, and how that is compiled. It has no flag of its own.
      if (callable.typeName === 'torch._dynamo.eval_frame.OptimizedModule') {
        const module = new PickleObject(callable, args);
        module.state = dictOf('_modules', dictOf('_orig_mod', argument(args, 0) ?? null));
        return module;
      }
    }
    return super.reduce(callable, args);
  }

  /**
   * Functions of the namespace torch are pickled as attributes of the class that has them, and bound methods (hooks are some)
   * as attributes of their objects. Nothing is looked up.
   */
  private attribute(callable: PickleGlobal, args: Value): Value {
    const [owner, name] = [argument(args, 0), argument(args, 1)];
    if (owner instanceof PickleGlobal && owner.typeName === functionsOfTorch && typeof name === 'string') {
      return new PickleGlobal('torch', name);
    }
    if (owner instanceof PickleObject && typeof name === 'string' && !name.startsWith('__')) {
      return new PickleGlobal(owner.typeName, name);
    }
    this.imports.add(lookUp);
    return super.reduce(callable, args);
  }

  override build(object: Value, state: Value): void {
    if (object instanceof Dict) {
      if (state instanceof Dict) this.dictAttributes.set(object, state);
      return;
    }
    super.build(object, state);
  }

  override persistent(id: Value): Value {
    // Old files pickle a module's class together with its source: ('module', class, file, source).
    if (argument(id, 0) === 'module') return argument(id, 1) ?? null;
    return this.storages.reference(id);
  }
}

function dictOf(key: string, value: Value): Dict {
  const dict = new Dict();
  dict.entries.set(key, value);
  return dict;
}

function tensorMaker(storages: Required<PersistentObjects>): TensorMaker {
  return {
    isRebuild: (callable) =>
      callable instanceof KnownFunction && callable.typeName === 'torch._utils._rebuild_tensor_v2',
    isOrderedDict: (callable) => callable instanceof KnownFunction && callable.typeName === 'collections.OrderedDict',
    make: ({ type, key, count, offset, shape, strides, requiresGrad }: TensorCall) => {
      const tensor = viewOf(storages.storage(type, key, count), offset, shape, strides);
      if (tensor instanceof Tensor) tensor.requiresGrad = requiresGrad;
      return tensor;
    },
  };
}

/** Names that every file of torch.save may have; Python's own loader for untrusted files allows most of them too. */
function isHarmless(qualified: string): boolean {
  return harmless.test(qualified);
}

const lookUp = 'builtins.getattr';
const functionsOfTorch = 'torch._C._VariableFunctionsClass';

const harmless =
  /^(?:torch\.(?:nn|storage|_utils|_tensor|utils\.hooks|serialization|fx|optim|distributions|ao|quantization|jit)\.|torch\._C\._nn\.\w+$|torch\._C\._VariableFunctionsClass$|torch\.\w+$|collections\.(?:OrderedDict|defaultdict|Counter|deque)$|builtins\.(?:set|frozenset|dict|list|tuple|int|long|float|bool|str|unicode|complex|slice|x?range|bytearray|object)$|copy_?reg\._reconstructor$|_codecs\.encode$|numpy\.(?:\w+\.)*(?:_reconstruct|scalar|ndarray|dtype)$|datetime\.|pathlib\.|argparse\.Namespace$|functools\.partial$|enum\.)/;
