// Commands about live models: pins, processes, the lines that switched modes.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { chooseOne } from '../host/questions';
import { showSource } from '../host/sourceFiles';
import { LiveSession } from '../sessions/liveSession';
import type { LiveProcess } from '../sessions/liveProcess';
import type { SessionStore } from '../sessions/sessionStore';
import { AppError } from '../util/errors';
import { processTitle } from '../views/liveModel';
import { launcherOfLast, memberName } from '../views/ranksModel';
import { traceSentence } from '../views/traceModel';
import { inEachModel, offerOtherRanks } from './ranks';
import { pinnedWords } from './setModeModel';
import { jobOf, nameOf, sessionOf, targetsOf } from './targets';
import type { Scene, Target } from './targets';

export function registerLiveCommands(scene: Scene, log: OutputLog): vscode.Disposable[] {
  return [
    registerCommand(log, commandIds.pinTrain, (...args) => pin(scene, args, true)),
    registerCommand(log, commandIds.pinEval, (...args) => pin(scene, args, false)),
    registerCommand(log, commandIds.unpin, (...args) => pin(scene, args, null)),
    registerCommand(log, commandIds.detach, async (...args) => {
      const job = jobOf(scene.store, args[0]);
      if (job !== undefined) {
        const { members, launcher } = job;
        await detachAll(scene.store, [...members, ...(launcher === undefined ? [] : [launcher])]);
        return;
      }
      const process = await processOf(scene, args);
      if (process === undefined) return;
      const launcher = launcherOfLast(scene.store.processes, process);
      if (!process.ended) await process.detach();
      scene.store.removeProcess(process);
      if (launcher !== undefined) await detachAll(scene.store, [launcher]);
    }),
    registerCommand(log, commandIds.findModels, async (...args) => {
      const process = await processOf(scene, args);
      await process?.findEverywhere();
    }),
    registerCommand(log, commandIds.traceForward, async (...args) => {
      const session = sessionOf(scene, args);
      if (!(session instanceof LiveSession))
        throw new AppError('usage', `${session.title} is a file.`, 'Traces are for models of running programs.');
      const progress = { location: vscode.ProgressLocation.Window, title: `Waiting for a forward of ${session.title}` };
      const trace = await vscode.window.withProgress(progress, () => session.traceForward());
      const sentence = traceSentence(session.title, trace);
      log.info(sentence);
      vscode.window.setStatusBarMessage(sentence, 8000);
    }),
    registerCommand(log, commandIds.revealSwitch, async (node) => {
      const line = lineOf(node);
      if (line === undefined) throw new AppError('usage', 'This row has no line of code.');
      if (await showSource(line)) return;
      throw new AppError(
        'file-unreadable',
        `${line.file}:${String(line.line)} is the line, but that file is not here.`,
        'Open the folder that holds it.',
      );
    }),
  ];
}

/** The mode is the one asked for and not the present one, which the program may have changed between look and click. */
async function pin(scene: Scene, args: readonly unknown[], training: boolean | null): Promise<void> {
  const targets = targetsOf(scene, args);
  await pinEach(scene, targets, training);
  offerOtherRanks(scene.store, targets, (others) => pinEach(scene, others, training));
}

async function pinEach({ store }: Scene, targets: readonly Target[], training: boolean | null): Promise<void> {
  await inEachModel(store, targets, async (target) => {
    const { session, module } = target;
    if (!(session instanceof LiveSession)) {
      throw new AppError(
        'usage',
        `${nameOf(target)} is in a file, where nobody else switches it.`,
        'Pins are for live models.',
      );
    }
    await session.pin(module.path, training);
    vscode.window.setStatusBarMessage(pinnedWords(nameOf(target, store), session, training), 4000);
  });
}

/** One that does not answer is left all the same: its agent goes when the connection is closed. */
async function detachAll(store: SessionStore, processes: readonly LiveProcess[]): Promise<void> {
  await Promise.allSettled(processes.filter(({ ended }) => !ended).map((process) => process.detach()));
  for (const process of processes) store.removeProcess(process);
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
  const picked = await chooseOne(
    store.processes.map((process) => ({
      label: processTitle(process.introduction),
      description: [
        ...(process.introduction.rank === null ? [] : [memberName(process.introduction)]),
        `process ${String(process.id)}`,
      ].join(' · '),
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
