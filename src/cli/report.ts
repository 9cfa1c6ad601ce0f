// What the commands print: the JSON of the contract, and a table for people.

import type { ModelDescription, Problem } from '../model/description';
import type { Finding } from '../model/finding';
import { behaviourOfCall, callLabel, callWords, distinctCalls } from '../model/functionalCall';
import type { Behaviour, FunctionalCall, ModuleSpec, NormSpec } from '../model/module';
import type { NormStatistics, OutputSummary, TensorSummary } from '../model/statistics';
import type { Engine } from '../protocol/engine';
import { findingJson, findingLines } from './findings';

/** Everything that a command found out about a file. */
export interface Report {
  readonly file: string;
  readonly description: ModelDescription;
  readonly modules: readonly ModuleSpec[];
  readonly statistics: ReadonlyMap<string, NormStatistics>;
  readonly outputs: readonly OutputSummary[];
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
}

/** Reads the statistics of every normalisation layer. */
export async function readStatistics(
  engine: Engine,
  modules: readonly ModuleSpec[],
  values: boolean,
): Promise<Map<string, NormStatistics>> {
  const paths = modules.filter(({ batchNorm, instanceNorm }) => batchNorm ?? instanceNorm).map((module) => module.path);
  const found = await engine.request('statistics', { paths, values });
  return new Map(found.map(({ path, statistics }) => [path, statistics]));
}

/** The JSON object of the contract (schema 1). Fields may be added, not changed: checks outside the project read them. */
export function toJson(report: Report): string {
  const { file, description, modules, statistics, outputs, findings, problems } = report;
  return JSON.stringify(
    {
      schema: 1,
      file,
      format: description.format,
      modules: modules.map((module) => moduleJson(module, statistics.get(module.path))),
      outputs,
      findings: findings.map(findingJson),
      problems,
    },
    undefined,
    2,
  );
}

/** A module as the contract has it, in `modules` of a report and of a `models` event. */
export function moduleJson(module: ModuleSpec, statistics: NormStatistics | undefined): Record<string, unknown> {
  const { batchNorm, instanceNorm, dropout, source, sharedWith, behaviourReason, functionalCalls } = module;
  return {
    path: module.path,
    type: module.type,
    training: module.training,
    behaviour: module.behaviour,
    ...(behaviourReason === undefined ? {} : { behaviourReason }),
    ...(source === undefined ? {} : { source }),
    ...(sharedWith === undefined ? {} : { sharedWith }),
    ...(batchNorm === undefined ? {} : { batchNorm: normJson(batchNorm, statistics) }),
    ...(instanceNorm === undefined ? {} : { instanceNorm: normJson(instanceNorm, statistics) }),
    ...(dropout === undefined ? {} : { dropout }),
    ...(functionalCalls === undefined
      ? {}
      : { functionalCalls: functionalCalls.map((call) => callJson(call, module)) }),
  };
}

function callJson(call: FunctionalCall, owner: ModuleSpec): Record<string, unknown> {
  const { function: name, p, fixed, source } = call;
  return {
    function: name,
    p,
    behaviour: behaviourOfCall(call, owner),
    fixed,
    ...(source === undefined ? {} : { source }),
  };
}

function normJson(spec: NormSpec, statistics: NormStatistics | undefined): Record<string, unknown> {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = spec;
  return {
    numFeatures,
    eps,
    momentum,
    affine,
    trackRunningStats,
    numBatchesTracked: statistics?.numBatchesTracked ?? null,
    runningMean: statistics?.runningMean ?? null,
    runningVar: statistics?.runningVar ?? null,
  };
}

