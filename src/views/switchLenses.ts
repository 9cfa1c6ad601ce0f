// Lenses and hovers at the lines of the user's code that switched modes while a program ran.

import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import { onDidChangeSettings, readCodeLensAtSwitches } from '../host/config';
import { commandIds } from '../host/ids';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { SessionStore } from '../sessions/sessionStore';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import type { ModeCounts } from './modeCounts';
import { SeenSources } from './seenSources';
import { hoverOf, lensesOf, switchesByLine, type HoverWords, type LineSwitches } from './switchLensModel';

const selector: vscode.DocumentSelector = { language: 'python', scheme: 'file' };

/** A loop may switch at every step, and each change has VS Code ask all extensions for all lenses of the file again. */
const calmMilliseconds = 2000;

/**
 * Registers both; they follow the store until they are disposed. A lens and no inlay hint: one click or key leads on, a line stays as long
 * as it is, and `editor.inlayHints.enabled`, which many have switched off, does not hide it.
 */
export function registerSwitchLenses(store: SessionStore, counts: ModeCounts): Disposable {
  const owned = new DisposableStore();
  const sources = new SeenSources();
  const changed = owned.add(new vscode.EventEmitter<void>());
  // Documents that have lenses, which must go again some time.
  const withLenses = new Set<string>();

  const switchesIn = async (document: vscode.TextDocument): Promise<ReadonlyMap<number, readonly LineSwitches[]>> => {
    const files = filesOf(store, document);
    const lines = new Map<LiveProcess, (line: number) => number | undefined>();
    for (const [process, file] of files) lines.set(process, await sources.linesIn(document, process, file));
    return switchesByLine(liveSessions(store), ({ process }, { file, line }) =>
      line === null || file !== files.get(process) ? undefined : lines.get(process)?.(line - 1),
    );
  };

  const refreshing = owned.add(
    coalesce(() => {
      const isConcerned = ({ document }: vscode.TextEditor): boolean =>
        withLenses.has(document.uri.toString()) || filesOf(store, document).size > 0;
      if (vscode.window.visibleTextEditors.some(isConcerned)) changed.fire();
    }, calmMilliseconds),
  );
  const keeping = owned.add(
    coalesce(() => {
      for (const process of store.processes) sources.keep(process);
    }),
  );
  owned.add(
    store.onDidChange(({ kind }) => {
      if (kind === 'process') keeping.request();
      if (kind === 'process' || kind === 'removed') refreshing.request();
    }),
  );
  owned.add(
    onDidChangeSettings(() => {
      changed.fire();
    }),
  );
  owned.add(
    vscode.languages.registerCodeLensProvider(selector, {
      onDidChangeCodeLenses: changed.event,
      provideCodeLenses: async (document) => {
        const lines = readCodeLensAtSwitches() ? await switchesIn(document) : new Map<number, LineSwitches[]>();
        const lenses = [...lines].flatMap(([line, models]) => lensesAt(line, models));
        if (lenses.length > 0) withLenses.add(document.uri.toString());
        else withLenses.delete(document.uri.toString());
        return lenses;
      },
    }),
  );
  owned.add(
    vscode.languages.registerHoverProvider(selector, {
      provideHover: async (document, { line }) => {
        const models = (await switchesIn(document)).get(line);
        if (models === undefined) return undefined;
        const { models: words, more } = hoverOf(models, (session, path) => counts.of(session, path));
        const last = more === '' ? [] : [new vscode.MarkdownString().appendText(more)];
        return new vscode.Hover([...words.map(hoverText), ...last], document.lineAt(line).range);
      },
    }),
  );
  return owned;
}

function lensesAt(line: number, models: readonly LineSwitches[]): readonly vscode.CodeLens[] {
  const range = new vscode.Range(line, 0, line, 0);
  return lensesOf(models).map(({ title, target }) => {
    // VS Code shows a lens without a command as plain text.
    if (target === undefined) return new vscode.CodeLens(range, { title, command: '' });
    const { session, path } = target;
    const args = [session.id, path];
    return new vscode.CodeLens(range, { title, command: commandIds.revealInTree, arguments: args, tooltip: showTitle });
  });
}

const showTitle = 'Show in Mode Inspector';

/** Names come from the user's program: they are text, and only our own command is a link. */
function hoverText({ session, title, mode, program, switches }: HoverWords): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.isTrusted = { enabledCommands: [commandIds.revealInTree] };
  text.appendMarkdown('**').appendText(title).appendMarkdown('**');
  text.appendText(`${mode === '' ? '' : ` · ${mode}`} · ${program}\n`);
  for (const line of switches) text.appendMarkdown('- ').appendText(line).appendMarkdown('\n');
  const args = encodeURIComponent(JSON.stringify([session.id, '']));
  return text.appendMarkdown(`\n[${showTitle}](command:${commandIds.revealInTree}?${args})`);
}

/** The document's path as each process that has switched in it writes it. */
function filesOf(store: SessionStore, { uri }: vscode.TextDocument): ReadonlyMap<LiveProcess, string> {
  const files = new Map<LiveProcess, string>();
  for (const { process, switchPlaces } of liveSessions(store)) {
    if (files.has(process)) continue;
    const place = switchPlaces.find(({ file }) => file !== null && vscode.Uri.file(file).fsPath === uri.fsPath);
    if (place?.file !== null && place?.file !== undefined) files.set(process, place.file);
  }
  return files;
}

function liveSessions(store: SessionStore): readonly LiveSession[] {
  return store.sessions.filter((session) => session instanceof LiveSession);
}
