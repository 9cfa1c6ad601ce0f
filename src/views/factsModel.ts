// The rows below a normalisation layer (its statistics and options) and below “Last forward”.

import type { ModuleSpec, NormSpec } from '../model/module';
import type { NormStatistics, OutputSummary, TensorSummary } from '../model/statistics';
import type { ForwardRecord } from '../sessions/forwardHistory';
import { formatMilliseconds, formatShape, formatSummary } from './format';
import { countOf } from '../util/text';
import { formatNumber } from '../util/numbers';
import type { Row, RowIcon } from './rowModel';

const tensorIcon: RowIcon = { id: 'symbol-array' };
const numberIcon: RowIcon = { id: 'symbol-numeric' };
const warningIcon: RowIcon = { id: 'warning', color: 'list.warningForeground' };

/** The rows of one layer, by the names that torch gives them; statistics first, options after. */
export function normRows(module: ModuleSpec, statistics: NormStatistics | null): readonly Row[] {
  const norm = module.batchNorm ?? module.instanceNorm;
  if (norm === undefined) return [];
  return [...statisticsRows(norm, statistics), ...optionRows(norm)];
}

function statisticsRows(norm: NormSpec, statistics: NormStatistics | null): readonly Row[] {
  if (statistics === null || (statistics.runningMean === null && statistics.runningVar === null)) {
    const why = norm.trackRunningStats ? 'not in the file' : 'none: batch statistics in both modes';
    return [fact('running statistics', why, { id: 'circle-slash' })];
  }
  const batches = statistics.numBatchesTracked;
  return [
    summaryRow('running_mean', statistics.runningMean),
    summaryRow('running_var', statistics.runningVar),
    fact('num_batches_tracked', batches === null ? 'not stored' : String(batches), numberIcon),
  ];
}

function optionRows(norm: NormSpec): readonly Row[] {
  const momentum = norm.momentum === null ? 'unknown' : formatNumber(norm.momentum);
  return [
    fact('momentum', norm.cumulative ? 'None (cumulative average)' : momentum, numberIcon),
    fact('eps', norm.eps === null ? 'unknown' : formatNumber(norm.eps), numberIcon),
    fact('affine', norm.affine === null ? 'unknown' : String(norm.affine), { id: 'symbol-boolean' }),
  ];
}

/** The figures in one line, and unfolded for a column too narrow for that. */
function summaryRow(label: string, summary: TensorSummary | null): Row {
  if (summary === null) return fact(label, 'not in the file', tensorIcon);
  const row = fact(label, formatSummary(summary), summary.nonFinite > 0 ? warningIcon : tensorIcon);
  return { ...row, tooltip: summaryLines(label, summary), children: 'collapsed', rows: figureRows(summary) };
}

function figureRows({ min, mean, max, nonFinite }: TensorSummary): readonly Row[] {
  return [
    fact('min', formatNumber(min), numberIcon),
    fact('mean', formatNumber(mean), numberIcon),
    fact('max', formatNumber(max), numberIcon),
    fact('non-finite', String(nonFinite), nonFinite > 0 ? warningIcon : numberIcon),
  ];
}

function summaryLines(label: string, summary: TensorSummary): readonly string[] {
  return [label, ...figureRows(summary).map((row) => `${row.label}: ${row.description ?? ''}`)];
}

/** The row of the last forward of a model. */
export function forwardRow(record: ForwardRecord): Row {
  const { result } = record;
  const words = [movedWords(record), repeatWords(record), formatMilliseconds(result.milliseconds)];
  // A model in which nothing depends on the mode ran in none.
  const description = [record.model ?? '', record.mode, ...words].filter((part) => part !== '').join(' · ');
  return {
    label: 'Last forward',
    description,
    icon: { id: 'play' },
    tooltip: [
      `Forward ${String(record.count)} of this session`,
      ...result.outputs.map((output) => `${outputName(output)}: ${outputWords(output)}`),
    ],
    spoken: `Last forward, ${description.replaceAll(' · ', ', ')}`,
    context: 'forward canRun',
    children: 'collapsed',
  };
}

/** What the last forward took and gave. */
export function forwardRows(record: ForwardRecord): readonly Row[] {
  const { result } = record;
  const moved = movedWords(record);
  return [
    ...result.outputs.map((output) => ({
      ...fact(outputName(output), outputWords(output), output.nonFinite > 0 ? warningIcon : { id: 'arrow-right' }),
      tooltip: summaryLines(`${outputName(output)}, ${output.dtype} ${formatShape(output.shape)}`, output),
      children: 'collapsed' as const,
      rows: figureRows(output),
    })),
    ...result.inputs.map((input, index) =>
      fact(
        result.inputs.length === 1 ? 'input' : `input ${String(index)}`,
        `${input.dtype} ${formatShape(input.shape)}, random`,
        { id: 'arrow-left' },
      ),
    ),
    {
      ...fact('statistics', movedDetail(record), { id: 'graph-line' }),
      tooltip: result.moved.length === 0 ? [moved] : ['Moved in:', ...result.moved.slice(0, 40)],
    },
    ...(record.repeated === undefined
      ? []
      : [
          fact('repeated', record.repeated ? 'yes, output is the same to the bit' : 'no, output differs', {
            id: 'sync',
          }),
        ]),
    fact('duration', formatMilliseconds(result.milliseconds), { id: 'watch' }),
    ...result.problems.map((problem) => fact('note', problem.message, { id: 'info' })),
  ];
}

/** One sentence for a notification. */
export function forwardSentence(title: string, record: ForwardRecord): string {
  const outputs = record.result.outputs.map((output) => `${outputName(output)} ${outputWords(output)}`).join('; ');
  const repeat = repeatWords(record);
  const model = record.model === undefined ? '' : `: ${record.model}`;
  const mode = record.mode === '' ? '' : ` in ${record.mode}`;
  return `${title}${model} ran${mode} (${formatMilliseconds(record.result.milliseconds)}): ${outputs === '' ? 'no tensor returned' : outputs}. ${capital(movedWords(record))}${repeat === '' ? '' : `; ${repeat}`}.`;
}

function movedWords(record: ForwardRecord): string {
  const count = record.result.moved.length;
  return count === 0 ? 'statistics stood still' : `statistics moved in ${countOf(count, 'layer')}`;
}

function movedDetail({ result: { moved } }: ForwardRecord): string {
  if (moved.length === 0) return 'stood still';
  const [first = ''] = moved;
  return `moved in ${moved.length === 1 ? first || 'the root' : countOf(moved.length, 'layer')}`;
}

function repeatWords(record: ForwardRecord): string {
  if (record.repeated === undefined) return '';
  return record.repeated ? 'output repeated exactly' : 'output differs from the run before';
}

function outputName(output: OutputSummary): string {
  return output.name === '' ? 'output' : `output ${output.name}`;
}

function outputWords(output: OutputSummary): string {
  return `${output.dtype} ${formatShape(output.shape)}, ${formatSummary(output)}`;
}

function fact(label: string, value: string, icon: RowIcon): Row {
  return {
    label,
    description: value,
    icon,
    tooltip: [`${label}: ${value}`],
    spoken: `${label}: ${value}`,
    context: 'fact',
    children: 'none',
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
