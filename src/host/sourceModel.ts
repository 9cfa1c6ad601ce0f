// Which file of the workspace is the one that a model recorded on another machine.

/** Of `candidates`, those that share the longest run of last path components with `recorded`. */
export function bestMatches(recorded: string, candidates: readonly string[]): readonly string[] {
  const wanted = components(recorded);
  let longest = 0;
  let best: string[] = [];
  for (const candidate of candidates) {
    const length = commonTail(wanted, components(candidate));
    if (length > longest) [longest, best] = [length, []];
    if (length === longest && length > 0) best.push(candidate);
  }
  return best;
}

function components(path: string): readonly string[] {
  return path
    .split(/[\\/]/)
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

function commonTail(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
