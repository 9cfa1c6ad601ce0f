// Pickled `nn.Module` objects as modules: class, flag, options, tensors and children, without the class being there.

import { Dict, OpaqueValue, StoredModule, Tensor, type Value } from '../runtime/program';
import { beyondLimit, damaged } from './byteSource';
import { MarkedBoolean, PickleObject } from './pickleValues';
import { moduleState } from './moduleState';
import { modulesIn, type HeldModule } from './unregistered';

const MAX_DEPTH = 500;
/** Modules counted under each of their paths. What torch pickles of a module takes so much that its files have a quarter of it. */
const MAX_PATHS = 100_000;

/** Turns objects into modules; one object that stands at several places becomes one module. */
export class ModuleReader {
  /** The flags of modules, where the pickle was read with its booleans marked. */
  readonly flags = new Map<StoredModule, MarkedBoolean>();
  /** Modules in plain lists and dicts, by whose they are. */
  private readonly held = new Map<StoredModule, readonly HeldModule[]>();
  private readonly read = new Map<PickleObject, { module: StoredModule; paths: number }>();

  /** @param fileName for messages. */
  constructor(private readonly fileName: string) {}

  /** @throws AppError `corrupt` for a module that contains itself, `limit-exceeded` for absurd depths and numbers. */
  module(object: PickleObject): StoredModule {
    const { module } = this.convert(object, 0);
    for (const [owner, held] of this.held) {
      // What stands in the tree too is only listed a second time.
      const unknown = held.filter(({ object: each }) => !this.read.has(each));
      if (unknown.length > 0)
        owner.unregistered = unknown.map(({ name, type, training }) => ({ name, type, training }));
    }
    return module;
  }

  private convert(object: PickleObject, depth: number): { module: StoredModule; paths: number } {
    const known = this.read.get(object);
    if (known?.paths === 0) throw damaged(this.fileName, `its module ${object.typeName} contains itself`);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) throw beyondLimit(this.fileName, `its modules are nested more than ${MAX_DEPTH} deep`);
    const state = moduleState(object) ?? new Dict();
    const flag = state.entries.get('training');
    const training = flag instanceof MarkedBoolean ? flag.value : flag;
    const module = new StoredModule(object.typeName, typeof training === 'boolean' ? training : null);
    if (flag instanceof MarkedBoolean) this.flags.set(module, flag);
    module.obstacle = obstacleIn(state);
    const entry = { module, paths: 0 };
    this.read.set(object, entry);
    copyNamed(state.entries.get('_parameters'), module, 'parameters');
    copyNamed(state.entries.get('_buffers'), module, 'buffers');
    let paths = 1;
    for (const [name, child] of named(state.entries.get('_modules'))) {
      if (!(child instanceof PickleObject)) {
        // A part that a class leaves out, such as the norm of an encoder, is None; a Sequential would call it.
        if (child !== null || object.typeName.endsWith('.Sequential'))
          module.obstacle ??= `its part '${name}' is no module`;
        continue;
      }
      // torch refuses such names; a path with one would lead nowhere.
      if (name === '' || name.includes('.'))
        throw damaged(this.fileName, `a module has the impossible name '${name.slice(0, 60)}'`);
      const converted = this.convert(child, depth + 1);
      module.setChild(name, converted.module);
      paths += converted.paths;
    }
    if (paths > MAX_PATHS) throw beyondLimit(this.fileName, `it has more than ${MAX_PATHS} modules`);
    for (const [name, value] of named(state)) {
      // What begins with an underscore is torch's own: hooks and the containers above.
      if (!name.startsWith('_') && name !== 'training') module.set('attributes', name, value);
    }
    const held = modulesIn(state);
    if (held.length > 0) this.held.set(module, held);
    entry.paths = paths;
    return entry;
  }
}

/** What makes a forward do more than its class says. Python runs hooks around it, and looks for `forward` at the object first. */
function obstacleIn({ entries }: Dict): string | undefined {
  for (const [key, kind] of hooks) {
    const hook = entries.get(key);
    if (!(hook instanceof Dict) || hook.entries.size === 0) continue;
    const [first] = hook.entries.values();
    const name = first instanceof OpaqueValue ? ` (${first.typeName})` : '';
    return `it has a ${kind}${name}, whose code the file does not hold`;
  }
  if (entries.has('forward')) return 'its forward was replaced by one that the file does not hold';
  return undefined;
}

const hooks = [
  ['_forward_pre_hooks', 'forward pre-hook'],
  ['_forward_hooks', 'forward hook'],
] as const;

function copyNamed(dict: Value | undefined, module: StoredModule, kind: 'parameters' | 'buffers'): void {
  for (const [name, value] of named(dict))
    module.set(kind, name, value instanceof Tensor || value instanceof OpaqueValue ? value : null);
}

function* named(dict: Value | undefined): Generator<readonly [string, Value]> {
  if (!(dict instanceof Dict)) return;
  for (const [name, value] of dict.entries) if (typeof name === 'string') yield [name, value];
}
