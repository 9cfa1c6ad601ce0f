// Shares, modes and times in the panel's words.

import type { LayerMode } from '../../src/protocol/statisticsPanel';
import { formatNumber } from '../../src/util/numbers';

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
  return `${formatNumber(Number((share * 100).toPrecision(4)))} %`;
}

export function plural(count: number, singular: string): string {
  return `${count.toLocaleString('en')} ${singular}${count === 1 ? '' : 's'}`;
}

export function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}
