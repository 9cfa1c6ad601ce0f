// The text in which a person gives a constructor's arguments: a Python argument list, `num_classes=10, width=64`.

/** What an input box starts with: the names that are needed, for the values to be filled in. */
export function prefilledArguments(
  parameters: readonly { readonly name: string; readonly positional: boolean }[],
): string {
  return parameters.map(({ name, positional }) => (positional ? name : `${name}=`)).join(', ');
}

/** The message for an input box, or undefined where the text may be what Python takes. */
export function validateArguments(text: string): string | undefined {
  const open: string[] = [];
  const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
  // A string is one token, and nothing in it counts.
  const tokens = text.match(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|["']|[()[\]{}]|,|[^"'()[\]{},]+/g) ?? [];
  let item = '';
  for (const token of [...tokens, ',']) {
    if (/^["']$/.test(token)) return 'A string has no end.';
    const close = closing[token];
    if (close !== undefined) open.push(close);
    else if (/^[)\]}]$/.test(token) && open.pop() !== token) return `“${token}” closes nothing.`;
    if (token !== ',' || open.length > 0) {
      item += token;
      continue;
    }
    const [, name] = /^\s*(\w+)\s*=\s*$/.exec(item) ?? [];
    if (name !== undefined) return `${name} has no value yet.`;
    item = '';
  }
  return open.length > 0 ? `“${open.at(-1) ?? ''}” is missing.` : undefined;
}
