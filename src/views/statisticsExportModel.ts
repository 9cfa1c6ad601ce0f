// The figures of the statistics panel as text for the clipboard: a table of all layers, or of the channels of one.

import type { ModuleSpec } from '../model/module';
import type { NormStatistics, TensorSummary } from '../model/statistics';
import type { CopyFormat, LayerDetail, LayerMark } from '../protocol/statisticsPanel';

export interface ExportedLayer {
  readonly module: ModuleSpec;
  readonly figures: NormStatistics | undefined;
  readonly marks: readonly LayerMark[];
}

type Cell = string | number | boolean | null;

/** All layers, in the order of the model. */
export function layersText(layers: readonly ExportedLayer[], format: CopyFormat): string {
  if (format === 'json') return json(layers.map(layerJson));
  const head = ['path', 'type', 'training', 'behaviour', 'momentum', 'eps', 'num_batches_tracked'];
  const figures = ['running_mean', 'running_var'].flatMap((name) => columns.map((column) => `${name}_${column}`));
  return csv([[...head, ...figures, 'marks'], ...layers.map(layerCells)]);
}

/** The channels of one layer. */
export function channelsText({ path, mean, variance }: LayerDetail, format: CopyFormat): string {
  if (format === 'json') return json({ path, running_mean: mean, running_var: variance });
  const channels = Math.max(mean?.length ?? 0, variance?.length ?? 0);
  const rows = Array.from({ length: channels }, (_, channel): readonly Cell[] => [
    channel,
    mean?.[channel] ?? null,
    variance?.[channel] ?? null,
  ]);
  return csv([['channel', 'running_mean', 'running_var'], ...rows]);
}

const columns = ['min', 'lower_quartile', 'median', 'mean', 'upper_quartile', 'max', 'non_finite'];

function layerCells({ module, figures, marks }: ExportedLayer): readonly Cell[] {
  const norm = module.batchNorm ?? module.instanceNorm;
  return [
    module.path,
    module.type,
    module.training,
    module.behaviour,
    norm?.momentum ?? null,
    norm?.eps ?? null,
    figures?.numBatchesTracked ?? null,
    ...summaryCells(figures?.runningMean),
    ...summaryCells(figures?.runningVar),
    marks.map(({ word }) => word).join('; '),
  ];
}

function summaryCells(summary: TensorSummary | null | undefined): readonly Cell[] {
  if (summary === null || summary === undefined) return columns.map(() => null);
  const [lower = null, median = null, upper = null] = summary.quartiles ?? [];
  return [summary.min, lower, median, summary.mean, upper, summary.max, summary.nonFinite];
}

function layerJson({ module, figures, marks }: ExportedLayer): unknown {
  const { path, type, training, behaviour } = module;
  const norm = module.batchNorm ?? module.instanceNorm;
  return {
    path,
    type,
    training,
    behaviour,
    momentum: norm?.momentum ?? null,
    eps: norm?.eps ?? null,
    numBatchesTracked: figures?.numBatchesTracked ?? null,
    runningMean: figures?.runningMean ?? null,
    runningVar: figures?.runningVar ?? null,
    marks: marks.map(({ word, sentence }) => ({ word, sentence })),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('');
}

/** As RFC 4180 has it. A text that a spreadsheet would take for a formula is kept from that. */
function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const text = /^[=+@-]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
