// What is kept of a model of the corpus: a few lines that would change if the reading of it did.

/** The part of `inspect --json` that is looked at. */
export interface Inspected {
  readonly format: string;
  readonly modules: readonly InspectedModule[];
  readonly outputs: readonly {
    readonly shape: readonly number[];
    readonly dtype: string;
    readonly nonFinite: number;
  }[];
  readonly problems: readonly { readonly message: string }[];
}

export interface InspectedModule {
  readonly path: string;
  readonly type: string;
  readonly training: boolean | null;
  readonly behaviour: string;
  readonly behaviourReason?: string;
  readonly batchNorm?: InspectedNorm;
  readonly instanceNorm?: InspectedNorm;
}

export interface InspectedNorm {
  readonly numBatchesTracked: number | null;
  readonly runningMean: { readonly mean: number | null } | null;
  readonly runningVar: { readonly mean: number | null } | null;
}

export type Expected = Summary | { readonly error: string };

export interface Summary {
  readonly format: string;
  /** Of torch.save: a zip archive or what was before. */
  readonly layout?: 'zip' | 'legacy';
  readonly modules: number;
  /** Layers that depend on the mode, or may, and have no layers below: how many of each class, flag and behaviour. */
  readonly layers: Readonly<Record<string, number>>;
  /** Layers with running statistics: how many, and the means of those of the first and the last. */
  readonly norms?: { readonly count: number; readonly figures: readonly NormFigures[] };
  /** Why the mode is not known. */
  readonly reason?: string;
  readonly problems?: readonly string[];
  /** What a forward gave in train: the outputs' types, and how many layers' statistics moved. */
  readonly train?: { readonly outputs: readonly string[]; readonly moved: number };
}

/** Means of running_mean and running_var to six digits, and the counter. */
export type NormFigures = readonly [path: string, mean: number | null, variance: number | null, batches: number | null];

/** @param start the first bytes of the file. */
export function summarise({ format, modules, problems }: Inspected, start: Uint8Array): Summary {
  const parents = new Set(modules.map(({ path }) => path.split('.').slice(0, -1).join('.')));
  const layers: Record<string, number> = {};
  for (const { path, type, training, behaviour } of modules) {
    if (behaviour === 'none' || (path !== '' && parents.has(path)) || (path === '' && modules.length > 1)) continue;
    const flag = training === null ? 'no flag' : training ? 'train' : 'eval';
    const words = `${type}: ${flag}, ${behaviour}`;
    layers[words] = (layers[words] ?? 0) + 1;
  }
  const norms = normsOf(modules);
  const reason = modules[0]?.behaviourReason;
  return {
    format,
    ...(format === 'module' || format === 'state-dict' ? { layout: isZip(start) ? 'zip' : 'legacy' } : {}),
    modules: modules.length,
    layers,
    ...(norms.length === 0 ? {} : { norms: { count: norms.length, figures: ends(norms).map(rounded) } }),
    ...(reason === undefined ? {} : { reason }),
    ...(problems.length === 0 ? {} : { problems: problems.map(({ message }) => message) }),
  };
}

export function normsOf(modules: readonly InspectedModule[]): NormFigures[] {
  return modules.flatMap(({ path, batchNorm, instanceNorm }) => {
    const norm = batchNorm ?? instanceNorm;
    if (norm?.runningMean === undefined || norm.runningMean === null) return [];
    return [[path, norm.runningMean.mean, norm.runningVar?.mean ?? null, norm.numBatchesTracked] as const];
  });
}

function isZip([first, second]: Uint8Array): boolean {
  return first === 0x50 && second === 0x4b;
}

function ends<T>(list: readonly T[]): readonly T[] {
  return list.length <= 2 ? list : [list[0] as T, list.at(-1) as T];
}

function rounded([path, mean, variance, batches]: NormFigures): NormFigures {
  const six = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(6)));
  return [path, six(mean), six(variance), batches];
}

/** The files as a table of the README: package, file, what it holds, what came out. */
export function tableText(expected: Readonly<Record<string, Expected>>): string {
  const rows = Object.entries(expected).map(([id, entry]) => {
    // Many are called model; the folder says which one it is.
    const file = /(?:[^/]*\/model\.\w+|[^/]*)$/.exec(id)?.[0] ?? '';
    const cells = 'error' in entry ? ['no model', 'refused, as it should be'] : [contentWords(entry), outcome(entry)];
    return [id.slice(0, id.indexOf('/')), `\`${file}\``, ...cells];
  });
  const lines = [['package', 'file', 'holds', 'outcome'], ['---', '---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function contentWords({ format, layout, modules, layers, norms }: Summary): string {
  const kinds = Object.entries(layers).map(([words, count]) => `${count} ${words}`);
  const statistics = norms === undefined ? [] : [`statistics of ${norms.count}`];
  const name = layout === undefined ? format : `${format} (${layout})`;
  return [`${name}, ${modules === 1 ? 'one module' : `${modules} modules`}`, ...kinds, ...statistics].join('; ');
}

function outcome({ train }: Summary): string {
  if (train === undefined) return 'as torch reads it';
  return `runs; in train ${train.moved === 0 ? 'nothing moves' : `statistics of ${train.moved} move`}`;
}
