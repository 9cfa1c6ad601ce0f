// Which rows of the view “Modules” are to be drawn anew when something changes, told to VS Code in few events.

import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore, StoreChange } from '../sessions/sessionStore';
import type { Disposable } from '../util/disposable';
import type { FindingIndex } from './findingIndex';
import type { NodeRegistry } from './nodeRegistry';
import type { Ranks, RanksChange } from './ranks';
import type { TreeNode } from './treeNode';

export class TreeChanges implements Disposable {
  private readonly changed = new vscode.EventEmitter<TreeNode[] | undefined>();
  private readonly subscriptions: readonly Disposable[];
  private readonly dirty = new Set<TreeNode>();
  /** A forward changes state, statistics and “Last forward” one after the other. */
  private readonly refreshes = coalesce(() => {
    this.fire();
  });
  private refreshAll = false;
  private holders = 0;

  /** Fires with the nodes to draw anew, undefined for all. */
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly store: SessionStore,
    ranks: Ranks,
    findings: FindingIndex,
    private readonly nodes: NodeRegistry,
  ) {
    this.subscriptions = [
      store.onDidChange((change) => {
        this.onStoreChange(change);
      }),
      ranks.onDidChange((change) => {
        this.onRanksChange(change);
      }),
      findings.onDidChange(({ session, paths }) => {
        this.refreshModules(session, paths);
      }),
    ];
  }

  /** Tells at once what has changed by now, and nothing more until whoever holds has called what this returns, once. */
  hold(): () => void {
    this.refreshes.flush();
    this.holders++;
    return () => {
      this.holders--;
      if (this.holders === 0 && (this.dirty.size > 0 || this.refreshAll)) this.refreshes.request();
    };
  }

  dispose(): void {
    this.refreshes.dispose();
    for (const subscription of this.subscriptions) subscription.dispose();
    this.changed.dispose();
  }

  private onStoreChange(change: StoreChange): void {
    switch (change.kind) {
      case 'session':
        // The index of findings tells which rows these concern.
        if (change.change.kind === 'findings') return;
        this.refreshModules(change.session, change.change.kind === 'statistics' ? change.change.paths : ['']);
        if (change.change.kind === 'tree') this.nodes.forgetModules(change.session);
        return;
      case 'disk':
      case 'forward':
      case 'comparison':
      case 'pair':
        this.refreshModules(change.session, ['']);
        return;
      case 'removed':
        this.nodes.forget(change.session);
        this.refresh(undefined);
        return;
      case 'process': {
        const isShown = this.store.processes.includes(change.process);
        if (!isShown || this.nodes.knownProcess(change.process) === undefined) this.refresh(undefined);
        else this.refreshProcess(change.process);
        return;
      }
      case 'added':
        if (change.session instanceof LiveSession) this.refresh(this.nodes.process(change.session.process));
        else this.refresh(undefined);
        return;
      case 'opening':
        this.refresh(undefined);
        return;
      case 'active':
        return;
    }
  }

  private onRanksChange(change: RanksChange): void {
    switch (change.kind) {
      case 'places':
        this.refresh(undefined);
        return;
      case 'job':
      case 'differences': {
        const node = this.nodes.knownJob(change.kind, change.key);
        if (node !== undefined) this.refresh(node);
        return;
      }
      case 'module':
        this.refreshModules(change.session, [change.path]);
        return;
    }
  }

  /** Only rows that were ever shown; a module that nobody unfolded costs nothing. */
  private refreshModules(session: ModelSession, paths: readonly string[]): void {
    for (const path of paths) {
      const node = this.nodes.knownModule(session, path);
      if (node !== undefined) this.refresh(node);
    }
  }

  /** Its own row, and who switched its models; the modules refresh by themselves. */
  private refreshProcess(process: LiveProcess): void {
    if (process.ended) this.refresh(this.nodes.process(process));
    for (const session of process.sessions) {
      const node =
        this.nodes.knownSwitches(session) ??
        (session.switches.length > 0 ? this.nodes.knownModule(session, '') : undefined);
      if (node !== undefined) this.refresh(node);
    }
  }

  private refresh(node: TreeNode | undefined): void {
    if (node === undefined) this.refreshAll = true;
    else this.dirty.add(node);
    if (this.holders === 0) this.refreshes.request();
  }

  private fire(): void {
    const nodes = this.refreshAll ? undefined : [...this.dirty];
    this.refreshAll = false;
    this.dirty.clear();
    this.changed.fire(nodes);
  }
}
