// Finds the classes derived from nn.Module in the text of a Python file, line by line, without running anything.

/** A class over which a lens stands. */
export interface ModuleClass {
  /** As Python would name it: `Net`, `Outer.Inner`. */
  readonly name: string;
  /** Of the word `class`, from 0. */
  readonly line: number;
}

/** Names that torch and the usual libraries give to their module classes, behind the last dot. */
const roots = new Set(['Module', 'LightningModule', 'ScriptModule', 'PreTrainedModel', 'Sequential', 'ModuleList']);
/** Packages in which such a name means what it says. */
const packages = /^(torch|nn|pl|L|lightning|pytorch_lightning|transformers|timm)(\.|$)/;

interface FoundClass extends ModuleClass {
  readonly bases: readonly string[];
  readonly inFunction: boolean;
}

/**
 * Classes at the top of the file or within other classes, in order. Those within functions can't be reached by a name, and so have
 * no lens. A base counts when it is a module class of a known package, was imported from one, or is such a class of this file.
 */
export function findModuleClasses(text: string): readonly ModuleClass[] {
  const code = withoutStrings(text);
  const aliases = importedNames(code);
  const found = classesIn(code);
  const ours = new Set<string>();
  const isModule = (base: string): boolean => {
    const known = ours.has(base);
    const [head = '', ...rest] = base.split('.');
    const full = [aliases.get(head) ?? head, ...rest].join('.');
    const dot = full.lastIndexOf('.');
    return known || (dot > 0 && roots.has(full.slice(dot + 1)) && packages.test(full.slice(0, dot)));
  };
  return found.flatMap(({ name, line, bases, inFunction }): ModuleClass[] => {
    // A name that is used again means the class that was defined last.
    ours.delete(name);
    if (!bases.some(isModule)) return [];
    ours.add(name);
    return inFunction ? [] : [{ name, line }];
  });
}

function classesIn(code: string): readonly FoundClass[] {
  const found: FoundClass[] = [];
  const above: { readonly indent: number; readonly name: string | undefined }[] = [];
  let offset = 0;
  code.split('\n').forEach((row, line) => {
    const start = offset;
    offset += row.length + 1;
    // Any statement ends what is not further out; a line that begins with a bracket belongs to the one before.
    const indentation = /^[ \t]*(?=[\p{L}_@])/u.exec(row)?.[0];
    if (indentation === undefined) return;
    const indent = indentation.replaceAll('\t', '        ').length;
    while ((above.at(-1)?.indent ?? -1) >= indent) above.pop();
    const head = /^[ \t]*(class|(?:async[ \t]+)?def)[ \t]+([\p{L}_][\p{L}\p{N}_]*)/u.exec(row);
    if (head === null) return;
    const [whole, word, name = ''] = head;
    if (word === 'class') {
      const outer = above.map((each) => each.name);
      found.push({
        name: [...outer.filter((each) => each !== undefined), name].join('.'),
        line,
        bases: basesFrom(code, start + whole.length),
        inFunction: outer.includes(undefined),
      });
    }
    above.push({ indent, name: word === 'class' ? name : undefined });
  });
  return found;
}

/** The names between the parentheses behind a class's name, over several lines where need be. */
function basesFrom(code: string, position: number): readonly string[] {
  const open = /^\s*(?:\[[^\]\n]*\]\s*)?\(/.exec(code.slice(position, position + 500));
  if (open === null) return [];
  let depth = 1;
  let end = position + open[0].length;
  const parts = [''];
  for (; end < code.length && depth > 0; end++) {
    const character = code[end] ?? '';
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    if (depth === 1 && character === ',') parts.push('');
    else if (depth > 0) parts.push((parts.pop() ?? '') + character);
  }
  // Generic[T] counts by its name; metaclass=… is no base.
  return parts.flatMap((part) => /^\s*([\p{L}_][\p{L}\p{N}_.]*)\s*(?:\[.*)?$/su.exec(part)?.[1] ?? []);
}

/** What names mean that were imported, by the full name of what they stand for. */
function importedNames(code: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [, list = ''] of code.matchAll(/^[ \t]*import[ \t]+([^\n;]+)/gmu)) {
    for (const part of list.split(',')) {
      const [, full, alias] = /^\s*([\w.]+)\s+as\s+(\w+)/.exec(part) ?? [];
      if (full !== undefined && alias !== undefined) names.set(alias, full);
    }
  }
  for (const [, from = '', inside, rest] of code.matchAll(
    /^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]*(?:\(([^)]*)\)|([^\n;]+))/gmu,
  )) {
    for (const part of (inside ?? rest ?? '').split(',')) {
      const [, name, alias] = /^\s*(\w+)(?:\s+as\s+(\w+))?/.exec(part) ?? [];
      if (name !== undefined) names.set(alias ?? name, `${from}.${name}`);
    }
  }
  return names;
}

/** The same text, in which strings and comments are blanks. */
function withoutStrings(text: string): string {
  const token =
    /#[^\n]*|("""|''')(?:\\[\s\S]|(?!\1)[\s\S])*(?:\1|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?/g;
  return text.replace(/\r\n?/g, '\n').replace(token, (found) => found.replace(/[^\n]/g, ' '));
}
