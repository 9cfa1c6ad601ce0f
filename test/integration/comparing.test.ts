// Compare with Another Model inside a real VS Code: what differs stands below the model, and a click shows the module.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { PairComparison } from '../../src/model/pairComparison';
import type { FileSession } from '../../src/sessions/fileSession';
import type { TreeNode } from '../../src/views/treeNode';
import { closeAll, extensionApi, openFixture, openSample, rowsBelow, textOf, until } from './harness';

const run = (command: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`modeInspector.${command}`, ...args);

describe('comparing with another model', () => {
  let api: ExtensionApi;
  let [first, second]: FileSession[] = [];

  before(async () => {
    api = await extensionApi();
  });

  beforeEach(async () => {
    first = await openSample(api, 'resnet_trained.pt', 'first.pt');
    second = await openSample(api, 'resnet_trained.pt', 'second.pt');
  });

  afterEach(async () => {
    await closeAll(api);
  });

  const root = (session: FileSession | undefined): TreeNode => {
    assert.ok(session);
    return api.tree.node(session, '');
  };

  /** As a person does who has selected both. */
  const compare = (): Thenable<unknown> => run('compareModels', root(first), [root(first), root(second)]);

  const pairNode = async (): Promise<TreeNode | undefined> =>
    (await api.tree.getChildren(root(first))).find(({ kind }) => kind === 'pair');

  it('finds nothing in a copy', async () => {
    const comparison = (await compare()) as PairComparison;
    assert.deepEqual(comparison.layers, []);
    assert.ok(comparison.counts.comparedStatistics > 5);
    const node = await pairNode();
    assert.ok(node);
    assert.equal(textOf(api, node), 'Compared with second.pt: flags and statistics agree');
    await until('the row', () => api.tree.view.selection[0] === node);
  });

  it('lists what differs, and a click shows the module', async () => {
    await second!.setTraining('layer1', true, { recursive: true });
    await second!.runForward({ inputs: [] });
    await compare();
    const node = await pairNode();
    assert.ok(node);
    assert.match(textOf(api, node), /^Compared with second\.pt: \d+ flags differ · statistics of \d+ layers differ/);
    const rows = await rowsBelow(api, node);
    assert.match(rows[0] ?? '', /^layer1: eval, second\.pt: train · with \d+ modules below · Sequential$/);
    const children = await api.tree.getChildren(node);
    const layer = children.find((child) => textOf(api, child).startsWith('layer1.0.bn1:'));
    assert.ok(layer);
    assert.equal(api.tree.getParent(layer), node);
    const [mean] = await api.tree.getChildren(layer);
    assert.ok(mean);
    assert.deepEqual(
      (await rowsBelow(api, mean)).map((text) => text.split(':')[0]),
      ['first.pt', 'second.pt'],
    );
    const { command } = api.tree.getTreeItem(layer);
    assert.ok(command);
    await vscode.commands.executeCommand(command.command, ...(command.arguments as unknown[]));
    await until('the module', () => api.tree.view.selection[0] === api.tree.node(first!, 'layer1.0.bn1'));
  });

  it('says when it is outdated, compares again, and goes when it is closed', async () => {
    await compare();
    const node = await pairNode();
    assert.ok(node);
    await first!.setTraining('dropout', true, { recursive: true });
    assert.match(textOf(api, node), /: before the last changes · flags and statistics agree$/);
    await run('compareAgain', node);
    assert.equal(textOf(api, node), 'Compared with second.pt: 1 flag differs · statistics agree');
    api.store.close(second!);
    assert.ok(await pairNode());
    await run('closeComparison', node);
    assert.equal(await pairNode(), undefined);
  });

  it('compares one of several models of a file, that of the row without asking', async () => {
    const session = await openFixture(api, 'several.pth', 'several.pth');
    const other = await openFixture(api, 'several.pth', 'other.pth');
    const ema = api.tree.node(session, 'ema');
    assert.match(String(api.tree.getTreeItem(ema).contextValue), /\boneOfSeveral\b/);
    const compared = async (rows: readonly TreeNode[], ...answers: string[]): Promise<string> => {
      const { comparison, offered } = await answering(answers, () => run('compareModels', rows[0], rows));
      assert.deepEqual(offered.length, answers.length);
      const [pair] = (await api.tree.getChildren(root(session))).filter(({ kind }) => kind === 'pair');
      assert.ok(pair);
      return `${textOf(api, pair)} (${comparison.roots.join('|')})`;
    };
    const beside = 'statistics of 1 layer differ by up to 100 %';
    assert.equal(await compared([ema], 'other.pth', 'net'), `ema compared with net of other.pth: ${beside} (ema|net)`);
    assert.equal(
      await compared([root(session), root(other)], 'All Models Together'),
      'Compared with other.pth: statistics agree (|)',
    );
    assert.equal(await compared([ema], 'Another Model of the Same File'), `ema compared with net: ${beside} (ema|net)`);
    assert.equal(await compared([ema, api.tree.node(session, 'net')]), `ema compared with net: ${beside} (ema|net)`);
  });

  /** Runs a command and gives these answers to its questions, by their labels; tells what was offered. */
  async function answering(
    labels: readonly string[],
    command: () => Thenable<unknown>,
  ): Promise<{ comparison: PairComparison; offered: readonly (readonly string[])[] }> {
    const { showQuickPick } = vscode.window;
    const offered: string[][] = [];
    const answer = (items: readonly vscode.QuickPickItem[]): Promise<vscode.QuickPickItem | undefined> => {
      const label = labels[offered.length];
      offered.push(items.map((item) => item.label));
      return Promise.resolve(items.find((item) => item.label === label));
    };
    Object.assign(vscode.window, { showQuickPick: answer });
    try {
      return { comparison: (await command()) as PairComparison, offered };
    } finally {
      Object.assign(vscode.window, { showQuickPick });
    }
  }
});
