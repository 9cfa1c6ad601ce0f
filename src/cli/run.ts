// `mode-inspector run FILE`: sets modes, runs forwards, reports what came out and which statistics moved.

import type { Engine, ForwardResult, ModeChange } from '../protocol/engine';
import type { ModuleSpec } from '../model/module';
import { changedModule } from '../sessions/moduleIndex';
import { AppError } from '../util/errors';
import type { RunCommand } from './arguments';
import { findingsIn } from './findings';
import { writeNpy } from './npy';
import { readStatistics, toJson, toText, type Report } from './report';
import { copySentence, saveCopy } from './set';
import { withinTime } from './withinTime';

/** The report after the last step as text or JSON. @throws AppError where the file can't be inspected or a forward fails. */
export async function run(engine: Engine, command: RunCommand): Promise<string> {
  const description = await engine.request('open', { file: command.file });
  const changes = await engine.request('setTraining', { changes: command.modes });
  const modules = withChanges(description.modules, changes);
  const result = await forward(engine, command);
  if (command.saveOutput !== undefined) {
    const [first] = result.arrays ?? [];
    if (first === undefined) throw new AppError('bad-input', 'The model returned no tensor that could be saved');
    writeNpy(command.saveOutput, first);
  }
  const saved = command.copy === undefined ? undefined : await saveCopy(engine, command.copy);
  const statistics = await readStatistics(engine, modules, command.values);
  const report: Report = {
    file: command.file,
    description,
    modules,
    statistics,
    outputs: result.outputs,
    findings: findingsIn(description, modules, statistics, command.settings),
    problems: [...description.problems, ...result.problems, ...(saved?.problems ?? [])],
  };
  if (command.json) return toJson(report);
  const wrote =
    command.copy === undefined || saved === undefined ? '' : `\n\n${copySentence(command.copy.file, saved)}`;
  return `${toText(report)}${wrote}`;
}

function forward(engine: Engine, command: RunCommand): Promise<ForwardResult> {
  return withinTime(engine, command.timeout, () =>
    engine.request('runForward', {
      inputs: command.inputs,
      ...(command.model === undefined ? {} : { model: command.model }),
      steps: command.steps,
      ...(command.seed === undefined ? {} : { seed: command.seed }),
      keepOutputs: command.saveOutput !== undefined,
    }),
  );
}

function withChanges(modules: readonly ModuleSpec[], changes: readonly ModeChange[]): ModuleSpec[] {
  const byPath = new Map(changes.map((change) => [change.path, change]));
  return modules.map((module) => {
    const change = byPath.get(module.path);
    return change === undefined ? module : changedModule(module, change);
  });
}
