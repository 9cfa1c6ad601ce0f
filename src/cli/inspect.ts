// `mode-inspector inspect FILE`

import type { Engine } from '../protocol/engine';
import type { InspectCommand } from './arguments';
import { findingsIn } from './findings';
import { readStatistics, toJson, toText, type Report } from './report';

/** The report on a file as text or JSON. @throws AppError where the file can't be inspected. */
export async function inspect(engine: Engine, command: InspectCommand): Promise<string> {
  const description = await engine.request('open', { file: command.file });
  const statistics = await readStatistics(engine, description.modules, command.values);
  const report: Report = {
    file: command.file,
    description,
    modules: description.modules,
    statistics,
    outputs: [],
    findings: findingsIn(description, description.modules, statistics, command.settings),
    problems: description.problems,
  };
  return command.json ? toJson(report) : toText(report);
}
