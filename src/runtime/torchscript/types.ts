// `isinstance` in serialized code: its second argument is a type expression.

import { AppError } from '../../util/errors';
import { Tensor } from '../tensor';
import { Device, Dict, ScriptObject, Tuple, type Value } from '../values';
import type { Expression } from './syntax';

/** Whether the value is of the type, or of one of a tuple or list of types. */
export function isInstance(value: Value, type: Expression): boolean {
  if (type.kind === 'tuple' || type.kind === 'list') return type.items.some((item) => isInstance(value, item));
  if (type.kind === 'literal' && type.value === null) return value === null;
  if (type.kind === 'name') return isNamed(value, type.name);
  if (type.kind === 'subscript') return isGeneric(value, type);
  if (type.kind === 'attribute') return value instanceof ScriptObject && value.className === qualifiedName(type);
  throw new AppError('program-error', 'The code asks isinstance for a type that the interpreter does not know');
}

function isNamed(value: Value, name: string): boolean {
  switch (name) {
    case 'Tensor':
      return value instanceof Tensor;
    case 'int':
      return typeof value === 'bigint';
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'str':
      return typeof value === 'string';
    case 'NoneType':
      return value === null;
    case 'Device':
      return value instanceof Device;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint';
    case 'list':
      return Array.isArray(value);
    case 'tuple':
      return value instanceof Tuple;
    default:
      throw new AppError('program-error', `The code asks isinstance for ${name}, which the interpreter does not know`);
  }
}

function isGeneric(value: Value, type: Expression & { kind: 'subscript' }): boolean {
  const name = type.object.kind === 'name' ? type.object.name : '';
  const parameters = type.index.kind === 'tuple' ? type.index.items : [type.index];
  const [first, second] = parameters as [Expression, Expression | undefined];
  switch (name) {
    case 'List':
      return Array.isArray(value) && value.every((item) => isInstance(item, first));
    case 'Optional':
      return value === null || isInstance(value, first);
    case 'Union':
      return parameters.some((parameter) => isInstance(value, parameter));
    case 'Tuple':
      return (
        value instanceof Tuple &&
        value.items.length === parameters.length &&
        value.items.every((item, i) => isInstance(item, parameters[i] as Expression))
      );
    case 'Dict':
      return (
        value instanceof Dict &&
        [...value.entries].every(
          ([key, item]) => isInstance(key, first) && (second === undefined || isInstance(item, second)),
        )
      );
    default:
      throw new AppError(
        'program-error',
        `The code asks isinstance for ${type.text}, which the interpreter does not know`,
      );
  }
}

function qualifiedName(type: Expression): string {
  if (type.kind === 'name') return type.name;
  return type.kind === 'attribute' ? `${qualifiedName(type.object)}.${type.name}` : '';
}
