// The registry of rules, and what they find in a model.

import { ruleIds, severities, type Finding, type RuleId } from '../model/finding';
import { batchNormRules } from './batchNorm';
import { batchNormLiveRules } from './batchNormLive';
import { dropoutRules } from './dropout';
import { modeRules } from './mode';
import { moduleRules } from './module';
import { onnxRules } from './onnx';
import type { InsightModel, Rule, RuleContext } from './rule';
import { defaultThresholds, type Thresholds } from './thresholds';

/** Every rule, in the order of {@link ruleIds}. */
export const rules: readonly Rule[] = [
  ...modeRules,
  ...dropoutRules,
  ...batchNormRules,
  ...batchNormLiveRules,
  ...moduleRules,
  ...onnxRules,
].sort((a, b) => ruleIds.indexOf(a.id) - ruleIds.indexOf(b.id));

export interface FindingSettings {
  readonly thresholds: Thresholds;
  readonly disabled: ReadonlySet<RuleId>;
}

export const defaultFindingSettings: FindingSettings = { thresholds: defaultThresholds, disabled: new Set() };

/** Modules that are looked at in one step of {@link findingSteps}: a few milliseconds. */
const modulesPerStep = 1000;

/** All findings, the most urgent first, then in the order of the tree. */
export function findingsOf(
  model: InsightModel,
  settings: FindingSettings = defaultFindingSettings,
): readonly Finding[] {
  const steps = findingSteps(model, settings);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in steps, between which the caller may do other things. */
export function* findingSteps(
  model: InsightModel,
  { thresholds, disabled }: FindingSettings,
): Generator<undefined, readonly Finding[]> {
  const context: RuleContext = { model, thresholds, once: remember() };
  const enabled = rules.filter(({ id }) => !disabled.has(id));
  const found: Finding[] = [];
  for (const rule of enabled) {
    if ('ofModel' in rule) for (const seen of rule.ofModel(context)) found.push({ rule: rule.id, ...seen });
  }
  yield;
  for (const [index, module] of model.modules.entries()) {
    if (index % modulesPerStep === modulesPerStep - 1) yield;
    if (module.sharedWith !== undefined) continue;
    for (const rule of enabled) {
      const seen = 'ofModule' in rule ? rule.ofModule(module, context) : undefined;
      if (seen !== undefined) found.push({ rule: rule.id, ...seen });
    }
  }
  yield;
  // Sorting is stable: within a severity what concerns the whole model stays before what concerns its modules.
  return found.sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}

function remember(): RuleContext['once'] {
  const known = new Map<object, unknown>();
  return <T>(key: object, find: () => T): T => {
    if (!known.has(key)) known.set(key, find());
    return known.get(key) as T;
  };
}
