// The view “Modules”: open models as roots, their modules below, statistics below the layers that keep them.

import * as vscode from 'vscode';
import type { Disposable } from '../util/disposable';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import { commandIds, viewIds } from '../host/ids';
import { resourceOf } from './findingDecorations';
import type { FindingIndex } from './findingIndex';
import type { ModeCounts } from './modeCounts';
import { NodeRegistry } from './nodeRegistry';
import type { Ranks } from './ranks';
import { TreeChanges } from './treeChanges';
import { toTreeItem } from './treeItem';
import { nodeId, type TreeNode } from './treeNode';
import { TreeReveals } from './treeReveals';
import { TreeRows } from './treeRows';
import { TreeStructure } from './treeStructure';

export class ModuleTree implements vscode.TreeDataProvider<TreeNode>, Disposable {
  private readonly nodes = new NodeRegistry();
  private readonly structure: TreeStructure;
  private readonly rows: TreeRows;
  private readonly changes: TreeChanges;
  private readonly reveals: TreeReveals;

  readonly onDidChangeTreeData: vscode.Event<TreeNode[] | undefined>;
  /** VS Code's view of this tree. */
  readonly view: vscode.TreeView<TreeNode>;

  constructor(store: SessionStore, counts: ModeCounts, ranks: Ranks, findings: FindingIndex) {
    this.structure = new TreeStructure(store, ranks, this.nodes);
    this.rows = new TreeRows(store, counts, ranks, findings);
    this.changes = new TreeChanges(store, ranks, findings, this.nodes);
    this.onDidChangeTreeData = this.changes.onDidChange;
    this.view = vscode.window.createTreeView(viewIds.modules, {
      treeDataProvider: this,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.reveals = new TreeReveals(store, this.view, this.changes);
    this.view.onDidChangeSelection(({ selection }) => {
      const node = selection.at(-1);
      const session = node?.kind === 'job' ? ranks.firstModel(node.job) : node?.session;
      if (session !== undefined) store.setActive(session);
    });
  }

  /** The node of a module, the same for as long as its session is open. */
  node(session: ModelSession, path: string): TreeNode {
    return this.nodes.module(session, path);
  }

  /** Shows a module's row and selects it; the view comes into sight. */
  async reveal(session: ModelSession, path: string, { focus }: { readonly focus: boolean }): Promise<void> {
    await this.reveals.reveal(session, this.node(session, path), { expand: path === '', focus });
  }

  /** Shows what differs from another model, unfolded. */
  async revealPair(session: ModelSession): Promise<void> {
    await this.reveals.reveal(session, this.nodes.fold(session, 'pair'), { expand: true, focus: false });
  }

  async getChildren(element?: TreeNode): Promise<TreeNode[]> {
    return element === undefined ? this.structure.roots() : this.structure.childrenOf(element);
  }

  getParent(element: TreeNode): TreeNode | undefined {
    return this.structure.parentOf(element);
  }

  getTreeItem(element: TreeNode): vscode.TreeItem {
    const item = toTreeItem(this.rows.rowOf(element));
    item.id = nodeId(element);
    if (element.kind === 'module') item.resourceUri = resourceOf(element.session.id, element.path);
    if (element.kind === 'row' && element.shows !== undefined) {
      const { session, path } = element.shows;
      const module = this.node(session, path);
      item.command = { command: commandIds.revealInTree, title: 'Show Module', arguments: [module] };
    }
    return item;
  }

  dispose(): void {
    this.changes.dispose();
    this.reveals.dispose();
    this.view.dispose();
  }
}
