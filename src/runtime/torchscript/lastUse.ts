// Which statement of a function mentions a name last: after it, what the name holds is no longer in use.

import type { FunctionDefinition } from './syntax';

const known = new WeakMap<FunctionDefinition, readonly (readonly string[])[]>();

/**
 * For each statement of the function's body, the names that no later one mentions. A loop or a branch is one statement, so that
 * names inside of it last until its end.
 */
export function lastUses(definition: FunctionDefinition): readonly (readonly string[])[] {
  let result = known.get(definition);
  if (result === undefined) known.set(definition, (result = findLastUses(definition)));
  return result;
}

function findLastUses({ parameters, body }: FunctionDefinition): readonly (readonly string[])[] {
  const last = new Map(parameters.map(({ name }) => [name, 0]));
  body.forEach((statement, i) => {
    for (const name of namesIn(statement)) last.set(name, i);
  });
  const ending = body.map((): string[] => []);
  for (const [name, i] of last) ending[i]?.push(name);
  return ending;
}

/** Every name expression below a node of the syntax tree, whatever its kind. */
function* namesIn(node: unknown): Generator<string> {
  if (typeof node !== 'object' || node === null) return;
  if ('kind' in node && node.kind === 'name' && 'name' in node) yield node.name as string;
  for (const child of Object.values(node)) yield* namesIn(child);
}
