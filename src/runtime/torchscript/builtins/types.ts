// What a built-in function is.

import type { Value } from '../../values';
import type { Interpreter } from '../interpreter';

/** Says that a built-in doesn't take these arguments, so that the next table or the operators are asked. */
export const noMatch = Symbol('no match');

export type Builtin = (
  args: readonly Value[],
  interpreter: Interpreter,
  keywords: ReadonlyMap<string, Value>,
) => Value | typeof noMatch | Promise<Value | typeof noMatch>;
