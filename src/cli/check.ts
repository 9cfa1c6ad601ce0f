// `mode-inspector check FILE`: the findings alone, and an exit status that a CI job can go by.

import { isAtLeast } from '../model/finding';
import type { Engine } from '../protocol/engine';
import type { CheckCommand } from './arguments';
import { findingLines, findingSummary, findingsIn, findingJson } from './findings';
import { readStatistics } from './report';

export interface Checked {
  readonly text: string;
  /** 1 with a finding at or above the severity that was asked for, else 0. */
  readonly status: number;
}

/** Everything that the rules find in a file. @throws AppError where it can't be inspected. */
export async function check(engine: Engine, command: CheckCommand): Promise<Checked> {
  const { file, json, failOn, settings } = command;
  const description = await engine.request('open', { file });
  const statistics = await readStatistics(engine, description.modules, false);
  const findings = findingsIn(description, description.modules, statistics, settings);
  const failing = findings.filter(({ severity }) => isAtLeast(severity, failOn));
  const text = json
    ? JSON.stringify(
        {
          schema: 1,
          file,
          format: description.format,
          failOn,
          findings: findings.map(findingJson),
          problems: description.problems,
        },
        undefined,
        2,
      )
    : [`${file}: ${findingSummary(findings)}`, ...findingLines(findings)].join('\n');
  return { text, status: failing.length > 0 ? 1 : 0 };
}
