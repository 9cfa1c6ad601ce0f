// Findings as plain data: what a rule saw in a model, where, and what can be done about it.

import type { Mode, SourceLocation } from './module';

/** The more urgent, the earlier. */
export const severities = ['error', 'warning', 'information'] as const;

export type Severity = (typeof severities)[number];

/** Every rule, in the order in which people read about them. Each has a page in docs/rules. */
export const ruleIds = [
  'mode/mixed',
  'mode/baked',
  'mode/not-stored',
  'mode/train-without-grad',
  'mode/trained-in-eval',
  'dropout/ignores-eval',
  'batchnorm/never-updated',
  'batchnorm/initial-share',
  'batchnorm/non-finite',
  'batchnorm/negative-variance',
  'batchnorm/half-overflow',
  'batchnorm/dead-channels',
  'batchnorm/frozen-but-updating',
  'batchnorm/revived',
  'batchnorm/double-update',
  'batchnorm/no-running-stats',
  'batchnorm/momentum',
  'batchnorm/drift',
  'batchnorm/single-value',
  'module/unregistered',
  'onnx/folded',
  'onnx/mixed',
] as const;

export type RuleId = (typeof ruleIds)[number];

/** What mends a finding. Paths are those of modules. */
export type FindingAction =
  | { readonly kind: 'setTrain' | 'setEval'; readonly path: string }
  /** Every flag as it was when the model was opened or found. */
  | { readonly kind: 'restore' }
  /** Holds a module of a live model in a mode whatever its parents are switched to. */
  | { readonly kind: 'pin'; readonly path: string; readonly mode: Mode }
  | { readonly kind: 'openLine'; readonly line: SourceLocation };

/** The figures and names that a rule went by, under names such as `numBatchesTracked`. */
export type Evidence = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface Finding {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** Of the module; the root is `''`. */
  readonly path: string;
  /** What was seen, as one or two sentences. */
  readonly message: string;
  readonly evidence: Evidence;
  /** The line of the user's code that it is about. */
  readonly source?: SourceLocation;
  readonly actions: readonly FindingAction[];
}

/** True where `severity` is as urgent as `least`, or more so. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(least);
}

/** The most urgent severity among findings; undefined without any. */
export function worstOf(findings: readonly Finding[]): Severity | undefined {
  return severities.find((severity) => findings.some((finding) => finding.severity === severity));
}

/** At least one. */
export type FindingGroup = readonly [Finding, ...Finding[]];

/** Findings with the same key together, in the order of their first ones. */
export function groupFindings(
  findings: readonly Finding[],
  keyOf: (finding: Finding) => string,
): ReadonlyMap<string, FindingGroup> {
  const groups = new Map<string, [Finding, ...Finding[]]>();
  for (const finding of findings) {
    const key = keyOf(finding);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return groups;
}

/** The key of what differs in its module alone: a network repeats its layers. */
export function ruleKey({ severity, rule }: Finding): string {
  return `${severity} ${rule}`;
}

/** The page about a rule, within the folder of the project: `docs/rules/batchnorm-drift.md`. */
export function rulePage(rule: RuleId): string {
  return `docs/rules/${rule.replace('/', '-')}.md`;
}

/** True for the name of a rule. */
export function isRuleId(text: string): text is RuleId {
  return (ruleIds as readonly string[]).includes(text);
}
