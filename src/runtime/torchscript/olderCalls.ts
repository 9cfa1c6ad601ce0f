// Calls of older archives in the words of the present operators, as torch rewrites them when it loads such a file.

import { isFloating } from '../elements';
import { Tensor } from '../tensor';
import type { Value } from '../values';

/** A call of an operator as the code has it. */
export interface OperatorCall {
  readonly name: string;
  readonly args: readonly Value[];
  readonly keywords: ReadonlyMap<string, Value>;
}

/** What an operator's calls mean in archives of versions below `below`. */
interface Upgrader {
  readonly below: number;
  readonly upgrade: (call: OperatorCall) => OperatorCall;
}

/** The same call for the present table; most calls mean what they always did. `version` is the archive's. */
export function upgradeCall(call: OperatorCall, version: number): OperatorCall {
  const upgrader = upgraders.get(call.name);
  return upgrader === undefined || version >= upgrader.below ? call : upgrader.upgrade(call);
}

/** By operator; the versions are those of torch's own upgraders. `gelu` has one too, but its default does the same. */
const upgraders: ReadonlyMap<string, Upgrader> = new Map<string, Upgrader>([
  ['div', { below: 4, upgrade: truncateInts }],
  ['div_', { below: 4, upgrade: truncateInts }],
  ['full', { below: 5, upgrade: fillWithFloat }],
  ['linspace', { below: 8, upgrade: countHundred }],
  ['logspace', { below: 9, upgrade: countHundred }],
  // Up to torch 1.12 the names of the new dimensions were an argument; no version tells, and torch itself no longer reads it.
  ['unflatten', { below: Infinity, upgrade: dropNames }],
]);

/** Up to torch 1.5 `div` of integers rounded towards zero; since 1.6 it is the true quotient. */
function truncateInts(call: OperatorCall): OperatorCall {
  const { args, keywords } = call;
  const operands = [...args, ...keywords.values()];
  const floating = operands.some((x) => (x instanceof Tensor ? isFloating(x.dtype) : typeof x === 'number'));
  if (floating || keywords.has('rounding_mode')) return call;
  return { ...call, keywords: new Map(keywords).set('rounding_mode', 'trunc') };
}

/** Before torch 1.7 `full` gave floats, whatever the number that it was given. */
function fillWithFloat(call: OperatorCall): OperatorCall {
  const [size, value, ...rest] = call.args;
  const given = call.keywords.get('dtype') ?? call.keywords.get('out') ?? null;
  if (given !== null || size === undefined || (typeof value !== 'bigint' && typeof value !== 'boolean')) return call;
  return { ...call, args: [size, Number(value), ...rest] };
}

/** `steps` could be left out, and was a hundred then. */
function countHundred(call: OperatorCall): OperatorCall {
  const [start, end, steps, ...rest] = call.args;
  if (start === undefined || end === undefined || (steps ?? null) !== null || call.keywords.has('steps')) return call;
  return { ...call, args: [start, end, 100n, ...rest] };
}

function dropNames(call: OperatorCall): OperatorCall {
  return call.args.length === 4 && call.args[3] === null ? { ...call, args: call.args.slice(0, 3) } : call;
}
