// The running statistics of a layer in several models, side by side in rows, and how far they lie apart.

import { shareOf } from '../model/compareStatistics';
import type { ComparedStatistics, StatisticsDifference } from '../model/compareStatistics';
import type { NormStatistics, TensorSummary } from '../model/statistics';
import type { LayerDifferences, ModelDifferences } from './differencesModel';
import { formatSummary } from './format';
import { countOf } from '../util/text';
import { formatNumber } from '../util/numbers';
import type { Row, RowIcon } from './rowModel';

/** The statistics of a layer side by side: a rank a row, below the name of the tensor. */
export function statisticsRows({ names }: ModelDifferences, { differences }: LayerDifferences): readonly Row[] {
  const compared = differences.flatMap((each, index) =>
    each?.statistics === undefined ? [] : [{ name: names[index + 1] ?? '', statistics: each.statistics }],
  );
  const tensors = [
    ['running_mean', 'runningMean'],
    ['running_var', 'runningVar'],
  ] as const;
  return [
    ...tensors.flatMap(([name, key]) => {
      const shares = compared.flatMap(({ statistics }) => statistics.difference?.[key] ?? []);
      if (shares.length === 0) return [];
      const words = tensorWords(shares);
      const rows = sideBySide(names[0] ?? '', compared, (statistics) => summaryWords(statistics[key]));
      return [{ ...plain(name, words, { id: 'symbol-array' }), children: 'expanded' as const, rows }];
    }),
    {
      ...plain('num_batches_tracked', countWords(compared), { id: 'symbol-numeric' }),
      children: 'collapsed',
      rows: sideBySide(names[0] ?? '', compared, ({ numBatchesTracked: count }) => String(count ?? 'not stored')),
    },
  ];
}

interface ComparedModel {
  readonly name: string;
  readonly statistics: ComparedStatistics;
}

/**
 * The first rank's figures once for each batch at which it was compared, then those of the others. Ranks that were compared at
 * different batches say which.
 */
function sideBySide(
  first: string,
  compared: readonly ComparedModel[],
  words: (statistics: NormStatistics) => string,
): readonly Row[] {
  const counts = new Set(compared.map(({ statistics }) => statistics.reports[0].numBatchesTracked));
  const at = ({ numBatchesTracked }: NormStatistics): string =>
    counts.size > 1 && numBatchesTracked !== null ? ` after ${countOf(numBatchesTracked, 'batch', 'batches')}` : '';
  const firsts = new Map(compared.map(({ statistics: { reports } }) => [reports[0].numBatchesTracked, reports[0]]));
  const icon = { id: 'circle-small' };
  return [
    ...[...firsts.values()].map((statistics) => plain(`${first}${at(statistics)}`, words(statistics), icon)),
    ...compared.map(({ name, statistics: { reports } }) => plain(`${name}${at(reports[1])}`, words(reports[1]), icon)),
  ];
}

function tensorWords(differences: readonly NonNullable<StatisticsDifference['runningMean']>[]): string {
  const shares = differences.map(({ relative }) => relative);
  if (shares.includes(null)) return 'no finite element in one of them';
  const broken = differences.some(({ nonFinite }) => nonFinite !== undefined)
    ? ', NaN or infinite elements differ'
    : '';
  return `differs by ${formatShare(Math.max(...shares.map((share) => share ?? 0)))}${broken}`;
}

function countWords(compared: readonly ComparedModel[]): string {
  if (compared.some(({ statistics }) => statistics.difference?.numBatchesTracked !== undefined)) return 'differs';
  const counts = compared.map(({ statistics }) => statistics.reports[0].numBatchesTracked);
  const known = [...new Set(counts.filter((count) => count !== null))];
  return known.length === 0 ? 'not stored' : `compared after ${known.map(String).join(', ')}`;
}

function summaryWords(summary: TensorSummary | null): string {
  return summary === null ? 'none' : formatSummary(summary);
}

/** The largest relative difference of a layer's statistics in any model; infinite where a tensor is finite in one alone. */
export function largestShare({ differences }: LayerDifferences): number {
  return Math.max(0, ...differences.map((each) => shareOf(each?.statistics)));
}

/** `12 %`, `0.4 %`. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return 'NaN or infinity';
  const percent = share * 100;
  return percent < 0.01 ? '<0.01 %' : `${formatNumber(Number(percent.toPrecision(2)))} %`;
}

/** A row that only says something. */
export function plain(label: string, description: string, icon: RowIcon): Row {
  const spoken = description === '' ? label : `${label}: ${description}`;
  return { label, description, icon, tooltip: [spoken], spoken, context: 'fact', children: 'none' };
}
