// Opening models, reading their tree, switching modes and running them, inside a real VS Code.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { AppError } from '../../src/util/errors';
import { closeAll, copySample, extensionApi, openSample, rowsBelow, textOf, until, workspaceFile } from './harness';

const run = (command: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`modeInspector.${command}`, ...args);

describe('models', () => {
  let api: ExtensionApi;

  before(async () => {
    api = await extensionApi();
  });

  afterEach(async () => {
    await closeAll(api);
  });

  it('opens by a click in the explorer, in its own editor and in the tree', async () => {
    const file = copySample('resnet_trained.pt', 'clicked.pt');
    await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file));
    const session = await until('the session', () => api.store.forFile(file));
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    assert.ok(tab?.input instanceof vscode.TabInputCustom);
    assert.equal(tab.input.viewType, 'modeInspector.model');
    await until('the view', () => api.tree.view.visible);
    await until('the selection', () => api.tree.view.selection[0] === api.tree.node(session, ''));
    assert.deepEqual(await rowsBelow(api), ['clicked.pt: eval · ShapeClassifier']);
  });

  it('shows modules in order, with class and mode, and statistics below a BatchNorm', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'tree.pt');
    const below = await rowsBelow(api, api.tree.node(session, ''));
    assert.deepEqual(below.slice(0, 2), ['stem: Sequential · eval', 'layer1: Sequential · eval']);
    const rows = await rowsBelow(api, api.tree.node(session, 'layer1.0.bn1'));
    assert.match(rows[0] ?? '', /^running_mean: mean \S+, min \S+, max \S+, non-finite 0$/);
    assert.match(rows[1] ?? '', /^running_var: mean \S+, min \S+, max \S+, non-finite 0$/);
    assert.deepEqual(rows.slice(2), ['num_batches_tracked: 150', 'momentum: 0.1', 'eps: 1e-5', 'affine: true']);
  });

  it('switches a layer, a subtree, one flag, the whole model, and back', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'modes.pt');
    const row = (path: string): string => textOf(api, api.tree.node(session, path));
    await run('setTrain', api.tree.node(session, 'layer1.0.bn1'));
    assert.equal(row('layer1.0.bn1'), 'bn1: BatchNorm2d · train');
    assert.equal(row('layer1.0'), '0: ResidualBlock · mixed 1/2');
    await run('setTrain', api.tree.node(session, 'layer1'));
    assert.equal(row('layer1'), 'layer1: Sequential · train');
    await run('setEvalOnly', api.tree.node(session, 'layer1'));
    assert.equal(row('layer1'), 'layer1: Sequential · eval flag, layers in train');
    await run('toggleMode', api.tree.node(session, 'layer1'));
    assert.equal(row('layer1'), 'layer1: Sequential · train');
    // Without a row the selection counts, and the root is selected since the model was opened.
    await run('setTrain');
    assert.match(row(''), /^modes\.pt: train · \d+ active · ShapeClassifier$/);
    await run('restoreModes');
    assert.equal(row(''), 'modes.pt: eval · ShapeClassifier');
    assert.deepEqual(session.snapshot(), session.initialModes);
  });

  it('freezes BatchNorm, leaves only dropout in train, and undoes both', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'presets.pt');
    const root = api.tree.node(session, '');
    const flags = (): unknown[] => [...session.snapshot().flags];
    const before = flags();
    await run('setTrain', root);
    const trained = flags();
    await run('freezeBatchNorm', root);
    const layers = session.modules.filter(({ batchNorm }) => batchNorm !== undefined);
    assert.ok(layers.length > 0 && layers.every(({ training }) => training === false));
    assert.equal(session.module('')?.training, true);
    await run('monteCarloDropout', root);
    assert.deepEqual(
      session.modules.filter(({ training }) => training === true).map(({ path }) => path),
      ['dropout'],
    );
    await run('undoSwitch', root);
    await run('undoSwitch', root);
    assert.deepEqual(flags(), trained);
    await run('undoSwitch', root);
    assert.deepEqual(flags(), before);
  });

  it('answers an assistant that asks for modes', async () => {
    const session = await openSample(api, 'mixed_modes.pt', 'asked.pt');
    const input = { model: session.title, path: 'encoder.1' };
    const { content } = await vscode.lm.invokeTool('modeInspector_readModes', {
      input,
      toolInvocationToken: undefined,
    });
    const [part] = content;
    assert.ok(part instanceof vscode.LanguageModelTextPart);
    const { modules } = JSON.parse(part.value) as { modules: { path: string; type: string }[] };
    assert.deepEqual(
      modules.map(({ path, type }) => [path, type]),
      [['encoder.1', 'BatchNorm2d']],
    );
  });

  it('leaves everything alone where the clicked row is no longer known', async () => {
    const gone = await openSample(api, 'traced.pt', 'gone.pt');
    const stale = api.tree.node(gone, '');
    api.store.close(gone);
    const session = await openSample(api, 'mixed_modes.pt', 'kept.pt');
    const before = [...session.snapshot().flags];
    // While VS Code draws rows anew, it passes nothing in place of the clicked one.
    for (const args of [[undefined], [undefined, undefined], [stale, undefined]]) await run('setEval', ...args);
    assert.deepEqual([...session.snapshot().flags], before);
  });

  it('switches several selected rows at once', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'several.pt');
    const nodes = ['stem.1', 'layer2.0.bn1'].map((path) => api.tree.node(session, path));
    await run('setTrain', nodes[0], nodes);
    assert.deepEqual(
      nodes.map((node) => textOf(api, node)),
      ['1: BatchNorm2d · train', 'bn1: BatchNorm2d · train'],
    );
  });

  it('runs: in eval outputs repeat and statistics stand still, in train they move and the tree shows it', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'run.pt');
    const root = api.tree.node(session, '');
    const batches = async (): Promise<string | undefined> =>
      (await rowsBelow(api, api.tree.node(session, 'layer1.0.bn1')))[2];
    await run('runForward', root);
    await run('runForward', root);
    const [forward] = await api.tree.getChildren(root);
    assert.ok(forward);
    assert.match(textOf(api, forward), /^Last forward: eval · statistics stood still · output repeated exactly · /);
    assert.match((await rowsBelow(api, forward))[0] ?? '', /^output: float32 \[2, \d+\], mean /);
    assert.equal(await batches(), 'num_batches_tracked: 150');
    await run('setTrain', root);
    await run('runForward', root);
    assert.match(
      textOf(api, forward),
      /^Last forward: train · statistics moved in 1?\d layers · output differs from the run before · /,
    );
    assert.equal(await batches(), 'num_batches_tracked: 151');
    await run('runForwardAgain', root);
    assert.match(textOf(api, forward), /output differs from the run before/);
    assert.equal(await batches(), 'num_batches_tracked: 152');
  });

  it('keeps several models apart', async () => {
    const a = await openSample(api, 'resnet_trained.pt', 'a.pt');
    const b = await openSample(api, 'mixed_modes.pt', 'b.pt');
    assert.equal(api.store.active, b);
    assert.deepEqual(await rowsBelow(api), ['a.pt: eval · ShapeClassifier', 'b.pt: mixed 1/6 · SegmentationHead']);
    await run('setTrain', api.tree.node(a, ''));
    assert.equal(api.store.active, a);
    assert.equal(textOf(api, api.tree.node(b, '')), 'b.pt: mixed 1/6 · SegmentationHead');
    await run('closeModel', api.tree.node(a, ''));
    assert.deepEqual(await rowsBelow(api), ['b.pt: mixed 1/6 · SegmentationHead']);
    assert.equal(api.store.active, b);
  });

  it('opens a file once', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'once.pt');
    await run('openFile', vscode.Uri.file(session.file));
    assert.equal(api.store.sessions.length, 1);
  });

  it('shows flag and behaviour of traced code, which obeys no switch', async () => {
    const session = await openSample(api, 'traced.pt', 'baked.pt');
    assert.match(textOf(api, api.tree.node(session, '')), /^baked\.pt: eval flag, runs as train · \d+ active/);
    // What the rules find is told behind it, as soon as it is known.
    assert.match(textOf(api, api.tree.node(session, 'stem.1')), /^1: eval flag, runs as train \(baked\) · BatchNorm2d/);
    await run('setTrain', api.tree.node(session, 'stem.1'));
    assert.match(textOf(api, api.tree.node(session, 'stem.1')), /^1: BatchNorm2d · train \(baked\)/);
  });

  it('offers a reload when the file changes, and keeps switched modes through it', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'changing.pt');
    const root = api.tree.node(session, '');
    await run('setTrain', api.tree.node(session, 'layer2'));
    // A training script that writes again: another time stamp is enough.
    fs.utimesSync(session.file, new Date(), new Date(Date.now() + 5000));
    await until('the change', () => api.store.diskState(session) === 'changed');
    assert.equal((await rowsBelow(api, root))[0], 'Changed on disk: reload to see the new file');
    await run('reload', root);
    assert.equal(api.store.diskState(session), 'same');
    assert.equal(textOf(api, api.tree.node(session, 'layer2')), 'layer2: Sequential · train');
    assert.equal(textOf(api, api.tree.node(session, 'layer1')), 'layer1: Sequential · eval');
    fs.rmSync(session.file);
    await until('the deletion', () => api.store.diskState(session) === 'deleted');
    assert.match(textOf(api, root), / · deleted on disk · ShapeClassifier$/);
  });

  it('refuses what is no model, says so on its page, and leaves open models alone', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'good.pt');
    fs.writeFileSync(workspaceFile('notes.pt'), 'this is no model');
    fs.writeFileSync(workspaceFile('truncated.pt'), fs.readFileSync(session.file).subarray(0, 5000));
    for (const name of ['notes.pt', 'truncated.pt', 'missing.pt']) {
      await run('openFile', vscode.Uri.file(workspaceFile(name)));
      assert.equal(api.store.forFile(workspaceFile(name)), undefined, name);
    }
    assert.deepEqual(api.store.opening, []);
    assert.equal(api.store.sessions.length, 1);
    await run('setTrain', api.tree.node(session, ''));
    assert.equal(session.module('')?.training, true);
  });

  it('cancels a forward, and goes on', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'cancelled.pt');
    const abort = new AbortController();
    const running = session.runForward({ inputs: [], steps: 1_000_000 }, abort.signal);
    assert.match(textOf(api, api.tree.node(session, '')), /running…/);
    abort.abort();
    await assert.rejects(running, { code: 'cancelled' });
    assert.equal(session.state.kind, 'ready');
    assert.equal((await session.runForward({ inputs: [] })).moved.length, 0);
  });

  it('says in a sentence what is wrong with an input, and stays usable', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'wrong.pt');
    const inputs = [{ kind: 'random', shape: [1, 5, 32, 32], dtype: 'float32' }] as const;
    await assert.rejects(session.runForward({ inputs }), (error: AppError) => {
      assert.match(error.oneLine, /expected input.* to have 3 channels, but got 5/);
      return true;
    });
    await session.runForward({ inputs: [] });
  });

  it('reveals the source line of a module', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'source.pt');
    const source = session.module('layer1.0.bn1')?.source;
    assert.ok(source);
    await run('revealSource', api.tree.node(session, 'layer1.0.bn1'));
    const editor = vscode.window.activeTextEditor;
    assert.match(editor?.document.fileName ?? '', /models\.py$/);
    assert.equal(editor?.selection.active.line, source.line - 1);
    assert.match(editor.document.lineAt(source.line - 1).text, /bn1/);
  });

  it('copies the path of a module', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'path.pt');
    await run('copyPath', api.tree.node(session, 'layer1.0.bn1'));
    assert.equal(await vscode.env.clipboard.readText(), 'layer1.0.bn1');
  });

  it('has rows that a screen reader can speak', async () => {
    const session = await openSample(api, 'mixed_modes.pt', 'spoken.pt');
    const spoken = (path: string): string | undefined =>
      api.tree.getTreeItem(api.tree.node(session, path)).accessibilityInformation?.label;
    assert.equal(spoken(''), 'Model spoken.pt, SegmentationHead, mixed, 1 of 6 layers in train, active model');
    assert.equal(spoken('encoder'), 'encoder, Sequential, train flag, layers in eval');
    assert.equal(spoken('decoder.1'), '1, BatchNorm2d, train');
  });
});
