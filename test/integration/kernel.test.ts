// The models of a notebook, in a real kernel, through the API of the Jupyter extension (which a stand-in offers).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { LiveSession } from '../../src/sessions/liveSession';
import { closeAll, extensionApi, rowsBelow, until, workspaceFile } from './harness';
import type { Kernel, StandIn } from './jupyter/extension';

const model = `
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
`;

/** Goes on until a file says so, as a training loop does that nobody waits for. */
const training = (file: string): string => `
import os, time
while not os.path.exists(${JSON.stringify(file)}):
    net(torch.randn(8, 4)); time.sleep(0.01)
print("trained", net[1].training)
`;

/** Without IPython’s own history of inputs, to which a cell adds itself. */
const names = 'print([name for name in dir() if not name.startswith("_i")])';

describe('a notebook', () => {
  let api: ExtensionApi;
  let jupyter: StandIn;
  let kernel: Kernel;
  let notebook: vscode.NotebookDocument;
  const messages: string[] = [];
  const { showErrorMessage } = vscode.window;

  const inspect = (): Thenable<unknown> => vscode.commands.executeCommand('modeInspector.inspectKernel');
  const python = (): string => {
    const named = process.env['MODE_INSPECTOR_PYTHON'];
    assert.ok(named, 'MODE_INSPECTOR_PYTHON names a Python with torch and ipykernel');
    return named;
  };
  const net = (): Promise<LiveSession> =>
    until('the model net', () =>
      api.store.processes
        .filter((process) => !process.ended)
        .flatMap((process) => process.sessions)
        .find(({ title }) => title === 'net'),
    );
  const openNotebook = async (name: string): Promise<vscode.NotebookDocument> => {
    const file = workspaceFile(name);
    fs.writeFileSync(file, JSON.stringify({ cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 }));
    const opened = await vscode.workspace.openNotebookDocument(vscode.Uri.file(file));
    await vscode.window.showNotebookDocument(opened);
    return opened;
  };

  before(async () => {
    api = await extensionApi();
    const extension = vscode.extensions.getExtension<StandIn>('ms-toolsai.jupyter');
    assert.ok(extension, 'the stand-in is not loaded');
    jupyter = await extension.activate();
    // A message waits for somebody to close it; what it says is what counts here.
    vscode.window.showErrorMessage = (message: string) => {
      messages.push(message);
      return Promise.resolve(undefined);
    };
    notebook = await openNotebook('study.ipynb');
  });

  after(async () => {
    vscode.window.showErrorMessage = showErrorMessage;
    await (kernel as Kernel | undefined)?.shutdown();
    for (const process of api.store.processes) api.store.removeProcess(process);
    await closeAll(api);
  });

  beforeEach(() => {
    messages.length = 0;
  });

  it('without a running kernel says how to get one', async () => {
    await inspect();
    assert.deepEqual(messages, ['study.ipynb has no running kernel. Run a cell first, so that the kernel starts.']);
  });

  it('whose kernel is denied names the command that grants access', async () => {
    kernel = await jupyter.startKernel(notebook.uri, python());
    jupyter.deny = true;
    await inspect();
    jupyter.deny = false;
    assert.match(messages.join(), /may not use the kernel of study\.ipynb .*jupyter\.manageAccessToKernels/);
    assert.equal(api.store.isEmpty, true);
  });

  it('in another language is refused', async () => {
    kernel.language = 'julia';
    await inspect();
    kernel.language = 'python';
    assert.match(messages.join(), /speaks julia/);
  });

  it('is waited for until it imports torch, and then shows its models under its own name', async () => {
    const before = await kernel.runCell(names);
    await inspect();
    assert.deepEqual(await rowsBelow(api), ['study.ipynb: running, torch not imported yet']);
    assert.equal(await kernel.runCell(names), before, 'the namespace is as it was');
    assert.equal(await kernel.runCell(model), '');
    const session = await net();
    assert.match((await rowsBelow(api)).join(), /^study\.ipynb: live · process \d+$/);
    assert.equal(session.module('1')?.behaviour, 'train');
    await kernel.runCell('net; 1 + 1');
    assert.deepEqual(
      session.process.sessions.map(({ title }) => title),
      ['net'],
    );
    assert.deepEqual(messages, []);
  });

  it('is inspected once, however often one asks', async () => {
    await inspect();
    assert.equal(api.store.processes.length, 1);
  });

  it('moves and is switched while a cell runs', async () => {
    const session = await net();
    const end = workspaceFile('enough');
    const cell = kernel.runCell(training(end));
    await until('statistics that move', () => (session.latestStatistics('1')?.numBatchesTracked ?? 0) > 5);
    await session.setTraining('', false, { recursive: true });
    await until('the switch', () => session.module('1')?.training === false);
    fs.writeFileSync(end, '');
    assert.equal(await cell, 'trained False\n');
    assert.deepEqual(messages, []);
  });

  it('is inspected again after its kernel has restarted', async () => {
    const before = await net();
    await kernel.restart();
    await until('the row of the new kernel', () => api.store.launches.length === 1);
    assert.equal(before.state.kind, 'ended');
    await kernel.runCell(model);
    const after = await net();
    assert.notEqual(after, before);
    assert.equal(api.store.processes.length, 1);
    assert.deepEqual(messages, []);
  });

  it('is left alone after a restart once it was detached', async () => {
    await vscode.commands.executeCommand('modeInspector.detach');
    await kernel.restart();
    await kernel.runCell(model);
    assert.equal(await kernel.runCell('import sys; print("mode_inspector" in sys.modules)'), 'False\n');
    assert.equal(api.store.isEmpty, true);
  });

  it('with torch imported connects at once', async () => {
    await inspect();
    assert.equal(api.store.processes.length, 1);
    await net();
  });
});
