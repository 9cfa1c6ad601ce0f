// The view “Findings”: what the rules found in the open models, by model; a click shows the module.

import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import { commandIds, viewIds } from '../host/ids';
import { isAtLeast, type Finding } from '../model/finding';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import type { Disposable } from '../util/disposable';
import { countWords, entriesOf, findingRow, modelFindingsRow, ruleRow, type FindingEntry } from './findingsModel';
import type { Row } from './rowModel';
import { toTreeItem } from './treeItem';

/** What a row stands for. Commands about modules act on `session` and `path`, as on a row of the tree of modules. */
export type FindingNode = { readonly session: ModelSession; readonly path: string } & (
  { readonly kind: 'model' } | FindingEntry
);

export class FindingsView implements vscode.TreeDataProvider<FindingNode>, Disposable {
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly subscription: Disposable;
  private readonly refreshes = coalesce(() => {
    this.refresh();
  });
  /** VS Code knows a row by its identity. */
  private nodes = new Map<string, FindingNode>();

  readonly onDidChangeTreeData = this.changed.event;
  /** VS Code's view of this tree. */
  readonly view: vscode.TreeView<FindingNode>;

  constructor(private readonly store: SessionStore) {
    this.view = vscode.window.createTreeView(viewIds.findings, { treeDataProvider: this, showCollapseAll: true });
    this.subscription = store.onDidChange((change) => {
      const concerns = change.kind === 'session' ? change.change.kind === 'findings' : change.kind === 'removed';
      if (concerns) this.refreshes.request();
    });
  }

  getChildren(node?: FindingNode): FindingNode[] {
    if (node === undefined)
      return this.sessions().map((session) => this.kept(session.id, { kind: 'model', session, path: '' }));
    const { session } = node;
    if (node.kind === 'model') return entriesOf(session.findings).map((entry) => this.entryNode(session, entry));
    if (node.kind === 'finding') return [];
    return node.findings.map((finding) => this.entryNode(session, { kind: 'finding', finding }));
  }

  getParent(node: FindingNode): FindingNode | undefined {
    if (node.kind === 'model') return undefined;
    const model = this.kept(node.session.id, { kind: 'model', session: node.session, path: '' });
    if (node.kind === 'rule') return model;
    const { rule, severity } = node.finding;
    const fold = entriesOf(node.session.findings).find(
      (entry) => entry.kind === 'rule' && entry.rule === rule && entry.severity === severity,
    );
    return fold === undefined ? model : this.entryNode(node.session, fold);
  }

  getTreeItem(node: FindingNode): vscode.TreeItem {
    const item = toTreeItem(rowOf(node));
    item.id = idOf(node);
    if (node.kind === 'finding')
      item.command = { command: commandIds.revealFinding, title: 'Show Module', arguments: [node] };
    return item;
  }

  dispose(): void {
    this.refreshes.dispose();
    this.subscription.dispose();
    this.view.dispose();
    this.changed.dispose();
  }

  private sessions(): readonly ModelSession[] {
    return this.store.sessions.filter((session) => session.findings.length > 0);
  }

  private entryNode(session: ModelSession, entry: FindingEntry): FindingNode {
    const path = entry.kind === 'finding' ? entry.finding.path : '';
    const node: FindingNode = { ...entry, session, path };
    return this.kept(idOf(node), node);
  }

  /** The same object for the same row, as long as nothing changed. */
  private kept(id: string, node: FindingNode): FindingNode {
    const known = this.nodes.get(id);
    if (known === undefined) this.nodes.set(id, node);
    return known ?? node;
  }

  private refresh(): void {
    this.nodes = new Map();
    const findings: Finding[] = this.store.sessions.flatMap((session) => [...session.findings]);
    const urgent = findings.filter(({ severity }) => isAtLeast(severity, 'warning'));
    this.view.badge = urgent.length === 0 ? undefined : { value: urgent.length, tooltip: countWords(urgent) };
    this.changed.fire(undefined);
  }
}

function rowOf(node: FindingNode): Row {
  switch (node.kind) {
    case 'model':
      return modelFindingsRow(node.session.title, node.session.findings);
    case 'rule':
      return ruleRow(node);
    case 'finding':
      return findingRow(node.finding, node.session.capabilities);
  }
}

function idOf(node: FindingNode): string {
  const { session } = node;
  if (node.kind === 'model') return session.id;
  if (node.kind === 'rule') return `${session.id}/${node.severity}/${node.rule}`;
  const { severity, rule, path } = node.finding;
  return `${session.id}/${severity}/${rule}/${path}/finding`;
}
