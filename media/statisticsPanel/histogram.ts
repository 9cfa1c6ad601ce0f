// Counts of values in bins of equal width on a scale.

import type { Scale } from './scale';

export interface Bin {
  /** As places on the scale. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bins from the smallest to the largest value; those that are not finite are left out. */
export function histogram(values: readonly (number | null)[], scale: Scale, most = 48): readonly Bin[] {
  const places: number[] = [];
  for (const value of values) if (value !== null) places.push(scale.place(value));
  if (places.length === 0) return [];
  let low = Infinity;
  let high = -Infinity;
  for (const place of places) {
    if (place < low) low = place;
    if (place > high) high = place;
  }
  // All alike: one bar that can be seen.
  const span = scale.high - scale.low;
  if (high - low < span * 1e-9) [low, high] = [low - span / 40, high + span / 40];
  const bins = Math.min(most, Math.max(8, Math.ceil(2 * Math.sqrt(places.length))));
  const width = (high - low) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const place of places) {
    const bin = Math.min(bins - 1, Math.floor((place - low) / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.map((count, bin) => ({ from: low + bin * width, to: low + (bin + 1) * width, count }));
}
