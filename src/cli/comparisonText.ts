// Two files compared, in words: a sum, what could not be compared, then the differences by kind, the most telling first.

import { pathIn } from '../model/alignModels';
import type { ModuleDifference, Pair, TensorChange } from '../model/compareModels';
import type { TensorDifference } from '../model/compareStatistics';
import type { ModelDescription } from '../model/description';
import { foldSubtrees, missingIn } from '../model/differences';
import type { PairComparison, PairDifference } from '../model/pairComparison';
import { pairNotes } from '../model/pairNotes';
import { figure, table } from './report';
import { countOf } from '../util/text';

/** More lines of one kind are counted, not printed. */
const shownLines = 20;

export function comparisonText(
  files: Pair<string>,
  descriptions: Pair<ModelDescription>,
  comparison: PairComparison,
): string {
  const problems = descriptions.flatMap(({ problems: each }, side) =>
    each.map(({ message }) => `  ${files[side as 0 | 1]}: ${message}`),
  );
  return [
    `${files[0]} and ${files[1]}: ${summary(comparison)}`,
    ...pairNotes(files, comparison),
    ...(comparison.sharedModules === 0 ? ['--model and --other-model name the parts to compare'] : []),
    ...groups(files, comparison),
    ...(problems.length === 0 ? [] : ['', 'problems', ...problems]),
  ].join('\n');
}

function summary({ counts, layers, share }: PairComparison): string {
  if (layers.length === 0) return 'no difference';
  const furthest = share > 0 ? ` by up to ${distance(share)}` : '';
  const parts = [
    counts.flags === 0 ? '' : countOf(counts.flags, 'mode differs', 'modes differ'),
    counts.behaviours === 0
      ? ''
      : countOf(counts.behaviours, 'layer runs in another mode', 'layers run in another mode'),
    counts.statistics === 0 ? '' : `statistics of ${countOf(counts.statistics, 'layer')} differ${furthest}`,
    counts.structure === 0 ? '' : `structure of ${countOf(counts.structure, 'module')} differs`,
    counts.options === 0 ? '' : `options of ${countOf(counts.options, 'layer')} differ`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function groups(files: Pair<string>, { roots, layers }: PairComparison): readonly string[] {
  const type = ({ modules }: PairDifference): string => (modules[0] ?? modules[1])?.type ?? '';
  const group = (
    title: readonly string[],
    cells: (layer: PairDifference) => readonly (readonly string[])[],
    folds?: ReadonlyMap<string, number>,
  ): string[] => {
    const rows = layers
      .filter(({ path }) => folds?.has(path) ?? true)
      .flatMap((layer) =>
        cells(layer).map((row) => [nameOf(pathIn(roots[0], layer.path), folds?.get(layer.path)), type(layer), ...row]),
      );
    if (rows.length === 0) return [];
    const lines = table([title, ...rows.slice(0, shownLines)]);
    const more = rows.length - shownLines;
    return ['', ...lines, ...(more > 0 ? [`… and ${more} more`] : [])];
  };
  const modes = foldsOf(layers, ({ path, modules, flags }) =>
    flags === undefined ? undefined : { path, modules, flags },
  );
  const structure = foldsOf(layers, ({ path, modules, structure: kind }) =>
    kind === undefined ? undefined : { path, modules, structure: kind },
  );
  return [
    ...group(
      ['mode', 'type', ...files],
      ({ module }) => (module?.flags === undefined ? [] : [module.flags.map(modeOf)]),
      modes,
    ),
    ...group(['forward', 'type', ...files], ({ module }) =>
      module?.behaviours === undefined ? [] : [module.behaviours.map((mode) => `runs as ${mode}`)],
    ),
    ...group(
      ['statistics', 'type', 'distance of running_mean', 'of running_var', 'num_batches_tracked'],
      ({ statistics }) => {
        if (statistics?.difference === undefined) return [];
        const { runningMean, runningVar, numBatchesTracked: counts } = statistics.difference;
        return [[tensorCell(runningMean), tensorCell(runningVar), counts === undefined ? '' : counts.join(' | ')]];
      },
    ),
    ...group(['structure', 'type', ...files], ({ module }) => structureCells(module), structure),
    ...group(['options', 'type', ...files], ({ module }) =>
      (module?.options ?? []).map(({ name, values }) => values.map((value) => `${name} ${value ?? 'None'}`)),
    ),
  ];
}

/** A subtree that differs as a whole in the one respect that a table is about has one line. */
function foldsOf(
  layers: readonly PairDifference[],
  respect: (module: ModuleDifference) => ModuleDifference | undefined,
): ReadonlyMap<string, number> {
  return foldSubtrees(
    layers.flatMap(({ path, module: whole }) => {
      const module = whole === undefined ? undefined : respect(whole);
      return module === undefined ? [] : [{ path, differences: [{ module }] }];
    }),
  );
}

function nameOf(path: string, below = 0): string {
  const name = path || '(root)';
  return below === 0 ? name : `${name} (and ${below} below)`;
}

function structureCells(module: ModuleDifference | undefined): readonly (readonly string[])[] {
  if (module?.structure === undefined) return [];
  const { structure, modules, tensors = [] } = module;
  if (structure === 'missing') return [missingIn(module) === 0 ? ['missing', ''] : ['', 'missing']];
  if (structure === 'class') return [modules.map((each) => each?.qualifiedType ?? '')];
  const [tensor, ...more] = tensors;
  if (tensor === undefined) return [['another order of tensors', '']];
  const rest = more.length === 0 ? '' : `, and ${countOf(more.length, 'more tensor')}`;
  return [tensorCells(tensor).map((cell) => `${cell}${rest}`)];
}

function tensorCells({ name, tensors }: TensorChange): readonly string[] {
  return tensors.map((tensor) =>
    tensor === undefined ? `no ${name}` : `${name} ${tensor.dtype} [${tensor.shape.join(', ')}]`,
  );
}

function tensorCell(difference: TensorDifference | undefined): string {
  if (difference === undefined) return '';
  const { relative, nonFinite } = difference;
  const odd = nonFinite === undefined ? [] : [`non-finite ${nonFinite.join(' | ')}`];
  return [...(relative === 0 && odd.length > 0 ? [] : [distance(relative ?? Infinity)]), ...odd].join(', ');
}

/** Relative to the longer of both vectors. */
function distance(share: number): string {
  return Number.isFinite(share) ? figure(share) : 'no finite element in one';
}

function modeOf(training: boolean): string {
  return training ? 'train' : 'eval';
}
