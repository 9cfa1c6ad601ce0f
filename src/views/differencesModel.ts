// What differs between the ranks of a job, or between two models, in rows: a sum, the layers, and their figures side by side.

import { foldSubtrees } from '../model/differences';
import type { DifferenceCounts, LayerDifference } from '../model/differences';
import type { ModuleSpec } from '../model/module';
import { behaviourWords, flagWords, structureWords } from './differenceWordsModel';
import { countOf } from '../util/text';
import type { Row, RowIcon } from './rowModel';
import { formatShare, plain, largestShare, statisticsRows } from './sideBySideModel';

/** Of a model in all ranks that hold it, or of two models. */
export interface ModelDifferences {
  readonly title: string;
  /** What tells them apart: ranks, or files. The one that the others are compared with stands first. */
  readonly names: readonly string[];
  /** The rows stand below the first model itself, so that its name goes without saying. */
  readonly isBelowFirst?: boolean;
  readonly counts: DifferenceCounts;
  /** In the order of the rows. */
  readonly layers: readonly LayerDifferences[];
}

export interface LayerDifferences {
  readonly path: string;
  /** In the first model, or in the first other one that has it. */
  readonly module: ModuleSpec | undefined;
  /** For every model but the first; undefined where it does not differ. */
  readonly differences: readonly (LayerDifference | undefined)[];
}

/** A model that only some ranks hold. */
export interface PartialModel {
  readonly title: string;
  readonly ranks: readonly string[];
}

/** A row about a module of one of the models, or about one that only some ranks hold. */
export interface DifferenceRow<M> extends Row {
  readonly about?: { readonly model: M; readonly path: string };
}

const flagIcon: RowIcon = { id: 'color-mode' };
const statisticsIcon: RowIcon = { id: 'graph-line' };
const structureIcon: RowIcon = { id: 'list-tree' };

/** More are not listed. */
const longestList = 200;

/**
 * How the models stand to each other, in a few words each, what differs first; none where nothing was compared.
 * @param hasFlags modes were compared. @param share the largest relative difference of statistics, where that belongs in the sum.
 */
export function comparisonWords(
  models: readonly { readonly counts: DifferenceCounts }[],
  partial: readonly PartialModel[],
  { hasFlags = models.length > 0, share = 0 } = {},
): readonly string[] {
  const sum = (key: keyof DifferenceCounts): number => models.reduce((total, { counts }) => total + counts[key], 0);
  const [flags, structure, options, statistics] = [sum('flags'), sum('structure'), sum('options'), sum('statistics')];
  const behaviours = sum('behaviours');
  const agreeing = [
    ...(flags + behaviours === 0 && hasFlags ? ['flags'] : []),
    ...(statistics === 0 && sum('comparedStatistics') > 0 ? ['statistics'] : []),
  ];
  return [
    ...(flags === 0 ? [] : [`${countOf(flags, 'flag')} ${flags === 1 ? 'differs' : 'differ'}`]),
    ...(behaviours === 0
      ? []
      : [`${countOf(behaviours, 'layer')} ${behaviours === 1 ? 'runs' : 'run'} in another mode`]),
    ...(statistics === 0
      ? []
      : [`statistics of ${countOf(statistics, 'layer')} differ${share > 0 ? ` by up to ${formatShare(share)}` : ''}`]),
    ...(structure === 0 ? [] : [`structure of ${countOf(structure, 'module')} differs`]),
    ...(options === 0 ? [] : [`options of ${countOf(options, 'layer')} differ`]),
    ...(partial.length === 0 ? [] : [`${countOf(partial.length, 'model')} not in every rank`]),
    ...(agreeing.length === 0 ? [] : [`${agreeing.join(' and ')} agree`]),
  ];
}

/** The fold above all that differs; undefined where nothing does. */
export function differencesRow(models: readonly ModelDifferences[], partial: readonly PartialModel[]): Row | undefined {
  const layers = models.flatMap((model) => model.layers.map((layer) => ({ model, layer })));
  if (layers.length + partial.length === 0) return undefined;
  const largest = layers
    .map(({ model, layer }) => ({ share: largestShare(layer), name: nameOf(model, layer.path, models) }))
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
      `Compared with ${first?.names[0] ?? 'the first rank'}, after the same number of batches.`,
      'BatchNorm takes its statistics from the batches of its own rank. With SyncBatchNorm they are those of all ranks.',
      'DistributedDataParallel copies the buffers of rank 0 to the others before each forward, unless it was told not to.',
    ],
    spoken: `Differences between ranks, ${description}`,
    context: 'differences',
    children: 'collapsed',
  };
}

/** The rows below it: a layer each; of a subtree that differs in its flags as a whole only the topmost module. */
export function differenceRows<M extends ModelDifferences, P extends PartialModel>(
  models: readonly M[],
  partial: readonly P[],
): readonly DifferenceRow<M | P>[] {
  const layers = models.flatMap((model) => {
    const folds = foldSubtrees(model.layers);
    return model.layers.flatMap((layer) => {
      const below = folds.get(layer.path);
      return below === undefined ? [] : [{ model, layer, below }];
    });
  });
  const rest = layers.length - longestList;
  return [
    ...partial.map(partialRow),
    ...layers
      .slice(0, longestList)
      .map(({ model, layer, below }) => layerRow(model, layer, nameOf(model, layer.path, models), below)),
    ...(rest > 0 ? [plain(`… ${countOf(rest, 'more module')}`, '', { id: 'ellipsis' })] : []),
  ];
}

function partialRow<P extends PartialModel>(model: P): DifferenceRow<P> {
  const { title, ranks } = model;
  return { ...plain(title, `only in ${ranks.join(', ')}`, structureIcon), about: { model, path: '' } };
}

function layerRow<M extends ModelDifferences>(
  model: M,
  layer: LayerDifferences,
  name: string,
  below: number,
): DifferenceRow<M> {
  const { module, differences, path } = layer;
  const flags = flagWords(model, layer);
  const runs = behaviourWords(model, layer);
  const statistics = differences.some((each) => each?.statistics !== undefined);
  const share = largestShare(layer);
  const words = [
    flags,
    runs,
    ...structureWords(model, layer),
    below === 0 ? '' : `with ${countOf(below, 'module')} below`,
    statistics ? (share > 0 ? `differs by ${formatShare(share)}` : 'counts of batches differ') : '',
    module?.type ?? '',
  ].filter((part) => part !== '');
  return {
    label: name,
    about: { model, path },
    description: words.join(' · '),
    icon: flags + runs !== '' ? flagIcon : statistics ? statisticsIcon : structureIcon,
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

function nameOf({ title }: ModelDifferences, path: string, models: readonly ModelDifferences[]): string {
  if (path === '') return title;
  return models.length === 1 ? path : `${title}: ${path}`;
}
