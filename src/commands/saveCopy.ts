// Save a Copy with These Modes: asks for the place, and for the statistics where forwards moved them.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { chooseOne } from '../host/questions';
import type { ModelSession } from '../sessions/modelSession';
import { fileOf } from '../sessions/sessionStore';
import { AppError } from '../util/errors';
import { countOf } from '../util/text';
import { savedSentence, suggestedCopy } from './saveCopyModel';
import { sessionOf, type Scene } from './targets';

export function registerSaveCopy(scene: Scene, log: OutputLog): vscode.Disposable {
  return registerCommand(log, commandIds.saveCopy, async (...args) => {
    const session = sessionOf(scene, args);
    const original = fileOf(session);
    if (original === undefined || session.capabilities.saveCopy !== true) {
      throw new AppError('not-stored', `${session.title} stores no mode that a copy could have otherwise.`);
    }
    const statistics = await wantsStatistics(session);
    if (statistics === undefined) return;
    const chosen = await vscode.window.showSaveDialog({
      title: 'Save a Copy with These Modes',
      defaultUri: vscode.Uri.file(suggestedCopy(original, session.modules)),
      saveLabel: 'Save Copy',
    });
    if (chosen === undefined) return;
    if (chosen.scheme !== 'file')
      throw new AppError('file-unwritable', 'A copy can only be saved on this machine’s disk.');
    // The dialog has asked before it named a file that exists.
    const options = { file: chosen.fsPath, statistics, overwrite: true };
    const result = await withDelayedProgress(`Saving a copy of ${session.title}`, { cancellable: true }, (...control) =>
      session.saveCopy(options, ...control),
    );
    const sentence = savedSentence(chosen.fsPath, result);
    log.info(sentence);
    const show = result.problems.length > 0 ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
    const open = 'Open Copy';
    void show(sentence, open).then((picked) =>
      picked === open ? vscode.commands.executeCommand(commandIds.openFile, chosen) : undefined,
    );
  });
}

/** Undefined where a person gives up. */
async function wantsStatistics(session: ModelSession): Promise<boolean | undefined> {
  const moved = session.movedStatistics.length;
  if (moved === 0) return false;
  const picked = await chooseOne(
    [
      { label: 'Modes', description: 'running statistics as the file has them', statistics: false },
      {
        label: 'Modes and running statistics',
        description: `forwards moved those of ${countOf(moved, 'layer')}`,
        statistics: true,
      },
    ],
    { title: 'Save a Copy with These Modes', placeHolder: 'What the copy takes over from here' },
  );
  return picked?.statistics;
}
