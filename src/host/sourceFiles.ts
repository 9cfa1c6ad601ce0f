// The files of this machine behind the source lines that a model recorded, perhaps on another one.

import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import type { SourceLocation } from '../model/module';
import { chooseOne } from './questions';
import { bestMatches } from './sourceModel';

const maxCandidates = 50;

/** The file as recorded, where it exists; else those of the workspace whose paths end most alike. None, one or several. */
export async function sourceFiles(source: SourceLocation): Promise<readonly vscode.Uri[]> {
  const recorded = vscode.Uri.file(source.file);
  if (isAbsolute(source.file) && (await exists(recorded))) return [recorded];
  const name = source.file.split(/[\\/]/).at(-1) ?? source.file;
  const pattern = `**/${name.replace(/[[\]{}*?!]/g, '?')}`;
  const candidates = await vscode.workspace.findFiles(pattern, '**/node_modules/**', maxCandidates);
  const paths = candidates.map((uri) => uri.path);
  return bestMatches(source.file, paths).map((path) => vscode.Uri.file(path));
}

/** Opens the file, if there are several the one that is chosen, with the cursor in the line. False where there is none. */
export async function showSource(source: SourceLocation): Promise<boolean> {
  const files = await sourceFiles(source);
  const [only] = files;
  if (only === undefined) return false;
  const uri = files.length === 1 ? only : await choose(files);
  if (uri === undefined) return true;
  const line = new vscode.Position(Math.max(0, source.line - 1), 0);
  await vscode.window.showTextDocument(uri, { selection: new vscode.Range(line, line) });
  return true;
}

async function choose(files: readonly vscode.Uri[]): Promise<vscode.Uri | undefined> {
  const picked = await chooseOne(
    files.map((uri) => ({ label: uri.fsPath, uri })),
    { title: 'Which file?' },
  );
  return picked?.uri;
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