/** The module tree as text, one row a module, with BatchNorm statistics below their layer. */
export function toText(report: Report): string {
  const { file, description, modules, statistics } = report;
  const count = modules.length === 1 ? 'one module' : `${modules.length} modules`;
  const lines = [`${file} (${description.format}, ${count})`];
  const width = Math.min(48, Math.max(...modules.map((module) => indent(module).length + label(module).length)));
  for (const module of modules) {
    const name = `${indent(module)}${label(module)}`.padEnd(width);
    lines.push(`${name}  ${module.type.padEnd(20)} ${modeWords(module)}`.trimEnd());
    if (module.behaviourReason !== undefined) lines.push(`${' '.repeat(width)}  ! ${module.behaviourReason}`);
    lines.push(...callLines(module).map((line) => `${' '.repeat(width)}  ${line}`));
    const norm = module.batchNorm ?? module.instanceNorm;
    if (norm !== undefined)
      lines.push(...normLines(norm, statistics.get(module.path)).map((line) => `${' '.repeat(width)}  ${line}`));
  }
  if (report.outputs.length > 0) {
    lines.push('', 'outputs');
    for (const output of report.outputs)
      lines.push(`  ${output.name || 'output'}  ${output.dtype} [${output.shape.join(', ')}]  ${summaryText(output)}`);
  }
  if (report.findings.length > 0) lines.push('', 'findings', ...findingLines(report.findings));
  if (report.problems.length > 0) lines.push('', 'problems', ...report.problems.map(({ message }) => `  ${message}`));
  return lines.join('\n');
}

const indent = (module: ModuleSpec): string => '  '.repeat(module.path === '' ? 0 : module.path.split('.').length);

const label = (module: ModuleSpec): string =>
  module.path === '' ? '(root)' : module.path.slice(module.path.lastIndexOf('.') + 1);

const behaviourWords: Readonly<Record<Behaviour, string>> = {
  train: 'runs as train',
  eval: 'runs as eval',
  mixed: 'layers below differ',
  none: '',
  unknown: 'behaviour unknown',
};

function modeWords(module: ModuleSpec): string {
  const flag = module.training === null ? 'mode not stored' : module.training ? 'train' : 'eval';
  const agrees = module.behaviour === flag || module.behaviour === 'none';
  const dropout = module.dropout?.p === undefined || module.dropout.p === null ? [] : [`p=${module.dropout.p}`];
  const shared = module.sharedWith === undefined ? [] : [`same module as ${module.sharedWith || '(root)'}`];
  return [flag, ...(agrees ? [] : [behaviourWords[module.behaviour]]), ...dropout, ...shared].join(' · ');
}

/** One line for each call that no layer stands for. */
function callLines(module: ModuleSpec): string[] {
  return distinctCalls(module.functionalCalls).map(({ call, count }) => {
    const place = call.source === undefined ? [] : [`${call.source.file}:${call.source.line}`];
    const times = count === 1 ? [] : [`${count} calls`];
    return [`${callLabel(call)}  ${callWords(call, module)}`, ...times, ...place].join(' · ');
  });
}

function normLines(norm: NormSpec, statistics: NormStatistics | undefined): string[] {
  const momentum = norm.cumulative ? 'cumulative average' : (norm.momentum ?? 'not stored');
  const options = `momentum ${momentum}, eps ${norm.eps ?? 'not stored'}`;
  if (statistics === undefined) return [`${options}, no running statistics`];
  const batches =
    statistics.numBatchesTracked === null ? 'counter not stored' : `${statistics.numBatchesTracked} batches`;
  const row = (name: string, summary: TensorSummary | null): string[] =>
    summary === null ? [] : [`${name}  ${summaryText(summary)}`];
  return [
    `${options}, ${batches}`,
    ...row('running_mean', statistics.runningMean),
    ...row('running_var ', statistics.runningVar),
  ];
}

function summaryText({ min, mean, max, nonFinite }: TensorSummary): string {
  const figures = `min ${figure(min)}  mean ${figure(mean)}  max ${figure(max)}`;
  return nonFinite === 0 ? figures : `${figures}  non-finite ${nonFinite}`;
}

/** Four digits. */
export const figure = (value: number | null): string =>
  value === null ? 'none' : Number(value.toPrecision(4)).toString();

/** Rows in columns of equal width. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
