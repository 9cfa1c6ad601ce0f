// Long lists of modules in folds, as a debugger shows long arrays: VS Code makes every row below an unfolded one in a single turn of
// the extension host, which takes about a second for thirty thousand rows.

import { moduleName } from '../model/module';
import type { ModuleSpec } from '../model/module';
import { countOf } from '../util/text';
import { addCounts, describeCount, type ModeCount } from './modeModel';
import type { Row } from './rowModel';
import { iconOf } from './treeModel';

/** A list of more is folded. */
const longList = 500;
const modulesPerFold = 250;
/** With more folds than this the folds get longer. */
const mostFolds = 500;

/** From `start` to before `end` of a module's children. */
export interface ModuleRange {
  readonly start: number;
  readonly end: number;
}

/** The folds of that many children; none where they stand in the list themselves. */
export function rangesOf(count: number): readonly ModuleRange[] {
  if (count <= longList) return [];
  const size = Math.max(modulesPerFold, Math.ceil(count / mostFolds));
  const ranges: ModuleRange[] = [];
  for (let start = 0; start < count; start += size) ranges.push({ start, end: Math.min(start + size, count) });
  return ranges;
}

/** The row of a fold; `counts` are those of its modules. */
export function rangeRow(modules: readonly ModuleSpec[], counts: readonly ModeCount[]): Row {
  const [first, last] = [modules[0], modules.at(-1)].map((module) => moduleName(module?.path ?? ''));
  const label = `${first ?? ''} … ${last ?? ''}`;
  const words = describeCount(counts.reduce(addCounts));
  const size = countOf(modules.length, 'module');
  return {
    label,
    description: words.text === '' ? size : `${size} · ${words.text}`,
    icon: iconOf(words),
    spoken: `${first ?? ''} to ${last ?? ''}, ${size}${words.text === '' ? '' : `, ${words.text}`}`,
    context: 'range',
    children: 'collapsed',
  };
}
