// Making instances of the archive's classes: NamedTuples, script classes, enumerations.

import { AppError } from '../../util/errors';
import { ScriptObject, Tuple, type Value } from '../values';
import type { Interpreter } from './interpreter';
import type { ClassDefinition } from './syntax';

/** `__torch__.Point(x, y)`: a NamedTuple is filled by position, another class through its `__init__`. */
export async function constructObject(
  interpreter: Interpreter,
  className: string,
  definition: ClassDefinition,
  args: readonly Value[],
  keywords: ReadonlyMap<string, Value>,
): Promise<Value> {
  if (definition.base === 'NamedTuple') {
    const names = definition.fields.map((field) => field.name);
    const items = names.map((name, i) => args[i] ?? keywords.get(name) ?? null);
    if (args.length > names.length) throw new AppError('program-error', `${className} has ${names.length} fields`);
    return new Tuple(items, names);
  }
  const object = new ScriptObject(className, new Map());
  if (definition.methods.has('__init__')) await interpreter.callMethod(object, '__init__', args, keywords);
  return object;
}
