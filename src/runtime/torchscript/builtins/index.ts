// The language's own functions: what serialized code calls that is no tensor operator.

import type { Value } from '../../values';
import type { Interpreter } from '../interpreter';
import { containerBuiltins } from './containers';
import { languageBuiltins } from './language';
import { scalarBuiltins } from './scalars';
import { stringBuiltins } from './strings';
import { noMatch, type Builtin } from './types';

export { noMatch } from './types';
export { isTruthy } from './language';

const tables: readonly ReadonlyMap<string, Builtin>[] = [
  scalarBuiltins,
  containerBuiltins,
  stringBuiltins,
  languageBuiltins,
];

/** Tries the tables in turn; {@link noMatch} where no function of this name takes these arguments. */
export async function callBuiltin(
  interpreter: Interpreter,
  name: string,
  args: readonly Value[],
  keywords: ReadonlyMap<string, Value>,
): Promise<Value | typeof noMatch> {
  for (const table of tables) {
    const builtin = table.get(name);
    if (builtin === undefined) continue;
    const result = await builtin(args, interpreter, keywords);
    if (result !== noMatch) return result;
  }
  return noMatch;
}
