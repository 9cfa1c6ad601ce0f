// Lenses and hovers at the lines of the user's code that switched modes while a program ran.

import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import { onDidChangeSettings, readCodeLensAtSwitches } from '../host/config';
import { commandIds } from '../host/ids';
import type { SessionStore } from '../sessions/sessionStore';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import type { ModeCounts } from './modeCounts';
import { SwitchedLines } from './switchedLines';
import { hoverOf, lensesOf, type HoverWords, type LineSwitches } from './switchLensModel';

const selector: vscode.DocumentSelector = { language: 'python', scheme: 'file' };

/** A loop may switch at every step, and each change has VS Code ask all extensions for all lenses of the file again. */
const calmMilliseconds = 2000;

/**
 * Registers both; they follow the store until they are disposed. A lens and no inlay hint: one click leads on, lines grow no longer,
 * and `editor.inlayHints.enabled`, which many have switched off, does not hide it.
 */
export function registerSwitchLenses(store: SessionStore, counts: ModeCounts): Disposable {
  const owned = new DisposableStore();
  const lines = new SwitchedLines(store);
  const changed = owned.add(new vscode.EventEmitter<void>());
  // Documents whose lenses must go again some time.
  const withLenses = new Set<string>();
  const keeping = owned.add(
    coalesce(() => {
      lines.keep();
    }),
  );
  const refreshing = owned.add(
    coalesce(() => {
      const isConcerned = ({ document }: vscode.TextEditor): boolean =>
        withLenses.has(document.uri.toString()) || lines.isIn(document);
      if (vscode.window.visibleTextEditors.some(isConcerned)) changed.fire();
    }, calmMilliseconds),
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
        const lenses = readCodeLensAtSwitches() ? [...(await lines.of(document))].flatMap(lensesAt) : [];
        if (lenses.length > 0) withLenses.add(document.uri.toString());
        else withLenses.delete(document.uri.toString());
        return lenses;
      },
    }),
  );
  owned.add(
    vscode.languages.registerHoverProvider(selector, {
      provideHover: async (document, { line }) => {
        const models = (await lines.of(document)).get(line);
        if (models === undefined) return undefined;
        const { models: words, more } = hoverOf(models, (session, path) => counts.of(session, path));
        const end = more === '' ? [] : [new vscode.MarkdownString(more)];
        return new vscode.Hover([...words.map(hoverText), ...end], document.lineAt(line).range);
      },
    }),
  );
  return owned;
}

const showTitle = 'Show in Mode Inspector';

function lensesAt([line, models]: readonly [number, readonly LineSwitches[]]): readonly vscode.CodeLens[] {
  const range = new vscode.Range(line, 0, line, 0);
  return lensesOf(models).map(({ title, target }) => {
    // VS Code shows a lens without a command as plain text.
    if (target === undefined) return new vscode.CodeLens(range, { title, command: '' });
    const args = [target.session.id, target.path];
    return new vscode.CodeLens(range, { title, command: commandIds.revealInTree, arguments: args, tooltip: showTitle });
  });
}

/** Names come from the user's program: they are text, and only our own command is a link. */
function hoverText({ session, title, mode, program, switches }: HoverWords): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.isTrusted = { enabledCommands: [commandIds.revealInTree] };
  text.appendMarkdown(`**${plain(title)}**${mode === '' ? '' : ` · ${plain(mode)}`} · ${plain(program)}\n\n`);
  for (const line of switches) text.appendMarkdown(`- ${plain(line)}\n`);
  const args = encodeURIComponent(JSON.stringify([session.id, '']));
  return text.appendMarkdown(`\n[${showTitle}](command:${commandIds.revealInTree}?${args})`);
}

/** Text as Markdown that says just that. VS Code would also have it in one line, however long. */
function plain(text: string): string {
  return new vscode.MarkdownString().appendText(text).value.replaceAll('&nbsp;', ' ');
}
