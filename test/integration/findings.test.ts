// Findings inside a real VS Code: the view, its badge, the Problems panel, what mends a finding, and the page about its rule.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { FindingNode } from '../../src/views/findingsView';
import { closeAll, extensionApi, openSample, textOf, until } from './harness';

const run = (command: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`modeInspector.${command}`, ...args);

describe('findings', () => {
  let api: ExtensionApi;

  before(async () => {
    api = await extensionApi();
  });

  afterEach(async () => {
    await closeAll(api);
  });

  const below = (node?: FindingNode): readonly FindingNode[] => api.findings.getChildren(node);
  const text = (node: FindingNode): string => {
    const { label, description } = api.findings.getTreeItem(node);
    return `${typeof label === 'string' ? label : (label?.label ?? '')}: ${String(description)}`;
  };
  const model = (title: string): Promise<FindingNode> =>
    until(`findings of ${title}`, () => below().find(({ session }) => session.title === title));

  it('stand by model, the modules of one rule under one row, and count in a badge', async () => {
    const session = await openSample(api, 'traced.pt', 'baked.pt');
    const node = await model('baked.pt');
    const warnings = session.findings.filter(({ severity }) => severity === 'warning').length;
    assert.ok(warnings > 3);
    assert.equal(text(node), `baked.pt: ${String(warnings)} warnings`);
    const [fold] = below(node);
    assert.ok(fold);
    assert.equal(text(fold), `Mode fixed in the code: ${String(warnings)} modules · mode/baked`);
    const [first] = below(fold);
    assert.match(first === undefined ? '' : text(first), /^stem\.1: BatchNorm2d runs as train whatever its flag/);
    await until('the badge', () => api.findings.view.badge?.value === warnings);
    // The row of the module says it, too.
    assert.match(textOf(api, api.tree.node(session, 'stem.1')), /· 1 warning$/);
    api.store.close(session);
    await until('the badge to go', () => api.findings.view.badge === undefined);
    assert.deepEqual(below(), []);
  });

  it('stand in the Problems panel at their line, with a link to the page', async () => {
    await openSample(api, 'traced.pt', 'lines.pt');
    const [uri, diagnostics] = await until('problems', () =>
      vscode.languages.getDiagnostics().find(([, list]) => list.some(({ source }) => source === 'Mode Inspector')),
    );
    assert.match(uri.path, /\/models\.py$/);
    const [diagnostic] = diagnostics.filter(({ message }) => /^lines\.pt: (\S+, )*stem\.1\b/.test(message));
    assert.equal(diagnostic?.severity, vscode.DiagnosticSeverity.Warning);
    const line = (await vscode.workspace.openTextDocument(uri)).lineAt(diagnostic.range.start.line).text;
    assert.match(line, /stem/);
    const { code } = diagnostic;
    assert.ok(typeof code === 'object');
    assert.equal(code.value, 'mode/baked');
    assert.equal(code.target.toString(true), 'command:modeInspector.openRulePage?["mode/baked"]');
    await closeAll(api);
    await until('the problems to go', () =>
      vscode.languages.getDiagnostics().every(([, list]) => list.every(({ source }) => source !== 'Mode Inspector')),
    );
  });

  it('show their module by a click, and go when they are mended', async () => {
    const session = await openSample(api, 'mixed_modes.pt', 'mended.pt');
    const [node] = below(await model('mended.pt'));
    assert.ok(node);
    const { command, contextValue } = api.findings.getTreeItem(node);
    assert.equal(contextValue, 'finding setTrain setEval restore');
    await vscode.commands.executeCommand(command?.command ?? '', ...((command?.arguments ?? []) as unknown[]));
    await until('the module', () => api.tree.view.selection[0] === api.tree.node(session, ''));
    await run('setTrain', node);
    await until('the finding to go', () => session.findings.length === 0);
    await run('restoreModes');
    await until('the finding to come back', () => session.findings.length === 1);
  });

  it('open the page about their rule', async () => {
    await run('openRulePage', 'batchnorm/revived');
    await until('the page', () =>
      vscode.window.tabGroups.activeTabGroup.activeTab?.label.includes('batchnorm-revived.md'),
    );
  });

  it('go where their rule is switched off, or another threshold says so', async () => {
    const session = await openSample(api, 'mixed_modes.pt', 'settings.pt');
    await model('settings.pt');
    const settings = vscode.workspace.getConfiguration('modeInspector.findings');
    try {
      await run('disableRule', 'mode/mixed');
      await until('the finding to go', () => session.findings.length === 0);
      // 0.9 ** 40 of the initial values is left, more than a hundredth.
      await settings.update('initialShare', 0.01, vscode.ConfigurationTarget.Workspace);
      await until('others', () => session.findings.some(({ rule }) => rule === 'batchnorm/initial-share'));
    } finally {
      await settings.update('disabledRules', undefined, vscode.ConfigurationTarget.Workspace);
      await settings.update('initialShare', undefined, vscode.ConfigurationTarget.Workspace);
    }
  });
});
