// Findings on the command line: looked for in a file, as JSON and as lines.

import { findingsOf, type FindingSettings } from '../insight/findings';
import { nothingObserved } from '../insight/observations';
import type { ModelDescription } from '../model/description';
import { groupFindings, ruleKey, severities, type Finding } from '../model/finding';
import type { ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import { countOf } from '../util/text';

/** What the rules find in a file whose modules are in these modes. */
export function findingsIn(
  { format, models }: ModelDescription,
  modules: readonly ModuleSpec[],
  statistics: ReadonlyMap<string, NormStatistics>,
  settings: FindingSettings,
): readonly Finding[] {
  return findingsOf(
    {
      kind: 'file',
      format,
      modules,
      models,
      statistics: (path) => statistics.get(path),
      observations: nothingObserved,
    },
    settings,
  );
}

/** A finding as the contract has it: rule, severity, path and message, then what was added. */
export function findingJson({
  rule,
  severity,
  path,
  message,
  evidence,
  source,
  actions,
}: Finding): Record<string, unknown> {
  return { rule, severity, path, message, evidence, ...(source === undefined ? {} : { source }), actions };
}

/** `2 warnings, 14 informations`, or `no findings`. */
export function findingSummary(findings: readonly Finding[]): string {
  const parts = severities.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    if (count === 0) return [];
    if (severity === 'information') return [`${count} for information`];
    return [countOf(count, severity)];
  });
  return parts.length === 0 ? 'no findings' : parts.join(', ');
}

/** Places of one rule that are shown; a network repeats its layers, and the rest of them only says the same. */
export const shownPlaces = 3;

/** A line for each finding, `warning  bn1  …  (batchnorm/never-updated)`; many of one rule are cut short. */
export function findingLines(findings: readonly Finding[]): string[] {
  return [...groupFindings(findings, ruleKey).values()].flatMap((group) => {
    const lines = group.slice(0, shownPlaces).map(findingLine);
    const [first] = group;
    const more = group.length - lines.length;
    return more > 0
      ? [...lines, `  ${first.severity.padEnd(11)}  and ${countOf(more, 'more layer')}  (${first.rule})`]
      : lines;
  });
}

/** One finding in words. */
export function findingLine({ severity, path, message, source, rule }: Finding): string {
  const place = source === undefined ? '' : ` ${source.file}:${source.line}`;
  return `  ${severity.padEnd(11)}  ${path === '' ? '(root)' : path}  ${message}${place}  (${rule})`;
}
