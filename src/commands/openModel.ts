// Opening models: by dialog, from the explorer, or one of the samples that come with the extension.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds, modelExtensions, perhapsModelExtensions } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { chooseOne } from '../host/questions';
import type { FileSession } from '../sessions/fileSession';
import { AppError } from '../util/errors';
import type { Scene } from './targets';

export function registerOpenCommands(scene: Scene, log: OutputLog, samplesFolder: vscode.Uri): vscode.Disposable[] {
  return [
    registerCommand(log, commandIds.openModel, async () => {
      await openAll(scene, await chooseModelFiles('Open Model', { many: true }));
    }),
    registerCommand(log, commandIds.openFile, async (clicked, selected) => {
      const files = (Array.isArray(selected) && selected.length > 0 ? (selected as unknown[]) : [clicked]).filter(
        (uri) => uri instanceof vscode.Uri,
      );
      if (files.length === 0) throw new AppError('usage', 'No file was given.', 'Use “Mode Inspector: Open Model…”.');
      await openAll(scene, files);
    }),
    registerCommand(log, commandIds.openSample, async () => {
      const file = await pickSample(samplesFolder);
      if (file !== undefined) await openAll(scene, [file]);
    }),
  ];
}

/** The files that a person chooses in a dialog; none if they give up. */
export async function chooseModelFiles(
  title: string,
  { many }: { readonly many: boolean },
): Promise<readonly vscode.Uri[]> {
  const files = await vscode.window.showOpenDialog({
    title,
    openLabel: title,
    canSelectMany: many,
    filters: { 'Model files': [...modelExtensions, ...perhapsModelExtensions], 'All files': ['*'] },
  });
  return files ?? [];
}

/** Opens a file as a model, or finds the session that has it open. @throws AppError */
export async function openModelFile({ store }: Scene, uri: vscode.Uri): Promise<FileSession> {
  if (uri.scheme !== 'file') {
    throw new AppError(
      'file-unreadable',
      `${basename(uri.path)} is not on this machine’s disk.`,
      'Save a copy of it and open that.',
    );
  }
  return withDelayedProgress(`Opening ${basename(uri.fsPath)}`, { cancellable: true }, (...control) =>
    store.openFile(uri.fsPath, ...control),
  );
}

async function openAll(scene: Scene, files: readonly vscode.Uri[]): Promise<void> {
  for (const uri of files) await scene.tree.reveal(await openModelFile(scene, uri), '', { focus: true });
}

async function pickSample(folder: vscode.Uri): Promise<vscode.Uri | undefined> {
  const samples = (await vscode.workspace.fs.readDirectory(folder))
    .map(([name]) => name)
    .filter((name) => name.endsWith('.pt'))
    .sort()
    .map((label) => ({ label }));
  if (samples.length === 0)
    throw new AppError('file-unreadable', `No sample was found in ${folder.fsPath}.`, 'Install the extension again.');
  const picked =
    samples.length === 1
      ? samples[0]
      : await chooseOne(samples, {
          title: 'Open Sample Model',
          placeHolder: 'Choose a small model to look at',
        });
  return picked === undefined ? undefined : vscode.Uri.joinPath(folder, picked.label);
}
