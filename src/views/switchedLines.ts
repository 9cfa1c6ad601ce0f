// Which lines of a document have switched modes in running programs, though it may have been edited since Python read it.

import { resolve } from 'node:path';
import * as vscode from 'vscode';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { SessionStore } from '../sessions/sessionStore';
import { movedLines } from './movedLinesModel';
import { switchesByLine, type LineSwitches } from './switchLensModel';

export class SwitchedLines {
  /** Files as each program runs them, by path. */
  private readonly texts = new WeakMap<LiveProcess, Map<string, Promise<string | undefined>>>();

  constructor(private readonly store: SessionStore) {}

  /** Reads what programs run, before somebody edits it: their own files, and those that have switched modes. */
  keep(): void {
    for (const process of this.store.processes) {
      const { folder, argv } = process.introduction;
      if (argv[0]?.endsWith('.py') === true) void this.textOf(process, resolve(folder, argv[0]));
      for (const { switchPlaces } of process.sessions)
        for (const { file } of switchPlaces) if (file !== null) void this.textOf(process, file);
    }
  }

  /** Whether some line of the file has. */
  isIn(document: vscode.TextDocument): boolean {
    return this.pathsOf(document).size > 0;
  }

  /** By line of the document as it is now, from 0. A line that was edited, or whose text is not known, has none. */
  async of(document: vscode.TextDocument): Promise<ReadonlyMap<number, readonly LineSwitches[]>> {
    const paths = this.pathsOf(document);
    const texts = new Map<LiveProcess, string>();
    for (const [process, path] of paths) {
      const text = await this.textOf(process, path);
      if (text !== undefined) texts.set(process, text);
    }
    const now = document.getText();
    const moved = new Map([...texts].map(([process, text]) => [process, movedLines(text, now)]));
    return switchesByLine(this.sessions, ({ process }, { file, line }) => {
      if (line === null || file !== paths.get(process)) return undefined;
      const found = moved.get(process)?.(line - 1);
      // Who attaches to a program may have edited the file before: nothing is said on a line that can't be meant.
      return found !== undefined && /train|eval/.test(document.lineAt(found).text) ? found : undefined;
    });
  }

  private get sessions(): readonly LiveSession[] {
    return this.store.sessions.filter((session) => session instanceof LiveSession);
  }

  /** The document's path as each process that has switched modes in it writes it. */
  private pathsOf({ uri }: vscode.TextDocument): ReadonlyMap<LiveProcess, string> {
    const paths = new Map<LiveProcess, string>();
    for (const { process, switchPlaces } of this.sessions) {
      const isHere = (file: string | null): boolean => file !== null && vscode.Uri.file(file).fsPath === uri.fsPath;
      const path = switchPlaces.find(({ file }) => isHere(file))?.file ?? null;
      if (path !== null) paths.set(process, path);
    }
    return paths;
  }

  private textOf(process: LiveProcess, path: string): Promise<string | undefined> {
    let texts = this.texts.get(process);
    if (texts === undefined) this.texts.set(process, (texts = new Map<string, Promise<string | undefined>>()));
    let text = texts.get(path);
    if (text === undefined) texts.set(path, (text = readOlder(vscode.Uri.file(path), process.connectedAt)));
    return text;
  }
}

/** Undefined for a file that was written later and may be newer than what runs, and where there is none: a notebook's cell. */
async function readOlder(uri: vscode.Uri, than: number): Promise<string | undefined> {
  try {
    const bytes = await vscode.workspace.fs.readFile(uri);
    const { mtime } = await vscode.workspace.fs.stat(uri);
    return mtime > than ? undefined : new TextDecoder().decode(bytes);
  } catch {
    return undefined;
  }
}
