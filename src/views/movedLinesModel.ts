// Where the lines of a text are after it was edited.

import { diffArrays } from 'diff';

/** Two texts that differ in more lines than these are taken for different files. */
const mostEdits = 2000;

/** A line of `before` as a line of `now`, both from 0; undefined for one that was changed or is gone. */
export function movedLines(before: string, now: string): (line: number) => number | undefined {
  if (before === now) return (line) => line;
  const changes = diffArrays(linesOf(before), linesOf(now), { maxEditLength: mostEdits }) ?? [];
  const moved: (number | undefined)[] = [];
  let line = 0;
  for (const { added, removed, count } of changes) {
    for (let index = 0; index < count; index++) {
      if (removed) moved.push(undefined);
      else if (added) line++;
      else moved.push(line++);
    }
  }
  return (old) => moved[old];
}

/** As Python and VS Code count them. */
function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/);
}
