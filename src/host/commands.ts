// Commands: typed registration, and the one place where what they throw is shown and logged.

import * as vscode from 'vscode';
import type { AppError } from '../util/errors';
import { toAppError } from '../util/errors';
import type { CommandId } from './ids';
import type { OutputLog } from './log';

/** A button in an error message: what to offer beside the log. */
export interface ErrorAction {
  readonly title: string;
  /** True where the action helps against this error. */
  readonly when: (error: AppError) => boolean;
  readonly run: () => unknown;
}

/**
 * Registers a command whose failure is logged and shown as one sentence. Being cancelled is no failure.
 * The handler gets whatever the caller passed; it checks its arguments itself.
 */
export function registerCommand(
  log: OutputLog,
  id: CommandId,
  handler: (...args: unknown[]) => unknown,
): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: unknown[]) => {
    try {
      return await handler(...args);
    } catch (thrown) {
      await showError(log, id, thrown);
      return undefined;
    }
  });
}

/** Runs another command of this extension. */
export async function executeCommand(id: CommandId, ...args: unknown[]): Promise<void> {
  await vscode.commands.executeCommand(id, ...args);
}

/** Logs what was thrown and shows it; resolves at once, since nobody must wait for a person to read. */
export async function showError(
  log: OutputLog,
  where: string,
  thrown: unknown,
  actions: readonly ErrorAction[] = [],
): Promise<void> {
  const error = toAppError(thrown, 'program-error');
  log.error(`${where}: ${error.oneLine}`, error);
  if (error.code === 'cancelled') {
    vscode.window.setStatusBarMessage(`$(circle-slash) ${error.oneLine}`, 5000);
    return;
  }
  const offered = actions.filter((action) => action.when(error));
  const showLog = 'Show Log';
  void vscode.window
    .showErrorMessage(error.oneLine, ...offered.map((action) => action.title), showLog)
    .then((picked) => {
      if (picked === showLog) log.show();
      return offered.find((action) => action.title === picked)?.run();
    });
  await Promise.resolve();
}
