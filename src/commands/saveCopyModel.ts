// The words of Save a Copy: what the copy is called at first, and what is said when it is written.

import path from 'node:path';

import type { ModuleSpec } from '../model/module';
import type { SaveCopyResult } from '../protocol/engine';
import { countOf } from '../util/text';

/** `net.pt` becomes `net-eval.pt` beside it where all flags agree, else `net-modes.pt`. */
export function suggestedCopy(file: string, modules: readonly ModuleSpec[]): string {
  const flags = new Set(modules.map(({ training }) => training).filter((training) => training !== null));
  const word = flags.size !== 1 ? 'modes' : flags.has(true) ? 'train' : 'eval';
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${word}${ext}`);
}

export function savedSentence(file: string, { changed, statistics, problems }: SaveCopyResult): string {
  const moved = statistics.length === 0 ? '' : ` and the running statistics of ${countOf(statistics.length, 'layer')}`;
  const said = [
    `Saved ${path.basename(file)}: it differs from the original in ${countOf(changed.length, 'flag')}${moved}.`,
    ...problems.map(({ message }) => message),
  ];
  return said.join(' ');
}
