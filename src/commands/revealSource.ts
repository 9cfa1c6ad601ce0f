// Reveal in Source: from a module to the line of Python that the file remembers for it.

import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import type { SourceLocation } from '../model/module';
import { AppError } from '../util/errors';
import { bestMatches } from './sourceModel';
import { nameOf, targetsOf } from './targets';
import type { Scene } from './targets';

export function registerRevealSource(scene: Scene, log: OutputLog): vscode.Disposable {
  return registerCommand(log, commandIds.revealSource, async (...args) => {
    const [target] = targetsOf(scene, args);
    if (target === undefined) return;
    const source = target.module.source;
    if (source === undefined) {
      throw new AppError(
        'usage',
        `${nameOf(target)}: the file does not record a source line for this module.`,
        'Only scripted TorchScript files do.',
      );
    }
    const uri = await findSource(source);
    const line = new vscode.Position(Math.max(0, source.line - 1), 0);
    await vscode.window.showTextDocument(uri, { selection: new vscode.Range(line, line) });
  });
}

/** The file as recorded, where it still exists; else the file of the workspace whose path ends most alike. */
async function findSource(source: SourceLocation): Promise<vscode.Uri> {
  const recorded = vscode.Uri.file(source.file);
  if (isAbsolute(source.file) && (await exists(recorded))) return recorded;
  const name = source.file.split(/[\\/]/).at(-1) ?? source.file;
  const candidates = await vscode.workspace.findFiles(
    `**/${name.replace(/[[\]{}*?!]/g, '?')}`,
    '**/node_modules/**',
    50,
  );
  const matches = bestMatches(
    source.file,
    candidates.map((uri) => uri.path),
  );
  const [only] = matches;
  if (only === undefined) {
    throw new AppError(
      'file-unreadable',
      `${source.file}:${String(source.line)} is where this module was written, but that file is not here.`,
      'Open the folder that holds it.',
    );
  }
  if (matches.length === 1) return vscode.Uri.file(only);
  const picked = await vscode.window.showQuickPick(matches, { title: `Which ${name}?` });
  if (picked === undefined) throw new AppError('cancelled', 'No source file was chosen.');
  return vscode.Uri.file(picked);
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
