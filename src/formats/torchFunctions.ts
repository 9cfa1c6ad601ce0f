// The functions that torch's own pickles call, as what they return: tensors, devices, lists of a type. Nothing else is understood.

import { Device, Dict, OpaqueValue, Tensor, Tuple, type Value } from '../runtime/program';
import { argument } from './pickleValues';
import { rebuildTensor, UnreadableTensor } from './storages';

/** A function that torch's pickler calls. */
export class KnownFunction extends OpaqueValue {
  constructor(
    name: string,
    /** Of the call's arguments, usually a tuple. */
    readonly call: (args: Value) => Value,
  ) {
    super(name);
  }
}

/** The function of this qualified name, where it is one of torch's. */
export function knownFunction(qualified: string): KnownFunction | undefined {
  const call = functions.get(qualified);
  return call === undefined ? undefined : new KnownFunction(qualified, call);
}

/** Kinds of storage, and the schemes of quantized tensors. */
export function isStorageClass(module: string, name: string): boolean {
  return module === 'torch' && /^(?:[A-Z][A-Za-z0-9]*Storage|per_[a-z_]+)$/.test(name);
}

const arg = (args: Value, index: number): Value => argument(args, index) ?? null;
const first = (args: Value): Value => arg(args, 0);

function unsupported(kind: string): (args: Value) => Value {
  return () => new UnreadableTensor(`${kind} tensors are not supported`);
}

function deviceName(value: Value): string {
  return typeof value === 'string' ? value : 'cpu';
}

/** `torch.nn.Parameter(data, requires_grad)`, without its hooks. */
function parameter(args: Value): Value {
  const data = first(args);
  if (data instanceof Tensor) data.requiresGrad = arg(args, 1) === true;
  return data;
}

/** A subclass of Tensor: `func(*args)`, then its state, which only Python needs. */
function fromType(args: Value): Value {
  const func = first(args);
  return func instanceof KnownFunction ? func.call(arg(args, 2)) : new UnreadableTensor('its class is unknown');
}

/** `torch.Size(sizes)`. */
function size(args: Value): Value {
  const sizes = first(args);
  return Array.isArray(sizes) ? new Tuple(sizes) : sizes;
}

/** Items usually follow one by one; Python 2 passed them as a list of pairs. */
function orderedDict(args: Value): Dict {
  const dict = new Dict();
  const pairs = first(args);
  for (const pair of Array.isArray(pairs) ? pairs : []) {
    const [key, value] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (key !== undefined && value !== undefined) dict.entries.set(key, value);
  }
  return dict;
}

const functions: ReadonlyMap<string, (args: Value) => Value> = new Map<string, (args: Value) => Value>([
  ['torch._utils._rebuild_tensor', (a) => rebuildTensor(arg(a, 0), arg(a, 1), arg(a, 2), arg(a, 3), false)],
  ['torch._utils._rebuild_tensor_v2', (a) => rebuildTensor(arg(a, 0), arg(a, 1), arg(a, 2), arg(a, 3), arg(a, 4))],
  ['torch._utils._rebuild_tensor_v3', unsupported('untyped')],
  ['torch._utils._rebuild_parameter', parameter],
  ['torch._utils._rebuild_parameter_with_state', parameter],
  ['torch._tensor._rebuild_from_type_v2', fromType],
  ['torch._utils._rebuild_qtensor', unsupported('quantized')],
  ['torch._utils._rebuild_sparse_tensor', unsupported('sparse')],
  ['torch._utils._rebuild_sparse_csr_tensor', unsupported('sparse')],
  ['torch._utils._rebuild_meta_tensor_no_storage', unsupported('meta')],
  ['torch._utils._rebuild_nested_tensor', unsupported('nested')],
  ['torch._utils._rebuild_wrapper_subclass', unsupported('wrapper')],
  ['torch._utils._rebuild_device_tensor_from_numpy', unsupported('device')],
  ['torch._utils._rebuild_device_tensor_from_cpu_tensor', unsupported('device')],
  ['torch.jit._pickle.build_intlist', first],
  ['torch.jit._pickle.build_doublelist', first],
  ['torch.jit._pickle.build_boollist', first],
  ['torch.jit._pickle.build_tensorlist', first],
  ['torch.jit._pickle.build_tensor_from_id', unsupported('separately stored')],
  ['torch.device', (a) => new Device(deviceName(first(a)))],
  ['torch.Size', size],
  ['builtins.complex', () => new OpaqueValue('complex')],
  ['collections.OrderedDict', orderedDict],
]);
