// `mode-inspector compare FILE`: the same input through the model in eval and in train, and where the outputs part.

import { isApart, type LayerGap, type ModeComparison } from '../model/comparison';
import type { ModelDescription, Problem } from '../model/description';
import type { Engine } from '../protocol/engine';
import type { CompareCommand } from './arguments';
import { figure, table } from './report';
import { withinTime } from './withinTime';

/** The comparison as text or JSON. @throws AppError where the file can't be inspected or a forward fails. */
export async function compare(engine: Engine, command: CompareCommand): Promise<string> {
  const { file, inputs, model, seed } = command;
  const description = await engine.request('open', { file });
  const comparison = await withinTime(engine, command.timeout, () =>
    engine.request('compareModes', {
      inputs,
      ...(model === undefined ? {} : { model }),
      ...(seed === undefined ? {} : { seed }),
    }),
  );
  const problems = [...description.problems, ...comparison.problems];
  return command.json
    ? toJson(file, description, comparison, problems)
    : toText(file, description, comparison, problems);
}

function toJson(
  file: string,
  { format }: ModelDescription,
  { layers, start, inputs }: ModeComparison,
  problems: readonly Problem[],
): string {
  return JSON.stringify({ schema: 1, file, format, inputs, start, layers, problems }, undefined, 2);
}

function toText(
  file: string,
  { modules }: ModelDescription,
  { layers, start, inputs }: ModeComparison,
  problems: readonly Problem[],
): string {
  const shapes = inputs.map(({ shape, dtype }) => `${dtype} [${shape.join(', ')}]`).join(', ');
  const types = new Map(modules.map(({ path, type }) => [path, type]));
  const apart = layers.filter(isApart);
  const rows = apart.map((layer) => [layer.path || '(root)', types.get(layer.path) ?? '', ...figures(layer)]);
  const lines = [
    `${file}: ${summary(start, apart.length, layers.length)}`,
    `input: ${shapes === '' ? 'none' : shapes}`,
    ...(rows.length === 0 ? [] : ['', ...table([header, ...rows])]),
  ];
  if (problems.length > 0) lines.push('', 'problems', ...problems.map(({ message }) => `  ${message}`));
  return lines.join('\n');
}

function summary(start: string | null, apart: number, all: number): string {
  if (all === 0) return 'no module returned a tensor in both modes';
  if (start === null) return `train and eval give the same in all ${all} modules`;
  return `train and eval differ in ${apart} of ${all} modules, from '${start || '(root)'}' on`;
}

const header = ['module', 'type', 'relative L2', 'cosine', 'max', 'batch against running statistics'];

function figures({ relativeL2, cosine, maxAbs, nonFinite, batchShift }: LayerGap): string[] {
  const shift =
    batchShift === undefined
      ? ''
      : `mean off by ${figure(batchShift.meanShift)} sd, variance × ${figure(batchShift.varianceRatio)}`;
  const odd = nonFinite === 0 ? '' : `${nonFinite} non-finite`;
  return [figure(relativeL2), figure(cosine), figure(maxAbs), [shift, odd].filter((part) => part !== '').join(', ')];
}
