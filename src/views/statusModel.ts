// The words of the status bar item.

import type { ModelSession } from '../sessions/modelSession';
import { countWords } from './findingsModel';
import { describeModel } from './modeModel';
import type { ModeCount } from './modeModel';
import { iconOf } from './treeModel';

export interface Status {
  readonly text: string;
  readonly tooltip: string;
  readonly spoken: string;
}

/** The active model's mode: `train · 14 active`, `eval`, `mixed 3/14`; undefined without a model. */
export function statusOf(session: ModelSession | undefined, count: ModeCount, models: number): Status | undefined {
  const root = session?.module('');
  if (session === undefined || root === undefined) return undefined;
  const words = describeModel(root, count);
  const total = count.runTrain + count.runEval;
  const running = session.state.kind === 'running';
  const { kind } = session.state;
  const text = kind === 'failed' ? 'stopped' : kind === 'ended' ? 'ended' : words.text;
  const icon = session.state.kind === 'failed' ? 'error' : running ? 'loading~spin' : iconOf(words).id;
  const layers =
    total === 0
      ? 'No layer depends on the mode.'
      : `${String(count.runTrain)} of ${String(total)} mode-sensitive layers run as train.`;
  const findings = countWords(session.findings, 'warning');
  const others = models > 1 ? ` ${String(models - 1)} more open.` : '';
  return {
    text: `$(${icon}) ${text}${findings === '' || icon === 'warning' ? '' : ' $(warning)'}`,
    tooltip: `${session.title}: ${text}. ${layers}${findings === '' ? '' : ` Findings: ${findings}.`}${others} Click to show the modules.`,
    spoken: `Mode of ${session.title}: ${text.replace(' · ', ', ')}${findings === '' ? '' : `, ${findings}`}`,
  };
}
