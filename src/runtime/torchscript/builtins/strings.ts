// String functions of TorchScript.

import { AppError } from '../../../util/errors';
import { Tensor } from '../../tensor';
import { Device, Dict, Tuple, typeName, type Value } from '../../values';
import { floatText } from '../pythonString';
import { noMatch, type Builtin } from './types';

function ofString(compute: (text: string, ...rest: Value[]) => Value): Builtin {
  return ([text, ...rest]) => (typeof text === 'string' ? compute(text, ...rest) : noMatch);
}

const strip = (text: string, characters: Value | undefined, start: boolean, end: boolean): string => {
  const set = typeof characters === 'string' ? characters : ' \t\n\r\f\v';
  let [from, to] = [0, text.length];
  while (start && from < to && set.includes(text[from] as string)) from++;
  while (end && to > from && set.includes(text[to - 1] as string)) to--;
  return text.slice(from, to);
};

function split(text: string, separator: Value | undefined, limit: Value | undefined): Value {
  const max = limit === undefined ? -1 : Number(limit);
  const words = typeof separator === 'string' ? text.split(separator) : text.split(/\s+/).filter((word) => word !== '');
  if (max < 0 || words.length <= max + 1) return words;
  const glue = typeof separator === 'string' ? separator : ' ';
  return [...words.slice(0, max), words.slice(max).join(glue)];
}

/** `'{} {}'.format(a, b)`: TorchScript knows `{}` without names or widths. */
function format(template: string, values: readonly Value[]): string {
  let next = 0;
  return template.replace(/\{\}/g, () => {
    if (next >= values.length) throw new AppError('program-error', 'Too few arguments for format string');
    return text(values[next++] as Value);
  });
}

/** `'%s: %d' % args` */
function percentFormat(template: string, values: readonly Value[]): string {
  let next = 0;
  return template.replace(
    /%(?:(%)|[-+ 0#]*\d*(?:\.(\d+))?([sdifegrx]))/g,
    (_, percent: string | undefined, digits: string | undefined, type: string) => {
      if (percent !== undefined) return '%';
      const value = values[next++] as Value;
      if (type === 'd' || type === 'i') return String(BigInt(Math.trunc(Number(value))));
      if (type === 'f') return Number(value).toFixed(digits === undefined ? 6 : Number(digits));
      if (type === 'e')
        return Number(value)
          .toExponential(digits === undefined ? 6 : Number(digits))
          .replace(/e([+-])(\d)$/, 'e$10$2');
      return text(value);
    },
  );
}

/** Python's `str` as TorchScript gives it. */
export function text(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return value;
  return representation(value);
}

function representation(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(representation).join(', ')}]`;
  if (value instanceof Tuple) {
    return value.items.length === 1
      ? `(${representation(value.items[0] as Value)},)`
      : `(${value.items.map(representation).join(', ')})`;
  }
  if (value instanceof Dict)
    return `{${[...value.entries].map(([key, item]) => `${representation(key)}: ${representation(item)}`).join(', ')}}`;
  if (value instanceof Device) return value.name;
  if (value instanceof Tensor) return `<Tensor ${value.dtype} [${value.shape.join(', ')}]>`;
  return `<${typeName(value)} object>`;
}

const isCased = (character: string): boolean => character.toLowerCase() !== character.toUpperCase();

export const stringBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['format', ofString((template, ...values) => format(template, values))],
  [
    'percentFormat',
    ofString((template, ...values) =>
      percentFormat(
        template,
        values.flatMap((value) => (value instanceof Tuple ? [...value.items] : [value])),
      ),
    ),
  ],
  ['str', ([value]) => (value === undefined ? noMatch : text(value))],
  ['add', ofString((a, b) => a + (b as string))],
  ['mul', ofString((a, count) => a.repeat(Math.max(0, Number(count))))],
  ['join', ofString((glue, parts) => (parts as string[]).join(glue))],
  ['split', ofString(split)],
  [
    'splitlines',
    ofString((value) => value.split(/\r\n|\n|\r/).filter((line, i, all) => line !== '' || i < all.length - 1)),
  ],
  ['strip', ofString((value, set) => strip(value, set, true, true))],
  ['lstrip', ofString((value, set) => strip(value, set, true, false))],
  ['rstrip', ofString((value, set) => strip(value, set, false, true))],
  ['upper', ofString((value) => value.toUpperCase())],
  ['lower', ofString((value) => value.toLowerCase())],
  ['capitalize', ofString((value) => value.slice(0, 1).toUpperCase() + value.slice(1).toLowerCase())],
  [
    'title',
    ofString((value) =>
      value.toLowerCase().replace(/[a-z]+/g, (word) => word.slice(0, 1).toUpperCase() + word.slice(1)),
    ),
  ],
  [
    'swapcase',
    ofString((value) => [...value].map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join('')),
  ],
  ['startswith', ofString((value, prefix) => value.startsWith(prefix as string))],
  ['endswith', ofString((value, suffix) => value.endsWith(suffix as string))],
  ['replace', ofString((value, from, to) => value.replaceAll(from as string, to as string))],
  ['find', ofString((value, part, start) => BigInt(value.indexOf(part as string, Number(start ?? 0n))))],
  ['rfind', ofString((value, part) => BigInt(value.lastIndexOf(part as string)))],
  ['count', ofString((value, part) => BigInt(value.split(part as string).length - 1))],
  [
    'zfill',
    ofString((value, width) =>
      /^[+-]/.test(value)
        ? value.slice(0, 1) + value.slice(1).padStart(Number(width) - 1, '0')
        : value.padStart(Number(width), '0'),
    ),
  ],
  ['ljust', ofString((value, width, fill) => value.padEnd(Number(width), (fill as string | undefined) ?? ' '))],
  ['rjust', ofString((value, width, fill) => value.padStart(Number(width), (fill as string | undefined) ?? ' '))],
  ['isdigit', ofString((value) => /^\d+$/.test(value))],
  ['isalpha', ofString((value) => /^\p{L}+$/u.test(value))],
  ['isalnum', ofString((value) => /^[\p{L}\d]+$/u.test(value))],
  ['isspace', ofString((value) => /^\s+$/.test(value))],
  ['isupper', ofString((value) => [...value].some(isCased) && value === value.toUpperCase())],
  ['islower', ofString((value) => [...value].some(isCased) && value === value.toLowerCase())],
  ['ord', ofString((value) => BigInt(value.codePointAt(0) ?? 0))],
  ['chr', ([code]) => (typeof code === 'bigint' ? String.fromCodePoint(Number(code)) : noMatch)],
  ['hex', ([x]) => (typeof x === 'bigint' ? `${x < 0n ? '-' : ''}0x${(x < 0n ? -x : x).toString(16)}` : noMatch)],
  ['bin', ([x]) => (typeof x === 'bigint' ? `${x < 0n ? '-' : ''}0b${(x < 0n ? -x : x).toString(2)}` : noMatch)],
]);
