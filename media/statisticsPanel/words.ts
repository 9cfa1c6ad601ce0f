// Numbers, modes and times in the panel's words.

import type { LayerMode } from '../../src/protocol/statisticsPanel';

/** Four significant digits, as the tree has them. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return 'none';
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e6) return String(Number(value.toPrecision(4)));
  return value
    .toExponential(2)
    .replace(/\.?0+e/, 'e')
    .replace('e+', 'e');
}

/** What normalises and what moves, in one line. */
export function modeWords({ training, behaviour, reason }: LayerMode): string {
  const flag = training === null ? 'mode not stored' : training ? 'train' : 'eval';
  const runs =
    behaviour === 'train'
      ? 'normalises by the batch'
      : behaviour === 'eval'
        ? 'normalises by the running statistics'
        : undefined;
  return [flag, ...(runs === undefined ? [] : [runs]), ...(reason === undefined ? [] : [reason])].join(' · ');
}

/** `12.5 %` of a share. */
export function percent(share: number): string {
  return `${number(Number((share * 100).toPrecision(4)))} %`;
}

export function plural(count: number, singular: string): string {
  return `${count.toLocaleString('en')} ${singular}${count === 1 ? '' : 's'}`;
}

export function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}
