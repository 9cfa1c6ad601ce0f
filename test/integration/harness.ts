// What the tests inside VS Code share: the extension's state, files of the workspace, rows as text, waiting.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { FileSession } from '../../src/sessions/fileSession';
import type { TreeNode } from '../../src/views/treeNode';

/** The running extension's own store and tree. */
export async function extensionApi(): Promise<ExtensionApi> {
  const extension = vscode.extensions.getExtension<ExtensionApi>('mode-inspector.mode-inspector');
  assert.ok(extension, 'VS Code has not loaded the extension');
  return extension.activate();
}

/** A file of the workspace, which is a copy of samples/. */
export function workspaceFile(name: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  assert.ok(folder, 'no folder is open');
  return path.join(folder, name);
}

/** Copies a sample under a name of its own, so that no other test has it open. */
export function copySample(sample: string, name: string): string {
  fs.copyFileSync(workspaceFile(sample), workspaceFile(name));
  return workspaceFile(name);
}

export async function openSample(api: ExtensionApi, sample: string, name: string): Promise<FileSession> {
  return openModel(api, copySample(sample, name));
}

/** Opens a file of the tests' fixtures under a name of its own. */
export async function openFixture(api: ExtensionApi, fixture: string, name: string): Promise<FileSession> {
  const extension = vscode.extensions.getExtension('mode-inspector.mode-inspector');
  assert.ok(extension);
  const folder = path.join(extension.extensionPath, 'test', 'fixtures', 'formats');
  fs.copyFileSync(path.join(folder, fixture), workspaceFile(name));
  return openModel(api, workspaceFile(name));
}

async function openModel(api: ExtensionApi, file: string): Promise<FileSession> {
  await vscode.commands.executeCommand('modeInspector.openFile', vscode.Uri.file(file));
  const session = api.store.forFile(file);
  assert.ok(session, `${file} was not opened`);
  return session;
}

/** The interpreter for programs that the workspace runs; undefined for none of its own. */
export async function setPython(python: string | undefined): Promise<void> {
  await vscode.workspace
    .getConfiguration('modeInspector')
    .update('python', python, vscode.ConfigurationTarget.Workspace);
}

/** Closes every model and every tab. */
export async function closeAll(api: ExtensionApi): Promise<void> {
  for (const session of api.store.sessions) api.store.close(session);
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}

/** `label: description` of a row, as the tree shows it. */
export function textOf(api: ExtensionApi, node: TreeNode): string {
  const item = api.tree.getTreeItem(node);
  const label = typeof item.label === 'string' ? item.label : (item.label?.label ?? '');
  return `${label}: ${String(item.description ?? '')}`;
}

/** The texts of the rows below a node, or of the roots. */
export async function rowsBelow(api: ExtensionApi, node?: TreeNode): Promise<string[]> {
  return (await api.tree.getChildren(node)).map((child) => textOf(api, child));
}

/** Waits for something that happens by itself; the test's own time limit ends it. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const giveUp = AbortSignal.timeout(55_000);
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (giveUp.aborted) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
