// Which layers' running statistics stand out in the panel: those that findings name, and those that are unlike all others.

import type { Finding, RuleId } from '../model/finding';
import type { NormStatistics, TensorSummary } from '../model/statistics';
import type { LayerMark } from '../protocol/statisticsPanel';
import { formatNumber } from '../util/numbers';

/** One layer: its figures, null while they are not known, and the findings at it. */
export interface MarkedLayer {
  readonly figures: NormStatistics | null;
  readonly findings: readonly Finding[];
}

type Tensor = LayerMark['tensors'][number];

/** How a finding is drawn; what was seen is in its message. The gravest first. */
const drawn: Partial<Readonly<Record<RuleId, Pick<LayerMark, 'kind' | 'word'>>>> = {
  'batchnorm/non-finite': { kind: 'non-finite', word: 'NaN or Inf' },
  'batchnorm/negative-variance': { kind: 'negative', word: 'variance < 0' },
  'batchnorm/half-overflow': { kind: 'half-overflow', word: 'beyond float16' },
  'batchnorm/dead-channels': { kind: 'flat', word: 'variance ≈ 0' },
  'batchnorm/never-updated': { kind: 'untouched', word: 'never moved' },
  'batchnorm/initial-share': { kind: 'untouched', word: 'hardly moved' },
};
const drawnRules = Object.keys(drawn) as readonly RuleId[];

/** A layer is compared with the others only where there are enough of them. That is no finding: it may well be as it should be. */
const fewestToCompare = 6;
/** Powers of ten from the middle of all layers. */
const farDecades = 3;
const farDeviations = 6;

/** The marks of each layer, in its order. */
export function layerMarks(layers: readonly MarkedLayer[]): readonly (readonly LayerMark[])[] {
  const farMean = farFromOthers(layers.map(({ figures }) => sizeOf(figures?.runningMean ?? null)));
  const farVariance = farFromOthers(layers.map(({ figures }) => sizeOf(figures?.runningVar ?? null)));
  return layers.map(({ figures, findings }, index) => [
    ...drawnRules.flatMap((rule) =>
      findings.filter((finding) => finding.rule === rule).flatMap((finding) => markOf(finding, figures)),
    ),
    ...farOff('mean', farMean[index]),
    ...farOff('variance', farVariance[index]),
  ]);
}

function markOf(finding: Finding, figures: NormStatistics | null): readonly LayerMark[] {
  const look = drawn[finding.rule];
  return look === undefined ? [] : [{ ...look, tensors: tensorsOf(finding, figures), sentence: finding.message }];
}

/** Of which tensors a finding speaks. */
function tensorsOf({ rule, evidence }: Finding, figures: NormStatistics | null): readonly Tensor[] {
  const both: readonly (readonly [Tensor, TensorSummary | null, string])[] = [
    ['mean', figures?.runningMean ?? null, 'runningMean'],
    ['variance', figures?.runningVar ?? null, 'runningVar'],
  ];
  if (rule === 'batchnorm/non-finite')
    return both.flatMap(([tensor, , name]) => (evidence[name] === 0 ? [] : [tensor]));
  if (rule === 'batchnorm/half-overflow')
    return both.flatMap(([tensor, summary]) => (magnitude(summary) === evidence['largest'] ? [tensor] : []));
  return ['variance'];
}

function farOff(tensor: Tensor, decades: number | undefined): readonly LayerMark[] {
  if (decades === undefined) return [];
  const times = formatNumber(Number((10 ** Math.abs(decades)).toPrecision(1)));
  return [
    {
      kind: 'far-off',
      tensors: [tensor],
      word: `${tensor} far off`,
      sentence: `The running ${tensor} is about ${times} times ${decades > 0 ? 'larger' : 'smaller'} than in most layers.`,
    },
  ];
}

/** log10 of how large a layer's values are; undefined where that says nothing. */
function sizeOf(summary: TensorSummary | null): number | undefined {
  const size = magnitude(summary);
  return size > 0 ? Math.log10(size) : undefined;
}

function magnitude(summary: TensorSummary | null): number {
  return Math.max(Math.abs(summary?.min ?? 0), Math.abs(summary?.max ?? 0));
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
