// ATen schemas: the signature of an operator, as torch writes it, read from its text.

import type { Value } from '../values';

export type BaseType = 'Tensor' | 'Scalar' | 'int' | 'float' | 'bool' | 'str' | 'dtype' | 'Device' | 'any';

export interface ArgumentType {
  readonly base: BaseType;
  readonly optional: boolean;
  /** For lists: whether elements may be None, and the size that a single number stands for (`int[2] stride=1`). */
  readonly list?: { readonly optionalElements: boolean; readonly size?: number };
}

export interface SchemaArgument {
  readonly name: string;
  readonly type: ArgumentType;
  /** undefined: required. */
  readonly defaultValue: Value | undefined;
  readonly keywordOnly: boolean;
}

export interface Schema {
  /** `add`; operators of other libraries have their namespace, as in serialized code: `prepacked.linear_clamp_run`. */
  readonly name: string;
  /** `Tensor`, or `''` */
  readonly overload: string;
  /** `aten::add.Tensor(…) -> Tensor`, as given. */
  readonly text: string;
  readonly args: readonly SchemaArgument[];
  readonly indexOf: ReadonlyMap<string, number>;
}

/** Parses `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. @throws Error on a typing mistake in the table. */
export function parseSchema(text: string): Schema {
  const match = /^(?:(\w+)::)?(\w+)(?:\.(\w+))?\((.*)\) -> .+$/.exec(text);
  if (match === null) throw new Error(`bad operator schema: ${text}`);
  const [, namespace, plainName = '', overload = '', list = ''] = match;
  const name = namespace === undefined ? plainName : `${namespace}.${plainName}`;
  const args: SchemaArgument[] = [];
  let keywordOnly = false;
  for (const part of splitArguments(list)) {
    if (part === '*') keywordOnly = true;
    else args.push(parseArgument(part, keywordOnly));
  }
  const indexOf = new Map(args.map((arg, i) => [arg.name, i]));
  return { name, overload, text, args, indexOf };
}

/** Splits at commas outside brackets. */
function splitArguments(list: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= list.length; i++) {
    const character = list[i];
    if (character === '[' || character === '(') depth++;
    else if (character === ']' || character === ')') depth--;
    else if ((character === ',' && depth === 0) || i === list.length) {
      const part = list.slice(start, i).trim();
      if (part !== '') parts.push(part);
      start = i + 1;
    }
  }
  return parts;
}

function parseArgument(text: string, keywordOnly: boolean): SchemaArgument {
  const match = /^([\w.]+)(\([^)]*\))?(\?)?(\[(\d*)\])?(\?)? (\w+)(?:=(.*))?$/.exec(text);
  if (match === null) throw new Error(`bad argument in operator schema: ${text}`);
  const [, base = '', , innerOptional, list, size = '', outerOptional, name = '', defaultText] = match;
  const isList = list !== undefined;
  const type: ArgumentType = {
    base: baseType(base),
    optional: (isList ? outerOptional : innerOptional) !== undefined,
    ...(isList
      ? { list: { optionalElements: innerOptional !== undefined, ...(size === '' ? {} : { size: Number(size) }) } }
      : {}),
  };
  return {
    name,
    type,
    defaultValue: defaultText === undefined ? undefined : parseDefault(defaultText, type),
    keywordOnly,
  };
}

function baseType(text: string): BaseType {
  switch (text) {
    case 'Tensor':
    case 'Scalar':
    case 'int':
    case 'float':
    case 'bool':
    case 'str':
    case 'Device':
      return text;
    case 'SymInt':
      return 'int';
    case 'ScalarType':
    case 'Layout':
    case 'MemoryFormat':
      return 'dtype';
    default:
      return 'any';
  }
}

/** Values of torch's reduction enumeration, as schemas name them. */
const reductions: Readonly<Record<string, bigint>> = { None: 0n, Mean: 1n, Sum: 2n };

function parseDefault(text: string, type: ArgumentType): Value {
  if (text === 'True' || text === 'False') return text === 'True';
  if (text in reductions && type.base === 'int' && !type.optional) return reductions[text] as bigint;
  if (text === 'None') return null;
  if (text === 'contiguous_format') return 0n;
  const quoted = /^["'](.*)["']$/.exec(text);
  if (quoted !== null) return quoted[1] as string;
  if (text.startsWith('[')) {
    const inner = text.slice(1, -1).trim();
    return inner === '' ? [] : inner.split(',').map((item) => parseDefault(item.trim(), { ...type, optional: false }));
  }
  const number = Number(text);
  if (Number.isNaN(number)) throw new Error(`bad default in operator schema: ${text}`);
  if (type.base === 'float' || (type.base === 'Scalar' && !/^-?\d+$/.test(text))) return number;
  return BigInt(text);
}
