// Python string literals and str.format, as far as serialized TorchScript uses them.

const simpleEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};

/** The text of a quoted Python literal, with its escapes read. */
export function unquote(literal: string): string {
  const match = /^[a-zA-Z]*("""|'''|"|')([\s\S]*)\1$/.exec(literal);
  const body = match?.[2] ?? literal;
  return body.replace(
    /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[\s\S])/g,
    (whole, escape: string) => {
      const simple = simpleEscapes[escape];
      if (simple !== undefined) return simple;
      if (/^[xuU]/.test(escape)) return String.fromCodePoint(parseInt(escape.slice(1), 16));
      if (/^[0-7]/.test(escape)) return String.fromCodePoint(parseInt(escape, 8));
      return whole;
    },
  );
}

/** A float as TorchScript writes it, which is C++'s way and not Python's: `3.`, `0.10000000000000001`, `1e-05`. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (!Number.isInteger(value)) return general(value, 17);
  const text = general(value, 6);
  return text.includes('e') ? text : `${text}.`;
}

/** C's `%.{digits}g`. */
function general(value: number, digits: number): string {
  if (Object.is(value, -0)) return '-0';
  if (value === 0) return '0';
  const [mantissa = '', exponentText = '0'] = value.toExponential(digits - 1).split('e');
  const exponent = Number(exponentText);
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent >= -4 && exponent < digits) return trim(value.toFixed(Math.max(0, digits - 1 - exponent)));
  const sign = exponent < 0 ? '-' : '+';
  return `${trim(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
