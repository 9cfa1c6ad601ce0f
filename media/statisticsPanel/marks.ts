// The shapes of marks: one for each kind, so that colour is never the only difference.

import type { MarkKind } from '../../src/protocol/statisticsPanel';
import type { Theme } from './theme';

export const markKinds: readonly MarkKind[] = [
  'non-finite',
  'negative',
  'half-overflow',
  'flat',
  'untouched',
  'far-off',
];

export const markWords: Readonly<Record<MarkKind, string>> = {
  'non-finite': 'NaN or Inf',
  negative: 'variance < 0',
  'half-overflow': 'beyond float16',
  flat: 'variance ≈ 0',
  untouched: 'hardly or never moved',
  'far-off': 'far off the others',
};

/** The sign in text, of the same form as the shape. */
export const markSigns: Readonly<Record<MarkKind, string>> = {
  'non-finite': '✕',
  negative: '▼',
  'half-overflow': '▲',
  flat: '▬',
  untouched: '○',
  'far-off': '◆',
};

export function markColour(kind: MarkKind, theme: Theme): string {
  if (kind === 'non-finite' || kind === 'negative') return theme.error;
  return kind === 'far-off' ? theme.warning : theme.note;
}

type Shape = Readonly<Record<string, unknown>>;

/** ECharts' shapes of a mark around a point. */
export function markShape(kind: MarkKind, x: number, y: number, theme: Theme): readonly Shape[] {
  const colour = markColour(kind, theme);
  const filled = { fill: colour, stroke: theme.background, lineWidth: 1 };
  const stroke = { stroke: colour, lineWidth: 2.5, fill: 'transparent' };
  const polygon = (points: readonly (readonly [number, number])[]): Shape => ({
    type: 'polygon',
    shape: { points: points.map(([dx, dy]) => [x + dx, y + dy]) },
    style: filled,
  });
  const line = (x1: number, y1: number, x2: number, y2: number): Shape => ({
    type: 'line',
    shape: { x1: x + x1, y1: y + y1, x2: x + x2, y2: y + y2 },
    style: stroke,
  });
  switch (kind) {
    case 'non-finite':
      return [line(-4.5, -4.5, 4.5, 4.5), line(-4.5, 4.5, 4.5, -4.5)];
    case 'negative':
      return [
        polygon([
          [-6, -4.5],
          [6, -4.5],
          [0, 6],
        ]),
      ];
    case 'half-overflow':
      return [
        polygon([
          [-6, 4.5],
          [6, 4.5],
          [0, -6],
        ]),
      ];
    case 'far-off':
      return [
        polygon([
          [0, -6.5],
          [6, 0],
          [0, 6.5],
          [-6, 0],
        ]),
      ];
    case 'flat':
      return [{ type: 'rect', shape: { x: x - 5, y: y - 2, width: 10, height: 4 }, style: filled }];
    case 'untouched':
      return [{ type: 'circle', shape: { cx: x, cy: y, r: 3.5 }, style: { ...stroke, lineWidth: 1.5 } }];
  }
}
