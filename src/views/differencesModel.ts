// What differs between the ranks of a job, or between two models, in rows: a sum, the layers, and their figures side by side.

import type { ModuleDifference, TensorChange } from '../model/compareModels';
import { foldSubtrees, missingIn } from '../model/differences';
import type { DifferenceCounts, LayerDifference } from '../model/differences';
import type { ModuleSpec, TensorSpec } from '../model/module';
import { formatNumber } from '../util/numbers';
import { countOf, formatShape } from './format';
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

/** What the row of a module in one rank adds about another one: `rank 0: eval`, `statistics differ from rank 0`. */
export function differenceWords({ module, statistics }: LayerDifference, first: string): string {
  const words: string[] = [];
  const { structure, flags, behaviours, options, modules } = module ?? {};
  if (structure === 'missing') words.push(`not in ${first}`);
  if (structure === 'class') words.push(`${first}: ${modules?.[0]?.type ?? ''}`);
  if (structure === 'tensors') words.push(`other tensors than ${first}`);
  if (flags !== undefined) words.push(`${first}: ${modeOf(flags[0])}`);
  if (behaviours !== undefined) words.push(`${first}: runs as ${behaviours[0]}`);
  if (options !== undefined) words.push(`other ${options.map(({ name }) => name).join(', ')} than ${first}`);
  if (statistics !== undefined) words.push(`statistics differ from ${first}`);
  return words.join(' · ');
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

/** `rank 0: train, rank 1: eval`; of many ranks those that differ from the first. Below a model: `train, other.pt: eval`. */
function flagWords({ names, isBelowFirst }: ModelDifferences, { differences }: LayerDifferences): string {
  const found = differences.flatMap((each, index) => {
    const flags = each?.module?.flags;
    return flags === undefined ? [] : [{ name: names[index + 1] ?? '', flags }];
  });
  const [one] = found;
  if (one === undefined) return '';
  const first = `${isBelowFirst === true ? '' : `${names[0] ?? ''}: `}${modeOf(one.flags[0])}`;
  return [first, ...found.map(({ name, flags }) => `${name}: ${modeOf(flags[1])}`)].join(', ');
}

/** `runs as train, in other.pt as eval`: the flags are the same, or there are none. */
function behaviourWords({ names, isBelowFirst }: ModelDifferences, { differences }: LayerDifferences): string {
  const found = differences.flatMap((each, index) => {
    const [first, mode] = each?.module?.behaviours ?? [];
    return mode === undefined ? [] : [{ first, words: `in ${names[index + 1] ?? ''} as ${mode}` }];
  });
  const [one] = found;
  if (one?.first === undefined) return '';
  const first = `runs as ${one.first}${isBelowFirst === true ? '' : ` in ${names[0] ?? ''}`}`;
  return [first, ...found.map(({ words }) => words)].join(', ');
}

function structureWords(
  { names: [first = '', ...names], isBelowFirst }: ModelDifferences,
  { differences }: LayerDifferences,
): readonly string[] {
  const inFirst = isBelowFirst === true ? '' : ` in ${first}`;
  return differences.flatMap((each, index) => {
    const name = names[index] ?? '';
    const { module } = each ?? {};
    if (module === undefined) return [];
    const options = (module.options ?? []).map(
      ({ name: option, values: [one, other] }) =>
        `${option} ${formatOption(one)}${inFirst}, ${formatOption(other)} in ${name}`,
    );
    return [...structureOf(module, inFirst, name), ...options];
  });
}

function structureOf(module: ModuleDifference, inFirst: string, name: string): readonly string[] {
  const { structure, modules, tensors = [] } = module;
  if (structure === undefined) return [];
  if (structure === 'missing') return [missingWords(missingIn(module), inFirst, name)];
  if (structure === 'class') return [`${name}: ${modules[1]?.type ?? ''}`];
  const [tensor, ...more] = tensors;
  if (tensor === undefined) return [`other order of tensors in ${name}`];
  const rest = more.length === 0 ? '' : `, and ${countOf(more.length, 'more tensor')}`;
  return [`${tensorWords(tensor, inFirst, name)}${rest}`];
}

/** `weight [10, 512] in rank 0, [5, 512] in rank 1`; dtypes are named where they differ. */
function tensorWords({ name: tensor, tensors: [one, other] }: TensorChange, inFirst: string, name: string): string {
  if (one === undefined || other === undefined)
    return `${tensor} ${missingWords(one === undefined ? 0 : 1, inFirst, name)}`;
  const words = ({ dtype, shape }: TensorSpec): string =>
    one.dtype === other.dtype ? formatShape(shape) : `${dtype} ${formatShape(shape)}`;
  return `${tensor} ${words(one)}${inFirst}, ${words(other)} in ${name}`;
}

function missingWords(missing: 0 | 1 | null, inFirst: string, name: string): string {
  if (missing === 1) return `not in ${name}`;
  return inFirst === '' ? `only in ${name}` : `not${inFirst}`;
}

/** As torch writes it: a momentum of None is the cumulative average. */
function formatOption(value: number | boolean | null): string {
  if (value === null) return 'None';
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : formatNumber(value);
}

function nameOf({ title }: ModelDifferences, path: string, models: readonly ModelDifferences[]): string {
  if (path === '') return title;
  return models.length === 1 ? path : `${title}: ${path}`;
}

function modeOf(training: boolean): string {
  return training ? 'train' : 'eval';
}
