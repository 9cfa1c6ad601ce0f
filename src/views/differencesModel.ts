// What differs between the ranks of a job, in rows: a sum, the layers, and their figures side by side.

import type { ModuleDifference } from '../model/compareModels';
import { isWithin, parentPath } from '../model/module';
import type { ModuleSpec } from '../model/module';
import type { DifferenceCounts, RankDifference } from '../sessions/rankComparison';
import { countOf } from './format';
import type { Row, RowIcon } from './rowModel';
import { formatShare, plain, shareOf, statisticsRows } from './sideBySideModel';

/** Of a model in all ranks that hold it. */
export interface ModelDifferences {
  readonly title: string;
  /** Names of the ranks, the one that the others are compared with first. */
  readonly ranks: readonly string[];
  readonly counts: DifferenceCounts;
  /** In the order of the tree. */
  readonly layers: readonly LayerDifferences[];
}

export interface LayerDifferences {
  readonly path: string;
  /** In the first rank, or in the first other one that has it. */
  readonly module: ModuleSpec | undefined;
  /** For every rank but the first; undefined where it does not differ. */
  readonly differences: readonly (RankDifference | undefined)[];
}

/** A model that only some ranks hold. */
export interface PartialModel {
  readonly title: string;
  readonly ranks: readonly string[];
}

const flagIcon: RowIcon = { id: 'color-mode' };
const statisticsIcon: RowIcon = { id: 'graph-line' };
const structureIcon: RowIcon = { id: 'list-tree' };

/** More are not listed. */
const longestList = 200;

/** How the ranks stand to each other, in a few words each, what differs first; none where nothing was compared. */
export function comparisonWords(
  models: readonly { readonly counts: DifferenceCounts }[],
  partial: readonly PartialModel[],
): readonly string[] {
  const sum = (key: keyof DifferenceCounts): number => models.reduce((total, { counts }) => total + counts[key], 0);
  const [flags, structure, options, statistics] = [sum('flags'), sum('structure'), sum('options'), sum('statistics')];
  const agreeing = [
    ...(flags === 0 && models.length > 0 ? ['flags'] : []),
    ...(statistics === 0 && sum('comparedStatistics') > 0 ? ['statistics'] : []),
  ];
  return [
    ...(flags === 0 ? [] : [`${countOf(flags, 'flag')} ${flags === 1 ? 'differs' : 'differ'}`]),
    ...(statistics === 0 ? [] : [`statistics of ${countOf(statistics, 'layer')} differ`]),
    ...(structure === 0 ? [] : [`structure of ${countOf(structure, 'module')} differs`]),
    ...(options === 0 ? [] : [`options of ${countOf(options, 'layer')} differ`]),
    ...(partial.length === 0 ? [] : [`${countOf(partial.length, 'model')} not in every rank`]),
    ...(agreeing.length === 0 ? [] : [`${agreeing.join(' and ')} agree`]),
  ];
}

/** What the row of a module in one rank adds about another one: `rank 0: eval`, `statistics differ from rank 0`. */
export function differenceWords({ module, statistics }: RankDifference, first: string): string {
  const words: string[] = [];
  const { structure, flags, options, modules } = module ?? {};
  if (structure === 'missing') words.push(`not in ${first}`);
  if (structure === 'class') words.push(`${first}: ${modules?.[0]?.type ?? ''}`);
  if (structure === 'tensors') words.push(`other tensors than ${first}`);
  if (flags !== undefined) words.push(`${first}: ${modeOf(flags[0])}`);
  if (options !== undefined) words.push(`other ${options.join(', ')} than ${first}`);
  if (statistics !== undefined) words.push(`statistics differ from ${first}`);
  return words.join(' · ');
}

/** The fold above all that differs; undefined where nothing does. */
export function differencesRow(models: readonly ModelDifferences[], partial: readonly PartialModel[]): Row | undefined {
  const layers = models.flatMap((model) => model.layers.map((layer) => ({ model, layer })));
  if (layers.length + partial.length === 0) return undefined;
  const largest = layers
    .map(({ model, layer }) => ({ share: shareOf(layer), name: nameOf(model, layer.path, models) }))
    .reduce<{ share: number; name: string } | undefined>(
      (most, each) => (each.share > (most?.share ?? 0) ? each : most),
      undefined,
    );
  const [first] = models;
  const description =
    largest === undefined
      ? 'none in statistics'
      : `statistics by up to ${formatShare(largest.share)}, in ${largest.name}`;
  return {
    label: 'Differences',
    description,
    icon: { id: 'diff' },
    tooltip: [
      `Compared with ${first?.ranks[0] ?? 'the first rank'}, after the same number of batches.`,
      'BatchNorm takes its statistics from the batches of its own rank. With SyncBatchNorm they are those of all ranks.',
      'DistributedDataParallel copies the buffers of rank 0 to the others before each forward, unless it was told not to.',
    ],
    spoken: `Differences between ranks, ${description}`,
    context: 'differences',
    children: 'collapsed',
  };
}

