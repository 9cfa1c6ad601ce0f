// Which findings are problems of a line of code: what is urgent, once for each line and rule of a model.

import { groupFindings, isAtLeast, ruleKey, type Finding, type RuleId, type Severity } from '../model/finding';
import type { SourceLocation } from '../model/module';

export interface LineProblem {
  readonly rule: RuleId;
  readonly severity: Severity;
  readonly source: SourceLocation;
  readonly message: string;
}

const shownPaths = 3;

/** One line of a class makes many modules, and what is wrong with it is wrong with all of them. Notes would only mark healthy code. */
export function lineProblems(title: string, findings: readonly Finding[]): readonly LineProblem[] {
  const urgent = findings.filter(({ severity, source }) => source !== undefined && isAtLeast(severity, 'warning'));
  const groups = groupFindings(urgent, (finding) => JSON.stringify([ruleKey(finding), finding.source]));
  return [...groups.values()].flatMap((group) => {
    const [{ rule, severity, source, message }] = group;
    return source === undefined ? [] : [{ rule, severity, source, message: `${whereIn(title, group)}: ${message}` }];
  });
}

/** `net.pt`, `net.pt: layer1.0.bn1, layer1.1.bn1, layer2.0.bn1 and 4 more`. */
function whereIn(title: string, group: readonly Finding[]): string {
  const paths = group.slice(0, shownPaths).map(({ path }) => path);
  const more = group.length - paths.length;
  const names = paths.filter((path) => path !== '').join(', ');
  return `${title}${names === '' ? '' : `: ${names}`}${more > 0 ? ` and ${String(more)} more` : ''}`;
}
