// Source files as running programs have them, since an editor's text may have changed after Python read it.

import { resolve } from 'node:path';
import * as vscode from 'vscode';
import type { LiveProcess } from '../sessions/liveProcess';
import { movedLines } from './movedLinesModel';

export class SeenSources {
  /** By file. What has changed since the process was there may be older or newer than what it runs: undefined. */
  private readonly texts = new WeakMap<LiveProcess, Map<string, Promise<string | undefined>>>();

  /** Keeps the program's own file and those of its switches, before somebody edits them. */
  keep(process: LiveProcess): void {
    const { folder, argv } = process.introduction;
    if (argv[0]?.endsWith('.py') === true) void this.textOf(process, resolve(folder, argv[0]));
    for (const { switchPlaces } of process.sessions)
      for (const { file } of switchPlaces) if (file !== null) void this.textOf(process, file);
  }

  /** A line of the process's file as a line of the document, both from 0; undefined where it is not known to be the same. */
  async linesIn(
    document: vscode.TextDocument,
    process: LiveProcess,
    file: string,
  ): Promise<(line: number) => number | undefined> {
    const text = await this.textOf(process, file);
    return text === undefined ? () => undefined : movedLines(text, document.getText());
  }

  private textOf(process: LiveProcess, file: string): Promise<string | undefined> {
    let texts = this.texts.get(process);
    if (texts === undefined) this.texts.set(process, (texts = new Map<string, Promise<string | undefined>>()));
    let text = texts.get(file);
    if (text === undefined) texts.set(file, (text = readUnchanged(vscode.Uri.file(file), process.connectedAt)));
    return text;
  }
}

/** A notebook's cell is no file, and a library may come out of an archive: undefined as well. */
async function readUnchanged(uri: vscode.Uri, since: number): Promise<string | undefined> {
  try {
    const bytes = await vscode.workspace.fs.readFile(uri);
    const { mtime } = await vscode.workspace.fs.stat(uri);
    return mtime > since ? undefined : new TextDecoder().decode(bytes);
  } catch {
    return undefined;
  }
}