/** The rows below it: a layer each; of a subtree that differs in its flags as a whole only the topmost module. */
export function differenceRows(models: readonly ModelDifferences[], partial: readonly PartialModel[]): readonly Row[] {
  const layers = models.flatMap((model) => {
    const covered = coveredPaths(model.layers);
    return model.layers.filter(({ path }) => !covered.has(path)).map((layer) => ({ model, layer, covered }));
  });
  const rest = layers.length - longestList;
  return [
    ...partial.map(partialRow),
    ...layers
      .slice(0, longestList)
      .map(({ model, layer, covered }) => layerRow(model, layer, nameOf(model, layer.path, models), covered)),
    ...(rest > 0 ? [plain(`… ${countOf(rest, 'more module')}`, '', { id: 'ellipsis' })] : []),
  ];
}

function partialRow({ title, ranks }: PartialModel): Row {
  return plain(title, `only in ${ranks.join(', ')}`, structureIcon);
}

/** Modules that differ from the first rank in nothing but their flags, just as a module above them does. */
function coveredPaths(layers: readonly LayerDifferences[]): ReadonlySet<string> {
  const signs = new Map(layers.map((layer) => [layer.path, flagSign(layer)]));
  return new Set(
    layers.flatMap(({ path, differences }) => {
      const above = parentPath(path);
      const onlyFlags = differences.every(
        (each) =>
          each?.statistics === undefined &&
          each?.module?.structure === undefined &&
          each?.module?.options === undefined,
      );
      return onlyFlags && above !== undefined && signs.get(above) === signs.get(path) ? [path] : [];
    }),
  );
}

function flagSign({ differences }: LayerDifferences): string {
  return JSON.stringify(differences.map((each) => each?.module?.flags ?? null));
}

function layerRow(model: ModelDifferences, layer: LayerDifferences, name: string, covered: ReadonlySet<string>): Row {
  const { module, differences, path } = layer;
  const flags = flagWords(model, layer);
  const below = flags === '' ? 0 : [...covered].filter((other) => isWithin(other, path)).length;
  const statistics = differences.some((each) => each?.statistics !== undefined);
  const share = shareOf(layer);
  const words = [
    flags,
    below === 0 ? '' : `with ${countOf(below, 'module')} below`,
    ...structureWords(model, layer),
    statistics ? (share > 0 ? `differs by ${formatShare(share)}` : 'counts of batches differ') : '',
    module?.type ?? '',
  ].filter((part) => part !== '');
  return {
    label: name,
    description: words.join(' · '),
    icon: flags !== '' ? flagIcon : statistics ? statisticsIcon : structureIcon,
    tooltip: [`Path: ${path === '' ? '(root)' : path}`, ...words],
    spoken: `${name}, ${words.join(', ')}`,
    context: 'fact',
    children: statistics ? 'collapsed' : 'none',
    // Made when somebody unfolds the row: there may be a thousand of them, several times a second.
    get rows() {
      return statisticsRows(model, layer);
    },
  };
}

/** `rank 0: train, rank 1: eval`; of many ranks those that differ from the first. */
function flagWords({ ranks }: ModelDifferences, { differences }: LayerDifferences): string {
  const found = differences.flatMap((each, index) => {
    const flags = each?.module?.flags;
    return flags === undefined ? [] : [{ rank: ranks[index + 1] ?? '', flags }];
  });
  const [one] = found;
  if (one === undefined) return '';
  const first = `${ranks[0] ?? ''}: ${modeOf(one.flags[0])}`;
  return [first, ...found.map(({ rank, flags }) => `${rank}: ${modeOf(flags[1])}`)].join(', ');
}

function structureWords({ ranks }: ModelDifferences, { differences }: LayerDifferences): readonly string[] {
  return differences.flatMap((each, index) => {
    const rank = ranks[index + 1] ?? '';
    const { structure, options, modules } = each?.module ?? ({} as Partial<ModuleDifference>);
    const structural =
      structure === undefined
        ? []
        : structure === 'missing'
          ? [`not in ${modules?.[0] === undefined ? (ranks[0] ?? '') : rank}`]
          : structure === 'class'
            ? [`${rank}: ${modules?.[1]?.type ?? ''}`]
            : [`other tensors in ${rank}`];
    return [...structural, ...(options === undefined ? [] : [`other ${options.join(', ')} in ${rank}`])];
  });
}

function nameOf({ title }: ModelDifferences, path: string, models: readonly ModelDifferences[]): string {
  if (path === '') return title;
  return models.length === 1 ? path : `${title}: ${path}`;
}

function modeOf(training: boolean | null): string {
  return training === null ? 'no flag' : training ? 'train' : 'eval';
}
