// The extension starts in a real extension host, and every command of its manifest exists.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';

interface Manifest {
  readonly contributes?: { readonly commands?: readonly { readonly command: string }[] };
}

describe('activation', () => {
  it('activates, and registers every command of the manifest', async () => {
    const extension = vscode.extensions.getExtension('mode-inspector.mode-inspector');
    assert.ok(extension, 'VS Code has not loaded the extension');
    await extension.activate();
    const declared = ((extension.packageJSON as Manifest).contributes?.commands ?? []).map(({ command }) => command);
    assert.ok(declared.length > 0, 'the manifest declares no command');
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      declared.filter((command) => !registered.has(command)),
      [],
    );
  });

  it('opens on a folder with the samples', () => {
    assert.equal(vscode.workspace.workspaceFolders?.length, 1);
  });
});
