// Neighbouring layers that belong together, by their paths: the stages of a network, as headings below the overview.

export interface LayerGroup {
  readonly name: string;
  readonly from: number;
  /** The place after the last one. */
  readonly to: number;
}

/** Groups by the first part of the path in which the layers differ: `layer1`, `layer2`, … */
export function groupLayers(paths: readonly string[]): readonly LayerGroup[] {
  const parts = paths.map((path) => path.split('.'));
  const [first = []] = parts;
  let depth = 0;
  while (depth < first.length - 1 && parts.every((each) => each.length > depth + 1 && each[depth] === first[depth]))
    depth++;
  const groups: { name: string; from: number; to: number }[] = [];
  parts.forEach((each, index) => {
    const own = each[depth] ?? '';
    // A bare number says too little.
    const name = /^\d+$/.test(own) && depth > 0 ? `${each[depth - 1] ?? ''}.${own}` : own;
    const last = groups.at(-1);
    if (last?.name === name) last.to = index + 1;
    else groups.push({ name, from: index, to: index + 1 });
  });
  return groups;
}
