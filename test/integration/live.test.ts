// A program that runs in the terminal: what its lines say in the editor, a forward that is traced, an assistant that switches.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { LiveSession } from '../../src/sessions/liveSession';
import { closeAll, extensionApi, rowsBelow, setPython, until, workspaceFile } from './harness';

/** Switches some modes, runs forwards until a file tells it to stop, and then writes what it finds in torch. */
const program = `import json, os, time
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return F.dropout(self.drop(self.bn(x)), 0.1)  # dropout

def freeze(layers):
    for layer in layers:
        layer.eval()  # freeze

net = Net()
for epoch in range(3):
    net.train()  # train
freeze([net.bn, net.drop])
is_late = False
while not os.path.exists(__file__ + ".stop"):
    net(torch.randn(8, 4))
    time.sleep(0.01)
    if not is_late and os.path.exists(__file__ + ".late"):
        from late import freeze_late
        is_late = freeze_late(net)
left = [nn.Module.__call__.__module__, torch._C._len_torch_function_stack()]
with open(__file__ + ".left", "w") as file:
    json.dump(left, file)
`;

const run = (command: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`modeInspector.${command}`, ...args);

describe('a program that runs', function () {
  // It imports torch.
  this.timeout(120_000);
  let api: ExtensionApi;
  let file: string;
  let net: LiveSession;
  let document: vscode.TextDocument;

  before(async () => {
    api = await extensionApi();
    const python = process.env['MODE_INSPECTOR_PYTHON'];
    assert.ok(python, 'Run this with `npm test -- integration`.');
    await setPython(python);
    file = workspaceFile('running.py');
    fs.writeFileSync(file, program);
    document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    await run('runPythonFile', document.uri);
    [net] = (await until('a model', () => api.store.processes.find(({ sessions }) => sessions.length > 0)))
      .sessions as [LiveSession];
  });

  after(async () => {
    fs.writeFileSync(`${file}.stop`, '');
    for (const process of api.store.processes) api.store.removeProcess(process);
    await setPython(undefined);
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await closeAll(api);
  });

  const lineOf = (text: string): number =>
    document
      .getText()
      .split('\n')
      .findIndex((line) => line.includes(text));

  it('says above its lines which mode they left, and how often', async () => {
    await until('all switches', () => net.switchPlaces.length === 3);
    assert.deepEqual(await lensTexts(document), [
      [lineOf('# freeze'), '$(circle-outline) net: 2 modules → eval · 2 calls, last T'],
      [lineOf('# train'), '$(circle-filled) net → train · 3 calls, last T'],
    ]);
  });

  it('shows the model when such a lens is clicked', async () => {
    const [lens] = await lenses(document);
    const { command, arguments: args = [] } = lens?.command ?? {};
    await vscode.commands.executeCommand(command ?? '', ...(args as unknown[]));
    await until('the selection', () => api.tree.view.selection[0] === api.tree.node(net, ''));
  });

  it('says in a hover which mode the model is in now', async () => {
    await until('the flags', () => net.module('')?.training === true && net.module('drop')?.training === false);
    const [text, ...others] = await hovers(document, lineOf('# freeze'));
    assert.deepEqual(others, []);
    const id = String(net.process.id);
    assert.equal(text?.value.split('\n')[0], `**net** · train flag, layers in eval · running.py, process ${id}`);
    assert.match(text.value, /\n- bn → eval · once, \d\d:\d\d:\d\d · now eval\n/);
    assert.deepEqual(text.isTrusted, { enabledCommands: ['modeInspector.revealInTree'] });
    assert.deepEqual(await hovers(document, lineOf('import torch')), []);
  });

  it('keeps to its lines while they are edited, and leaves those that are changed', async () => {
    const edit = async (change: (builder: vscode.TextEditorEdit) => void): Promise<void> => {
      const editor = await vscode.window.showTextDocument(document);
      assert.ok(await editor.edit(change));
    };
    const lines = async (): Promise<string[]> =>
      (await lenses(document)).map(({ range }) => document.lineAt(range.start.line).text.trim());
    await edit((builder) => {
      builder.insert(new vscode.Position(0, 0), '# Written while it runs.\n');
    });
    assert.deepEqual(await lines(), ['layer.eval()  # freeze', 'net.train()  # train']);
    await edit((builder) => {
      builder.insert(document.lineAt(lineOf('# train')).range.end, ', and never again');
    });
    assert.deepEqual(await lines(), ['layer.eval()  # freeze']);
  });

  it('has a forward traced by a click, with a row for each call', async () => {
    const root = api.tree.node(net, '');
    await run('traceForward', root);
    const rows = await rowsBelow(api, root);
    const line = program.split('\n').findIndex((text) => text.includes('# dropout')) + 1;
    assert.ok(rows.includes(`F.dropout: p=0.1, drops · running.py:${String(line)}`), rows.join('\n'));
    const [call] = await rowsBelow(api, api.tree.node(net, 'drop'));
    assert.match(call ?? '', /^F\.dropout: p=0\.5, lets everything through · /);
  });

  it('obeys an assistant', async () => {
    const { content } = await vscode.lm.invokeTool('modeInspector_setMode', {
      input: { model: 'net', path: 'bn', mode: 'train' },
      toolInvocationToken: undefined,
    });
    const [part] = content;
    assert.ok(part instanceof vscode.LanguageModelTextPart);
    const { asked, path } = JSON.parse(part.value) as { asked: string; path: string };
    assert.deepEqual([asked, path], ['train', 'bn']);
    await until('the switch', () => net.module('bn')?.training === true);
    assert.equal(net.module('drop')?.training, false);
  });

  it('says nothing in a file that was written after it began, which may be another one than it runs', async () => {
    const late = workspaceFile('late.py');
    fs.writeFileSync(late, 'def freeze_late(net):\n    net.eval()\n    return True\n');
    fs.writeFileSync(`${file}.late`, '');
    await until('the switch', () => net.switchPlaces.some(({ file: at }) => at === late));
    assert.deepEqual(await lenses(await vscode.workspace.openTextDocument(late)), []);
  });

  it('is told as ended when it ends, with nothing of the trace left in it, and no more when it is removed', async () => {
    fs.writeFileSync(`${file}.stop`, '');
    await until('the end', () => net.process.ended);
    assert.deepEqual(JSON.parse(fs.readFileSync(`${file}.left`, 'utf8')), ['torch.nn.modules.module', 0]);
    assert.deepEqual(await lensTexts(document), [
      [lineOf('# freeze'), '$(circle-outline) net: 2 modules → eval · 2 calls, last T · ended'],
    ]);
    api.store.removeProcess(net.process);
    assert.deepEqual(await lenses(document), []);
  });
});

/** Those of switched lines: the file's class has one of its own. */
async function lenses(document: vscode.TextDocument): Promise<readonly vscode.CodeLens[]> {
  const all = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    'vscode.executeCodeLensProvider',
    document.uri,
    100,
  );
  return all
    .filter(({ command }) => command?.title.includes('→'))
    .sort((a, b) => a.range.start.line - b.range.start.line);
}

async function lensTexts(document: vscode.TextDocument): Promise<[line: number, text: string][]> {
  return (await lenses(document)).map(({ range, command }) => [
    range.start.line,
    command?.title.replace(/\d\d:\d\d:\d\d/, 'T') ?? '',
  ]);
}

/** Ours, on that line. */
async function hovers(document: vscode.TextDocument, line: number): Promise<readonly vscode.MarkdownString[]> {
  const position = new vscode.Position(line, document.lineAt(line).firstNonWhitespaceCharacterIndex);
  const found = await vscode.commands.executeCommand<vscode.Hover[]>(
    'vscode.executeHoverProvider',
    document.uri,
    position,
  );
  return found
    .flatMap(({ contents }) => contents)
    .filter((content) => content instanceof vscode.MarkdownString)
    .filter(({ value }) => value.includes('modeInspector.revealInTree'));
}
