// What modules return in a graph that knows no modules: a value computed inside of one that is read outside of it.

/** One node of a graph: the modules in which it stands, outermost first, and the values by name. */
export interface PlacedNode {
  readonly paths: readonly string[];
  readonly reads: Iterable<string>;
  readonly writes: readonly string[];
}

/** A value that leaves a module. */
export interface ModuleReturn {
  readonly path: string;
  readonly name: string;
}

/**
 * The values that leave modules, by the index of the node that makes them; inner modules first.
 * @param outputs what the graph itself returns, and so its root.
 */
export function moduleReturns(
  nodes: readonly PlacedNode[],
  outputs: Iterable<string>,
): ReadonlyMap<number, readonly ModuleReturn[]> {
  const producers = new Map<string, number>();
  nodes.forEach(({ writes }, i) => {
    for (const name of writes) producers.set(name, i);
  });
  const returns = new Map<number, ModuleReturn[]>();
  const leave = (name: string, readers: readonly string[]): void => {
    const index = producers.get(name);
    if (index === undefined) return;
    const left = nodes[index]!.paths.filter((path, depth) => readers[depth] !== path).map((path) => ({ path, name }));
    if (left.length === 0) return;
    const known = returns.get(index) ?? [];
    const isNew = ({ path }: ModuleReturn): boolean => !known.some((one) => one.path === path && one.name === name);
    returns.set(index, [...known, ...left.filter(isNew)]);
  };
  for (const { reads, paths } of nodes) for (const name of reads) leave(name, paths);
  for (const name of outputs) leave(name, []);
  for (const [index, list] of returns) returns.set(index, innerFirst(list, nodes[index]!.paths));
  return returns;
}

function innerFirst(returns: readonly ModuleReturn[], paths: readonly string[]): ModuleReturn[] {
  return [...returns].sort((a, b) => paths.indexOf(b.path) - paths.indexOf(a.path));
}
