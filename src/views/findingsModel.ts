// The rows of the view “Findings”, and what findings add to the rows of modules.

import {
  groupFindings,
  ruleKey,
  severities,
  worstOf,
  type Finding,
  type RuleId,
  type Severity,
} from '../model/finding';
import type { Capabilities } from '../model/description';
import { fileName } from './format';
import { countOf } from '../util/text';
import type { Row, RowIcon } from './rowModel';

const icons: Readonly<Record<Severity, RowIcon>> = {
  error: { id: 'error', color: 'list.errorForeground' },
  warning: { id: 'warning', color: 'list.warningForeground' },
  information: { id: 'info', color: 'charts.blue' },
};

const severityNames: Readonly<Record<Severity, string>> = {
  error: 'error',
  warning: 'warning',
  information: 'note',
};

/** Findings of one rule with one severity that stand below a row of their own: a network repeats its layers. */
const foldedFrom = 4;

/** One row below a model, or the fold of a rule. */
export type FindingEntry =
  | { readonly kind: 'finding'; readonly finding: Finding }
  | {
      readonly kind: 'rule';
      readonly rule: RuleId;
      readonly severity: Severity;
      readonly findings: readonly Finding[];
    };

/** In the order of urgency; many of one rule as one entry, at the place of the first. */
export function entriesOf(findings: readonly Finding[]): readonly FindingEntry[] {
  return [...groupFindings(findings, ruleKey).values()].flatMap((group): FindingEntry[] => {
    if (group.length < foldedFrom) return group.map((finding) => ({ kind: 'finding', finding }));
    const [{ rule, severity }] = group;
    return [{ kind: 'rule', rule, severity, findings: group }];
  });
}

/** `2 errors, 1 warning, 3 notes`; empty without any. */
export function countWords(findings: readonly Finding[], least: Severity = 'information'): string {
  const wanted = severities.slice(0, severities.indexOf(least) + 1);
  return wanted
    .flatMap((severity) => {
      const count = findings.filter((finding) => finding.severity === severity).length;
      return count === 0 ? [] : [countOf(count, severityNames[severity])];
    })
    .join(', ');
}

export function modelFindingsRow(title: string, findings: readonly Finding[]): Row {
  const worst = worstOf(findings) ?? 'information';
  return {
    label: title,
    description: countWords(findings),
    icon: icons[worst],
    spoken: `Findings of ${title}: ${countWords(findings)}`,
    children: 'expanded',
  };
}

export function ruleRow({ rule, severity, findings }: Extract<FindingEntry, { kind: 'rule' }>): Row {
  const layers = countOf(findings.length, 'module');
  const [first] = findings;
  return {
    label: titleOf(rule),
    description: `${layers} · ${rule}`,
    icon: icons[severity],
    ...(first === undefined
      ? {}
      : { tooltip: [first.message, `Rule: ${rule}`, `Modules: ${String(findings.length)}`] }),
    spoken: `${severityNames[severity]}: ${titleOf(rule)}, ${layers}`,
    context: 'rule',
    children: 'collapsed',
  };
}

/** @param capabilities of the model's session: only what it can do is offered. */
export function findingRow(finding: Finding, capabilities: Capabilities): Row {
  const { rule, severity, path, message, source, actions } = finding;
  const name = path === '' ? '(root)' : path;
  return {
    label: name,
    description: message,
    icon: icons[severity],
    tooltip: [
      message,
      `Module: ${name}`,
      `Rule: ${rule}`,
      ...(source === undefined ? [] : [`Line: ${fileName(source.file)}:${String(source.line)}`]),
    ],
    spoken: `${severityNames[severity]} at ${name}: ${message}`,
    context: ['finding', ...actions.flatMap(({ kind }) => (isPossible(kind, capabilities) ? [kind] : []))].join(' '),
    children: 'none',
  };
}

function isPossible(kind: Finding['actions'][number]['kind'], capabilities: Capabilities): boolean {
  if (kind === 'openLine') return true;
  return kind === 'pin' ? capabilities.pin === true : capabilities.setTraining;
}

/** What a rule is about, in a few words. */
export function titleOf(rule: RuleId): string {
  return titles[rule];
}

const titles: Readonly<Record<RuleId, string>> = {
  'mode/mixed': 'Layers in different modes',
  'mode/baked': 'Mode fixed in the code',
  'mode/not-stored': 'No mode in the file',
  'mode/train-without-grad': 'Inference in train mode',
  'mode/trained-in-eval': 'Trained in eval mode',
  'dropout/ignores-eval': 'Dropout that ignores eval()',
  'batchnorm/never-updated': 'Running statistics never updated',
  'batchnorm/initial-share': 'Much of the initial statistics left',
  'batchnorm/non-finite': 'NaN or infinite statistics',
  'batchnorm/negative-variance': 'Negative variance',
  'batchnorm/half-overflow': 'Beyond float16',
  'batchnorm/dead-channels': 'Channels without variance',
  'batchnorm/frozen-but-updating': 'Frozen parameters, moving statistics',
  'batchnorm/revived': 'Back in train by an outer train()',
  'batchnorm/double-update': 'Several updates for each step',
  'batchnorm/no-running-stats': 'No running statistics',
  'batchnorm/momentum': 'Unusual momentum',
  'batchnorm/drift': 'Batch unlike the running statistics',
  'batchnorm/single-value': 'One value per channel',
  'module/unregistered': 'Modules that torch does not know',
  'onnx/folded': 'BatchNorm folded by the exporter',
  'onnx/mixed': 'Dropout drops beside folded BatchNorm',
};

/** What a badge on a module's row says: the letter of its worst finding, and all of them in words. Notes have none. */
export function badgeOf(
  findings: readonly Finding[],
): { severity: 'error' | 'warning'; badge: string; words: string } | undefined {
  const severity = worstOf(findings);
  if (severity === undefined || severity === 'information') return undefined;
  return { severity, badge: severity === 'error' ? 'E' : 'W', words: countWords(findings, 'warning') };
}

/** Lines for the tooltip of a module's row. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  return findings.map(
    ({ severity, message }) =>
      `${severity === 'information' ? 'Note' : severity === 'error' ? 'Error' : 'Warning'}: ${message}`,
  );
}
