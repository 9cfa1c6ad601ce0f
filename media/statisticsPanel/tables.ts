// The same figures as tables, for whoever reads better than looks, or hears the page.

import type { TensorSummary } from '../../src/model/statistics';
import type { LayerDetail, PanelGap, Timeline } from '../../src/protocol/statisticsPanel';
import { table } from './dom';
import type { PanelState } from './state';
import { formatNumber } from '../../src/util/numbers';
import { clock, modeWords, percent } from './words';

export function layersTable({ model, figures, modes, marks }: PanelState): HTMLTableElement {
  const head = [
    'layer',
    'class',
    'mode',
    'batches',
    'running_mean: min',
    'median',
    'max',
    'running_var: min',
    'median',
    'max',
    'marks',
  ];
  return table(
    'All layers',
    head,
    model.layers.map(({ path, type }, index) => {
      const known = figures[index] ?? null;
      const mode = modes[index];
      return [
        path === '' ? '(root)' : path,
        type,
        mode === undefined ? '' : modeWords(mode),
        formatNumber(known?.numBatchesTracked),
        ...spread(known?.runningMean ?? null),
        ...spread(known?.runningVar ?? null),
        (marks.get(index) ?? []).map(({ word }) => word).join(', '),
      ];
    }),
  );
}

/** The two tensors of a layer side by side. */
export function figureRows(mean: TensorSummary | null, variance: TensorSummary | null): readonly (readonly string[])[] {
  const row = (name: string, pick: (summary: TensorSummary) => number | null | undefined): readonly string[] => [
    name,
    mean === null ? '' : formatNumber(pick(mean)),
    variance === null ? '' : formatNumber(pick(variance)),
  ];
  const hasQuartiles = (mean ?? variance)?.quartiles !== undefined;
  return [
    ['figure', 'running_mean', 'running_var'],
    row('max', ({ max }) => max),
    ...(hasQuartiles
      ? [row('upper quartile', ({ quartiles }) => quartiles?.[2]), row('median', ({ quartiles }) => quartiles?.[1])]
      : []),
    row('mean', (summary) => summary.mean),
    ...(hasQuartiles ? [row('lower quartile', ({ quartiles }) => quartiles?.[0])] : []),
    row('min', ({ min }) => min),
    row('NaN or Inf', ({ nonFinite }) => nonFinite),
  ];
}

export function channelsTable({ path, mean, variance }: LayerDetail): HTMLTableElement {
  const channels = Math.max(mean?.length ?? 0, variance?.length ?? 0);
  const cell = (values: readonly (number | null)[] | null, channel: number): string => {
    const value = values?.[channel];
    return value === undefined ? '' : value === null ? 'NaN or Inf' : formatNumber(value);
  };
  return table(
    `Channels of ${path}`,
    ['channel', 'running_mean', 'running_var'],
    Array.from({ length: channels }, (_, channel) => [String(channel), cell(mean, channel), cell(variance, channel)]),
  );
}

export function movementTable({ path, movement }: LayerDetail): HTMLTableElement {
  const figures = (each: readonly number[] | null): readonly string[] =>
    each === null ? ['', '', ''] : each.map((value) => formatNumber(value));
  return table(
    `Movement of ${path}`,
    ['time', 'batches', 'running_mean: min', 'mean', 'max', 'running_var: min', 'mean', 'max'],
    [...movement]
      .reverse()
      .map(({ time, batches, mean, variance }) => [
        clock(time),
        formatNumber(batches),
        ...figures(mean),
        ...figures(variance),
      ]),
  );
}

export function gapTable({ steps }: PanelGap): HTMLTableElement {
  return table(
    'Train against eval',
    [
      'module',
      'class',
      'difference (relative L2)',
      'cosine',
      'largest difference',
      'batch mean shift',
      'variance ratio',
    ],
    steps.map(({ path, type, relativeL2, cosine, maxAbs, batchShift }) => [
      path === '' ? '(root)' : path,
      type,
      relativeL2 === null ? 'unknown' : percent(relativeL2),
      formatNumber(cosine),
      formatNumber(maxAbs),
      ...(batchShift === undefined
        ? ['', '']
        : [formatNumber(batchShift.meanShift), formatNumber(batchShift.varianceRatio)]),
    ]),
  );
}

export function timelineTable({ lanes }: Timeline): HTMLTableElement {
  return table(
    'Calls of train() and eval()',
    ['module', 'call', 'line', 'calls', 'last'],
    lanes.map(({ subject, training, place, calls, moments }) => [
      subject,
      training ? 'train()' : 'eval()',
      place,
      String(calls),
      clock(moments.at(-1)?.[0] ?? 0),
    ]),
  );
}

function spread(summary: TensorSummary | null): readonly string[] {
  if (summary === null) return ['', '', ''];
  return [formatNumber(summary.min), formatNumber(summary.quartiles?.[1] ?? summary.mean), formatNumber(summary.max)];
}
