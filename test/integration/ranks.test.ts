// Two ranks of one program inside a real VS Code: a click on what differs shows the module in the first rank that has it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { LiveSession } from '../../src/sessions/liveSession';
import type { TreeNode } from '../../src/views/treeNode';
import { closeAll, extensionApi, setPython, textOf, until, workspaceFile } from './harness';

/** Starts itself twice, as torchrun does, until a file tells it to stop. Rank 1 holds one layer in eval and has one more. */
const program = `import os, subprocess, sys, time

if "RANK" not in os.environ:
    ranks = [
        subprocess.Popen([sys.executable, __file__], env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"})
        for rank in range(2)
    ]
    sys.exit(sum(rank.wait() for rank in ranks))

from torch import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
if os.environ["RANK"] == "1":
    net[1].eval()
    net.append(nn.Linear(4, 2))
while not os.path.exists(__file__ + ".stop"):
    time.sleep(0.05)
`;

describe('ranks of one program', function () {
  // They import torch.
  this.timeout(120_000);
  let api: ExtensionApi;
  let file: string;

  before(async () => {
    api = await extensionApi();
    const python = process.env['MODE_INSPECTOR_PYTHON'];
    assert.ok(python, 'Run this with `npm test -- integration`.');
    await setPython(python);
    file = workspaceFile('two_ranks.py');
    fs.writeFileSync(file, program);
    await vscode.commands.executeCommand('modeInspector.runPythonFile', vscode.Uri.file(file));
  });

  after(async () => {
    fs.writeFileSync(`${file}.stop`, '');
    for (const process of api.store.processes) api.store.removeProcess(process);
    await setPython(undefined);
    await closeAll(api);
  });

  it('show a module that differs by a click on its row, in the first rank that has it', async () => {
    const differences = await until('two differences', async () => {
      const [job] = await api.tree.getChildren();
      const [node] = job?.kind === 'job' ? await api.tree.getChildren(job) : [];
      const rows = node?.kind === 'differences' ? await api.tree.getChildren(node) : [];
      return rows.length === 2 && rows;
    });
    const [first, second] = [0, 1].map(
      (rank) => api.store.processes.find(({ introduction }) => introduction.rank === rank)?.sessions[0],
    );
    assert.ok(first && second);
    await click(differences, '1: rank 0: train, rank 1: eval · Dropout');
    await until('the module of rank 0', () => isSelected(first, '1'));
    await click(differences, '2: not in rank 0 · Linear');
    await until('the module of rank 1', () => isSelected(second, '2'));
  });

  const isSelected = (session: LiveSession, path: string): boolean =>
    api.tree.view.selection[0] === api.tree.node(session, path);

  const click = async (rows: readonly TreeNode[], text: string): Promise<void> => {
    const row = rows.find((each) => textOf(api, each) === text);
    assert.ok(row, rows.map((each) => textOf(api, each)).join('\n'));
    const { command } = api.tree.getTreeItem(row);
    assert.ok(command);
    await vscode.commands.executeCommand(command.command, ...(command.arguments as unknown[]));
  };
});
