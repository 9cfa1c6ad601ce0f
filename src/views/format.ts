// Shapes, summaries and counts as people read them in a narrow column.

import type { TensorSummary } from '../model/statistics';
import { formatNumber } from '../util/numbers';

/** `[1, 3, 224, 224]`; a scalar is `[]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** `mean 0.01, min -1.2, max 2.5, non-finite 0`: the mean first, since a narrow column cuts the end off. */
export function formatSummary(summary: TensorSummary): string {
  const { mean, min, max, nonFinite } = summary;
  const figures =
    mean === null && min === null && max === null
      ? 'no finite element'
      : `mean ${formatNumber(mean)}, min ${formatNumber(min)}, max ${formatNumber(max)}`;
  return `${figures}, non-finite ${String(nonFinite)}`;
}

export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 1) return '<1 ms';
  return milliseconds < 10_000 ? `${String(Math.round(milliseconds))} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** `14:03:22`; `seconds` since the epoch. */
export function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

/** The last part of a path of any system. */
export function fileName(file: string): string {
  return file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
}
