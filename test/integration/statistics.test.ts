// The statistics panel inside a real VS Code: it opens for a row, is one for each model, and goes with it.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import { closeAll, extensionApi, openSample, until } from './harness';

const title = (name: string): string => `${name} · BatchNorm Statistics`;
const tabs = (): readonly string[] =>
  vscode.window.tabGroups.all.flatMap((group) => group.tabs.map((tab) => tab.label));
const show = (...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand('modeInspector.showStatistics', ...args);

describe('the statistics panel', () => {
  let api: ExtensionApi;

  before(async () => {
    api = await extensionApi();
  });

  afterEach(async () => {
    await closeAll(api);
  });

  it('opens for a layer and for the model of the palette, once', async () => {
    const session = await openSample(api, 'resnet_trained.pt', 'statistics.pt');
    await show(api.tree.node(session, 'layer1.0.bn1'));
    await until('the tab', () => tabs().includes(title('statistics.pt')));
    await show();
    assert.deepEqual(
      tabs().filter((label) => label === title('statistics.pt')),
      [title('statistics.pt')],
    );
  });

  it('is one for each model, and closes with it', async () => {
    const a = await openSample(api, 'resnet_trained.pt', 'one.pt');
    const b = await openSample(api, 'mixed_modes.pt', 'two.pt');
    await show(api.tree.node(a, ''));
    await show(api.tree.node(b, ''));
    await until('both tabs', () => tabs().includes(title('one.pt')) && tabs().includes(title('two.pt')));
    api.store.close(a);
    await until('one tab less', () => !tabs().includes(title('one.pt')));
    assert.ok(tabs().includes(title('two.pt')));
  });

  it('does not open for a model without such layers', async () => {
    const session = await openSample(api, 'lstm_tagger.pt', 'lstm.pt');
    await show(api.tree.node(session, ''));
    assert.ok(!tabs().includes(title('lstm.pt')));
  });
});
