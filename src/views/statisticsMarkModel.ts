// Which layers' running statistics are odd, by figures alone: what was seen, not what was meant.

import type { NormStatistics, TensorSummary } from '../model/statistics';
import type { LayerMark } from '../protocol/statisticsPanel';
import { countOf, formatNumber } from './format';

/** Figures of one layer, with its eps; null while they are not known. */
export interface MarkedLayer {
  readonly figures: NormStatistics | null;
  readonly eps: number | null;
}

/** A layer is compared with the others only where there are enough of them. */
const fewestToCompare = 6;
/** Powers of ten from the middle of all layers. */
const farDecades = 3;
const farDeviations = 6;
/** Below this share of eps a channel's variance has no part in the result. */
const flatShare = 1e-4;
const usualEps = 1e-5;

/** The marks of each layer, in its order; the gravest first. */
export function layerMarks(layers: readonly MarkedLayer[]): readonly (readonly LayerMark[])[] {
  const farMean = farFromOthers(layers.map(({ figures }) => sizeOf(figures?.runningMean ?? null)));
  const farVariance = farFromOthers(layers.map(({ figures }) => sizeOf(figures?.runningVar ?? null)));
  return layers.map(({ figures, eps }, index) => {
    if (figures === null) return [];
    return [
      ...nonFinite('mean', figures.runningMean),
      ...nonFinite('variance', figures.runningVar),
      ...negative(figures.runningVar),
      ...farOff('mean', figures.runningMean, farMean[index]),
      ...farOff('variance', figures.runningVar, farVariance[index]),
      ...flat(figures.runningVar, eps ?? usualEps),
      ...untouched(figures),
    ];
  });
}

function nonFinite(tensor: LayerMark['tensor'], summary: TensorSummary | null): readonly LayerMark[] {
  const count = summary?.nonFinite ?? 0;
  if (count === 0) return [];
  const sentence = `NaN or Inf in ${countOf(count, 'channel')} of the running ${tensor}.`;
  return [{ kind: 'non-finite', tensor, word: 'NaN or Inf', sentence }];
}

function negative(variance: TensorSummary | null): readonly LayerMark[] {
  const min = variance?.min ?? null;
  if (min === null || min >= 0) return [];
  return [
    {
      kind: 'negative',
      tensor: 'variance',
      word: 'variance < 0',
      sentence: `A running variance is negative: ${formatNumber(min)}.`,
    },
  ];
}

function farOff(
  tensor: LayerMark['tensor'],
  summary: TensorSummary | null,
  decades: number | undefined,
): readonly LayerMark[] {
  if (summary === null || decades === undefined) return [];
  const times = formatNumber(Number((10 ** Math.abs(decades)).toPrecision(1)));
  return [
    {
      kind: 'far-off',
      tensor,
      word: `${tensor} far off`,
      sentence: `The running ${tensor} is about ${times} times ${decades > 0 ? 'larger' : 'smaller'} than in most layers.`,
    },
  ];
}

function flat(variance: TensorSummary | null, eps: number): readonly LayerMark[] {
  const min = variance?.min ?? null;
  if (min === null || min < 0 || min > eps * flatShare) return [];
  return [
    {
      kind: 'flat',
      tensor: 'variance',
      word: 'variance ≈ 0',
      sentence: `The smallest running variance is ${formatNumber(min)}, far below eps (${formatNumber(eps)}): that channel never varied.`,
    },
  ];
}

function untouched({ runningMean, runningVar, numBatchesTracked }: NormStatistics): readonly LayerMark[] {
  const isInitial = isAll(runningMean, 0) && isAll(runningVar, 1);
  if (!isInitial && numBatchesTracked !== 0) return [];
  const sentence = isInitial
    ? 'Still as initialised: every mean is 0 and every variance 1.'
    : 'The counter of batches is 0: no forward in train has moved them.';
  return [{ kind: 'untouched', tensor: 'variance', word: 'never moved', sentence }];
}

function isAll(summary: TensorSummary | null, value: number): boolean {
  return summary !== null && summary.min === value && summary.max === value && summary.nonFinite === 0;
}

/** log10 of how large a layer's values are; undefined where that says nothing. */
function sizeOf(summary: TensorSummary | null): number | undefined {
  const { min = null, max = null } = summary ?? {};
  if (min === null || max === null) return undefined;
  const size = Math.max(Math.abs(min), Math.abs(max));
  return size > 0 ? Math.log10(size) : undefined;
}

/** For each value that is far from the others its distance from their middle, by median and median deviation. */
function farFromOthers(sizes: readonly (number | undefined)[]): readonly (number | undefined)[] {
  const known = sizes.filter((size) => size !== undefined);
  if (known.length < fewestToCompare) return [];
  const middle = median(known);
  // 1.4826 makes the median deviation of normally distributed values their standard deviation.
  const deviation = 1.4826 * median(known.map((size) => Math.abs(size - middle)));
  const far = Math.max(farDecades, farDeviations * deviation);
  return sizes.map((size) => (size !== undefined && Math.abs(size - middle) > far ? size - middle : undefined));
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
