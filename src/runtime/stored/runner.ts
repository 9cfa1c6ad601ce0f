// Runs the forward of stored modules whose classes are torch's own, and says which modules it can't run.

import { AppError, toAppError } from '../../util/errors';
import type { InputSpec } from '../../model/description';
import type { RunContext } from '../context';
import { suggestInput } from '../inputs';
import { located } from '../located';
import type { OperatorTable } from '../operators/registry';
import type { StoredModule } from '../program';
import { Tensor } from '../tensor';
import { OpaqueValue, type Value } from '../values';
import { forwardOf } from './forwards';
import { Layer, type CallModule, type LayerForward } from './forwards/layer';
import { Arguments, type Parameter } from './forwards/signature';
import { typeOf } from './layerKinds';
import type { StoredNode } from './storedTree';

/** Runs the root's forward. @throws AppError that names the innermost module which failed. */
export async function runStored(
  root: StoredModule,
  args: readonly Value[],
  operators: OperatorTable,
  context: RunContext,
): Promise<Value> {
  const told = new WeakSet<AppError>();
  const callModule: CallModule = async (module, path, positional, keywords) => {
    context.throwIfCancelled();
    try {
      const forward = knownForward(module, path);
      const layer = new Layer(module, path, { operators, context, callModule });
      const result = await forward.run(layer, Arguments.bind(parametersOf(module), positional, keywords));
      await context.moduleReturned(path, result);
      return result;
    } catch (error) {
      const appError = toAppError(error, 'program-error');
      if (told.has(appError) || appError.code === 'cancelled') throw appError;
      const named = located(appError, path, undefined);
      told.add(named);
      throw named;
    }
  };
  return callModule(root, '', args, {});
}

/** Why the forward of the root can't run: the first module in its way. Undefined where it can. */
export function obstacleTo(root: StoredModule): AppError | undefined {
  const seen = new Set<StoredModule>();
  const pending: (readonly [string, StoredModule])[] = [['', root]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, module] = next;
    if (seen.has(module)) continue;
    seen.add(module);
    let forward: LayerForward;
    try {
      forward = knownForward(module, path);
    } catch (error) {
      return toAppError(error, 'no-program');
    }
    const called = [...(forward.calls?.(module) ?? [])];
    for (const [name, child] of called.reverse()) pending.push([path === '' ? name : `${path}.${name}`, child]);
  }
  return undefined;
}

/** The arguments of the forward of a root that can run, with shapes from the module itself or from the first layer with a weight. */
export function storedInputs(nodes: readonly StoredNode[]): readonly InputSpec[] {
  const module = entry(nodes[0]!.item);
  const forward = forwardOf(module.qualifiedType);
  const layers = nodes.map(({ item: layer, path }) => ({
    path,
    type: typeOf(layer),
    tensor: (name: string) => layer.parameters.get(name),
    attribute: (name: string) => layer.attributes.get(name),
  }));
  return parametersOf(module).map(({ name, type, defaultValue }, i): InputSpec => {
    const shape = forward?.suggest?.(module, name);
    const own = shape === undefined ? undefined : { shape, dtype: floatType(nodes), from: typeOf(module) };
    const suggestion = own ?? (i === 0 ? suggestInput(layers) : undefined);
    const isOffered = suggestion !== undefined && type === 'Tensor';
    return { name, type, hasDefault: defaultValue !== undefined, ...(isOffered ? { suggestion } : {}) };
  });
}

function floatType(nodes: readonly StoredNode[]): Tensor['dtype'] {
  for (const { item } of nodes) {
    for (const value of item.parameters.values()) if (value instanceof Tensor) return value.dtype;
  }
  return 'float32';
}

/** The module that a chain of wrappers ends in. */
function entry(root: StoredModule): StoredModule {
  let module = root;
  for (;;) {
    const child = module.children.get(forwardOf(module.qualifiedType)?.delegate ?? '');
    if (child === undefined) return module;
    module = child;
  }
}

function parametersOf(module: StoredModule): readonly Parameter[] {
  return forwardOf(entry(module).qualifiedType)?.parameters ?? [];
}

const howToSave = 'Save the model with torch.jit.script or torch.export to run it here.';

/** @throws AppError `no-program` where the file does not tell what the module's forward does. */
function knownForward(module: StoredModule, path: string): LayerForward {
  const { qualifiedType } = module;
  const type = typeOf(module);
  const name = path === '' ? `The root module (${qualifiedType})` : `Module '${path}' (${qualifiedType})`;
  if (/^torch\.nn\.modules\.\w+\.Lazy/.test(qualifiedType)) {
    const words = `${name} can't run: a ${type} has no weights before its first forward`;
    throw new AppError('no-program', words, 'Run the model once in Python, then save it.');
  }
  const obstacle = module.obstacle ?? unreadable(module);
  if (obstacle !== undefined) throw new AppError('no-program', `${name} can't run: ${obstacle}`, howToSave);
  const forward = forwardOf(qualifiedType);
  if (forward !== undefined) return forward;
  if (qualifiedType === '') throw new AppError('no-program', 'The file holds no code that could run', howToSave);
  if (qualifiedType.startsWith('torch.nn.modules.container.')) {
    throw new AppError('no-program', `${name} can't run: a ${type} has no forward of its own`, howToSave);
  }
  if (qualifiedType.startsWith('torch.')) {
    throw new AppError(
      'no-program',
      `${name} can't run: the runtime does not have the forward of a ${type}`,
      howToSave,
    );
  }
  throw new AppError('no-program', `${name} can't run: its forward is code that the file does not hold`, howToSave);
}

/** A tensor that no forward could use, such as a quantised one. */
function unreadable({ parameters, buffers }: StoredModule): string | undefined {
  for (const [name, value] of [...parameters, ...buffers]) {
    if (value instanceof OpaqueValue)
      return `its '${name}' can't be used: ${value.reason ?? `it is a ${value.typeName}`}`;
  }
  return undefined;
}
