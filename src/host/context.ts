// Context keys that `when` clauses of the manifest read.

import * as vscode from 'vscode';
import type { contextKeys } from './ids';

export function setContextKey(key: (typeof contextKeys)[keyof typeof contextKeys], value: boolean): void {
  // VS Code's own command; it has no failure that anyone could act on.
  void vscode.commands.executeCommand('setContext', key, value);
}
