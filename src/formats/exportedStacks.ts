// The modules in which a call of an exported program stands, from a text in the node's metadata.

import type { ModuleFrame } from '../runtime/program';

/** Stacks of modules by their text; most calls share theirs with others. */
export class ModuleStacks {
  private readonly known = new Map<string, readonly ModuleFrame[]>();

  /** `L__self__,,__main__.Net;L__self__stem,stem,torch.nn.modules.container.Sequential`: key, path and class of each module. */
  read(text: string): readonly ModuleFrame[] {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const frames = text.startsWith(noModule) ? [] : splitOutside(text, ';').flatMap(readFrame);
    this.known.set(text, frames);
    return frames;
  }
}

/** What torch writes for calls that it added itself. */
const noModule = '_empty_nn_module_stack';

function readFrame(text: string): ModuleFrame[] {
  const [, path, type] = splitOutside(text, ',');
  return path === undefined || type === undefined ? [] : [{ path: plainPath(path), type: plainType(type) }];
}

/** torch before 2.4 writes `L['self'].stem`; a module that is called again is `stem@1`. */
function plainPath(path: string): string {
  return path.replace(/^L\['self'\]\.?|^L__self__\.?/, '').replace(/@\d+/g, '');
}

/** torch before 2.2 writes `<class '__main__.Net'>`. */
function plainType(type: string): string {
  return /^<class '(.*)'>$/.exec(type)?.[1] ?? type;
}

/** Splits where the separator stands outside of brackets. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === '[' || character === '(') depth++;
    else if (character === ']' || character === ')') depth--;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
