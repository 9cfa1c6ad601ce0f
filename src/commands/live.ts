// Commands about live models: pins, processes, the lines that switched modes.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { LiveSession } from '../sessions/liveSession';
import type { LiveProcess } from '../sessions/liveProcess';
import { AppError } from '../util/errors';
import { processTitle } from '../views/liveModel';
import { pinnedWords } from './setModeModel';
import { nameOf, targetsOf } from './targets';
import type { Scene } from './targets';

export function registerLiveCommands(scene: Scene, log: OutputLog): vscode.Disposable[] {
  return [
    registerCommand(log, commandIds.pinTrain, (...args) => pin(scene, args, true)),
    registerCommand(log, commandIds.pinEval, (...args) => pin(scene, args, false)),
    registerCommand(log, commandIds.unpin, (...args) => pin(scene, args, null)),
    registerCommand(log, commandIds.detach, async (...args) => {
      const process = await processOf(scene, args);
      if (process === undefined) return;
      if (!process.ended) await process.detach();
      scene.store.removeProcess(process);
    }),
    registerCommand(log, commandIds.findModels, async (...args) => {
      const process = await processOf(scene, args);
      await process?.findEverywhere();
    }),
    registerCommand(log, commandIds.revealSwitch, async (node) => {
      const line = lineOf(node);
      if (line === undefined) throw new AppError('usage', 'This row has no line of code.');
      const position = new vscode.Position(Math.max(0, line.line - 1), 0);
      await vscode.window.showTextDocument(vscode.Uri.file(line.file), {
        selection: new vscode.Range(position, position),
      });
    }),
  ];
}

/** The mode is the one asked for and not the present one, which the program may have changed between look and click. */
async function pin(scene: Scene, args: readonly unknown[], training: boolean | null): Promise<void> {
  for (const target of targetsOf(scene, args)) {
    const { session, module } = target;
    if (!(session instanceof LiveSession)) {
      throw new AppError(
        'usage',
        `${nameOf(target)} is in a file, where nobody else switches it.`,
        'Pins are for live models.',
      );
    }
    await session.pin(module.path, training);
    vscode.window.setStatusBarMessage(pinnedWords(nameOf(target), session, training), 4000);
  }
}

/** The process of the row that was clicked, or the one that is chosen. */
async function processOf({ store }: Scene, [clicked]: readonly unknown[]): Promise<LiveProcess | undefined> {
  const known = store.processes.find(
    (process) => typeof clicked === 'object' && clicked !== null && 'process' in clicked && clicked.process === process,
  );
  if (known !== undefined) return known;
  if (store.processes.length <= 1) {
    const [only] = store.processes;
    if (only === undefined)
      throw new AppError('usage', 'No live process is shown.', 'Run a Python file with Mode Inspector.');
    return only;
  }
  const picked = await vscode.window.showQuickPick(
    store.processes.map((process) => ({
      label: processTitle(process.introduction),
      description: `process ${String(process.id)}`,
      process,
    })),
    { title: 'Which process?' },
  );
  return picked?.process;
}

function lineOf(node: unknown): { readonly file: string; readonly line: number } | undefined {
  if (typeof node !== 'object' || node === null || !('line' in node)) return undefined;
  return node.line as { readonly file: string; readonly line: number };
}
