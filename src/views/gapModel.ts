// The last comparison of train and eval as steps along the depth of the model, for the statistics panel.

import { isApart, type ModeComparison } from '../model/comparison';
import { isWithin } from '../model/module';
import type { PanelGap } from '../protocol/statisticsPanel';
import type { ModelSession } from '../sessions/modelSession';
import { comparisonSentence } from './comparisonModel';

/** Modules that call others of the list repeat what these show; so only the innermost are steps. */
export function gapOf(session: Pick<ModelSession, 'title' | 'module'>, comparison: ModeComparison): PanelGap {
  const { layers } = comparison;
  // Inner modules returned before those that call them, and right before: a look at the one before is enough.
  const steps = layers.filter(({ path }, index) => {
    const before = layers[index - 1]?.path;
    return before === undefined || before === path || !isWithin(before, path);
  });
  return {
    sentence: comparisonSentence(session.title, comparison),
    steps: steps.map((gap) => {
      const module = session.module(gap.path);
      return {
        ...gap,
        type: module?.type ?? '',
        isNorm: (module?.batchNorm ?? module?.instanceNorm) !== undefined,
        isApart: isApart(gap),
      };
    }),
  };
}
