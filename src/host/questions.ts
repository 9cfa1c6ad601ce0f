// Questions that a command asks.

import * as vscode from 'vscode';

/**
 * Asks for one of several; undefined where nobody chose.
 *
 * The question stays when something else takes the focus: a model's page takes it back a moment after the palette has closed,
 * and on a busy machine that is after the question has appeared.
 */
export function chooseOne<T extends vscode.QuickPickItem>(
  items: readonly T[],
  options: Omit<vscode.QuickPickOptions, 'canPickMany' | 'ignoreFocusOut'> & { readonly title: string },
): Thenable<T | undefined> {
  return vscode.window.showQuickPick(items, { ...options, ignoreFocusOut: true });
}
