// Questions that a command asks.
//
// They stay when something else takes the focus: a model's page takes it back a moment after the palette has closed, and on a
// busy machine that is after the question has appeared.

import * as vscode from 'vscode';

/** Asks for one of several; undefined where nobody chose. */
export function chooseOne<T extends vscode.QuickPickItem>(
  items: readonly T[],
  options: Omit<vscode.QuickPickOptions, 'canPickMany' | 'ignoreFocusOut'> & { readonly title: string },
): Thenable<T | undefined> {
  return vscode.window.showQuickPick(items, { ...options, ignoreFocusOut: true });
}

/** Asks for a text; undefined where nobody gave one. */
export function enterText(
  options: Omit<vscode.InputBoxOptions, 'ignoreFocusOut'> & { readonly title: string },
): Thenable<string | undefined> {
  return vscode.window.showInputBox({ ...options, ignoreFocusOut: true });
}
