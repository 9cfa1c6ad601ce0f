// The view “Modules”: open models as roots, their modules below, statistics below the layers that keep them.

import { setTimeout } from 'node:timers/promises';
import * as vscode from 'vscode';
import { moduleName, parentPath, type ModuleSpec } from '../model/module';
import type { Disposable } from '../util/disposable';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import { fileOf } from '../sessions/sessionStore';
import type { SessionStore, StoreChange } from '../sessions/sessionStore';
import { coalesce } from '../host/coalesce';
import { commandIds, viewIds } from '../host/ids';
import type { FindingIndex } from './findingIndex';
import { resourceOf } from './findingDecorations';
import { forwardRow } from './factsModel';
import { launchRow, noModelRow, processRow, processTitle, switchesRow } from './liveModel';
import type { ModeCounts } from './modeCounts';
import { pairedModule, pairRow, pairRows } from './pairModel';
import {
  callNodes,
  differenceNodes,
  factNodes,
  forwardNodes,
  nodesBelowRow,
  problemNodes,
  switchNodes,
} from './plainNodes';
import { rangeRow, rangesOf, type ModuleRange } from './rangeModel';
import type { Ranks, RanksChange } from './ranks';
import { memberName, type Place } from './ranksModel';
import type { Row } from './rowModel';
import { toTreeItem } from './treeItem';
import { nodeId, processKey, rowNode, type TreeNode } from './treeNode';
import { errorRow, moduleRow, noticeRow, openingRow, problemsRow, rootRow } from './treeModel';

const revealAttempts = 12;
/** In milliseconds. */
const longestReveal = 2000;
/** Of more ranks than that each is folded at first: the row of the job says what differs. */
const mostUnfoldedRanks = 2;

export class ModuleTree implements vscode.TreeDataProvider<TreeNode>, Disposable {
  private readonly changed = new vscode.EventEmitter<TreeNode[] | undefined>();
  // VS Code knows an element by its identity, so that each module has one node for as long as its session lives.
  private readonly nodes = new Map<string, Map<string, TreeNode>>();
  private readonly processNodes = new WeakMap<LiveProcess, TreeNode>();
  private readonly jobNodes = new Map<string, TreeNode>();
  private readonly subscriptions: readonly Disposable[];
  private readonly dirty = new Set<TreeNode>();
  /** A forward changes state, statistics and “Last forward” one after the other. */
  private readonly refreshes = coalesce(() => {
    this.fireChanges();
  });
  private refreshAll = false;
  /** Reveals that are under way: a refresh in the middle of one would bring the last selection back. */
  private reveals = 0;

  readonly onDidChangeTreeData = this.changed.event;
  /** VS Code's view of this tree. */
  readonly view: vscode.TreeView<TreeNode>;

  constructor(
    private readonly store: SessionStore,
    private readonly counts: ModeCounts,
    private readonly ranks: Ranks,
    private readonly findings: FindingIndex,
  ) {
    this.subscriptions = [
      store.onDidChange((change) => {
        this.onStoreChange(change);
      }),
      ranks.onDidChange((change) => {
        this.onRanksChange(change);
      }),
      findings.onDidChange(({ session, paths }) => {
        this.onSessionChange(session, paths);
      }),
    ];
    this.view = vscode.window.createTreeView(viewIds.modules, {
      treeDataProvider: this,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.view.onDidChangeSelection(({ selection }) => {
      const node = selection.at(-1);
      const session = node?.kind === 'job' ? this.ranks.firstModel(node.job) : node?.session;
      if (session !== undefined) store.setActive(session);
    });
  }

  /** The node of a module, the same for as long as its session is open. */
  node(session: ModelSession, path: string): TreeNode {
    return this.keyed(session, `module:${path}`, () => ({ kind: 'module', session, path }));
  }

  /** Shows a module's row and selects it; the view comes into sight. */
  async reveal(session: ModelSession, path: string, options: { readonly focus: boolean }): Promise<void> {
    await this.show(session, this.node(session, path), path === '', options.focus);
  }

  /** Shows what differs from another model, unfolded. */
  async revealPair(session: ModelSession): Promise<void> {
    await this.show(session, this.pairNode(session), true, false);
  }

  private async show(session: ModelSession, node: TreeNode, expand: boolean, focus: boolean): Promise<void> {
    // A reveal waits for the refreshes before it; one that came after it would take the selection away again.
    this.refreshes.flush();
    this.reveals++;
    const ended = new AbortController();
    const revealing = this.revealNode(session, node, expand, focus);
    // Should VS Code never answer, the tree must go on all the same.
    void Promise.race([revealing, setTimeout(longestReveal, undefined, { signal: ended.signal })])
      .catch(() => undefined)
      .then(() => {
        ended.abort();
        this.reveals--;
        if (this.dirty.size > 0 || this.refreshAll) this.refreshes.request();
      });
    await revealing;
  }

  private async revealNode(session: ModelSession, node: TreeNode, expand: boolean, focus: boolean): Promise<void> {
    // A view that was hidden fetches its rows only once it is in sight, and drops a selection that comes before them:
    // the last model's row would stay highlighted, while commands act on this one.
    const [before] = this.view.selection;
    for (let attempt = 0; attempt < revealAttempts; attempt++) {
      if (this.store.get(session.id) !== session) return;
      await this.view.reveal(node, { select: true, focus, expand });
      await setTimeout(50 * (attempt + 1));
      const { selection, visible } = this.view;
      // Whoever selected another row meanwhile wants that one.
      const isAnother = selection[0] !== undefined && selection[0] !== before;
      if (visible && (isAnother || selection.includes(node))) return;
    }
  }

  async getChildren(element?: TreeNode): Promise<TreeNode[]> {
    if (element === undefined) return this.roots();
    switch (element.kind) {
      case 'module':
        return element.path === ''
          ? this.childrenOfRoot(element.session)
          : this.childrenOfModule(element.session, element.path);
      case 'range':
        return this.modulesIn(element).map((child) => this.node(element.session, child.path));
      case 'forward': {
        const record = this.store.forwards.last(element.session);
        return record === undefined ? [] : forwardNodes(element.session, record);
      }
      case 'problems':
        return problemNodes(element.session);
      case 'pair':
        return this.pairNodes(element);
      case 'process':
        return this.childrenOfProcess(element.process);
      case 'job':
        return [
          ...(this.ranks.differencesRow(element.job) === undefined ? [] : [this.jobNode('differences', element.job)]),
          ...this.ranks.rowsBelow(element.job).map((place) => this.placeNode(place)),
        ];
      case 'differences':
        return differenceNodes(element, this.ranks.differenceRows(element.job));
      case 'switches':
        return switchNodes(element);
      case 'row':
        return nodesBelowRow(element);
    }
  }

  getParent(element: TreeNode): TreeNode | undefined {
    if (element.kind === 'process' || element.kind === 'job') {
      const above = this.ranks.placeAbove(element.kind === 'process' ? element.process : element.job);
      return above === undefined ? undefined : this.placeNode(above);
    }
    if (element.session === undefined) return undefined;
    if (element.kind === 'module' && element.path === '' && element.session instanceof LiveSession) {
      return this.processNode(element.session.process);
    }
    if (
      element.kind === 'forward' ||
      element.kind === 'problems' ||
      element.kind === 'switches' ||
      element.kind === 'pair'
    )
      return this.node(element.session, '');
    if (element.kind === 'row' && element.parent !== undefined) return element.parent;
    if (element.path === undefined) return undefined;
    if (element.kind !== 'module') return this.node(element.session, element.path);
    const parent = parentPath(element.path);
    return parent === undefined ? undefined : this.placeIn(element.session, parent, element.path);
  }

  getTreeItem(element: TreeNode): vscode.TreeItem {
    const item = toTreeItem(this.rowOf(element));
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
    this.refreshes.dispose();
    for (const subscription of this.subscriptions) subscription.dispose();
    this.view.dispose();
    this.changed.dispose();
  }

  private roots(): TreeNode[] {
    return [
      ...this.store.sessions
        .filter((session) => !(session instanceof LiveSession))
        .map((session) => this.node(session, '')),
      ...this.ranks.places.map((place) => this.placeNode(place)),
      ...this.store.launches.map((launch): TreeNode => ({
        kind: 'row',
        id: `launch:${launch.id}`,
        row: launchRow(launch),
      })),
      ...this.store.opening.map((title): TreeNode => ({ kind: 'row', id: `opening:${title}`, row: openingRow(title) })),
    ];
  }

  private childrenOfProcess(process: LiveProcess): TreeNode[] {
    const below = this.ranks.rowsBelow(process);
    const models = liveModels(process).map((session) => this.node(session, ''));
    if (models.length + below.length === 0)
      return [{ kind: 'row', id: `${processKey(process)}/none`, row: noModelRow }];
    return [...models, ...below.map((place) => this.placeNode(place))];
  }

  private async childrenOfRoot(session: ModelSession): Promise<TreeNode[]> {
    const notice = noticeRow(session.state, this.store.diskState(session));
    return [
      ...(notice === undefined ? [] : [rowNode(session, 'notice', notice, '')]),
      ...(this.store.forwards.last(session) === undefined
        ? []
        : [this.keyed(session, 'forward', () => ({ kind: 'forward', session }))]),
      ...(this.store.pairs.last(session) === undefined ? [] : [this.pairNode(session)]),
      ...(session instanceof LiveSession && session.switches.length > 0
        ? [this.keyed(session, 'switches', () => ({ kind: 'switches', session }))]
        : []),
      ...(session.problems.length === 0
        ? []
        : [this.keyed(session, 'problems', () => ({ kind: 'problems', session }))]),
      ...(await this.childrenOfModule(session, '')),
    ];
  }

  private async childrenOfModule(session: ModelSession, path: string): Promise<TreeNode[]> {
    const rows = [...callNodes(session, path), ...(await factNodes(session, path))];
    const children = session.children(path);
    const ranges = rangesOf(children.length);
    if (ranges.length > 0) return [...rows, ...ranges.map((range) => this.rangeNode(session, path, range))];
    return [...rows, ...children.map((child) => this.node(session, child.path))];
  }

  private pairNode(session: ModelSession): TreeNode {
    return this.keyed(session, 'pair', () => ({ kind: 'pair', session }));
  }

  /** A click on a difference shows the module, in the other model where only that has it, as long as it is there. */
  private pairNodes(element: Extract<TreeNode, { kind: 'pair' }>): TreeNode[] {
    const pair = this.store.pairs.last(element.session);
    if (pair === undefined) return [];
    return pairRows(pair).map((row) => {
      const found = row.about === undefined ? undefined : pairedModule(pair, row.about.path);
      const session = found === undefined ? undefined : this.store.get(pair.ids[found.side]);
      const isThere = found !== undefined && session?.module(found.path) !== undefined;
      return {
        ...rowNode(element.session, `pair/${row.label}`, row),
        parent: element,
        ...(isThere ? { shows: { session, path: found.path } } : {}),
      };
    });
  }

  private rangeNode(session: ModelSession, path: string, range: ModuleRange): TreeNode {
    return this.keyed(session, `range:${path}:${String(range.start)}`, () => ({
      kind: 'range',
      session,
      path,
      ...range,
    }));
  }

  private modulesIn({ session, path, start, end }: Extract<TreeNode, { kind: 'range' }>): readonly ModuleSpec[] {
    return session.children(path, start, end);
  }

  /** The row below which a child stands: its parent's, or that of a fold of it. */
  private placeIn(session: ModelSession, parent: string, path: string): TreeNode {
    const children = session.children(parent);
    const ranges = rangesOf(children.length);
    const position = ranges.length === 0 ? -1 : children.findIndex((child) => child.path === path);
    const range = ranges.find(({ start, end }) => position >= start && position < end);
    return range === undefined ? this.node(session, parent) : this.rangeNode(session, parent, range);
  }

  private rowOf(element: TreeNode): Row {
    switch (element.kind) {
      case 'row':
        return element.row;
      case 'problems':
        return problemsRow(element.session.problems);
      case 'forward': {
        const record = this.store.forwards.last(element.session);
        return record === undefined ? errorRow('The forward was forgotten.') : forwardRow(record);
      }
      case 'pair': {
        const pair = this.store.pairs.last(element.session);
        return pair === undefined ? errorRow('The comparison was forgotten.') : pairRow(pair);
      }
      case 'process': {
        const { introduction, sessions, ended } = element.process;
        const above = this.ranks.placeAbove(element.process);
        const inJob =
          above?.kind === 'job'
            ? { name: memberName(introduction), isOneOfMany: above.below.length > mostUnfoldedRanks }
            : {};
        return processRow({ introduction, models: sessions.length, ended, ...inJob });
      }
      case 'job':
        return this.ranks.jobRow(element.job) ?? errorRow('This job is no longer there.');
      case 'differences':
        return this.ranks.differencesRow(element.job) ?? errorRow('Nothing differs any more.');
      case 'switches':
        return switchesRow(element.session.switchPlaces);
      case 'range': {
        const modules = this.modulesIn(element);
        if (modules.length === 0) return errorRow('These modules are no longer there.');
        return rangeRow(
          modules,
          modules.map(({ path }) => this.counts.of(element.session, path)),
        );
      }
      case 'module':
        return this.moduleRowOf(element.session, element.path);
    }
  }

  private moduleRowOf(session: ModelSession, path: string): Row {
    const module = session.module(path);
    if (module === undefined) return errorRow(`${moduleName(path)} is no longer there.`);
    const shared = {
      module,
      count: this.counts.of(session, path),
      hasChildren: session.children(path, 0, 1).length > 0,
      hasCalls: callNodes(session, path).length > 0,
      capabilities: session.capabilities,
      pinned: session.pinned?.(path),
      ...(session instanceof LiveSession
        ? { comparison: this.ranks.words(session, path), isInJob: this.ranks.isCompared(session) }
        : {}),
      isOneOfSeveral: session.models?.some((model) => model.path === path) ?? false,
      findings: this.findings.at(session, path),
    };
    if (path !== '') return moduleRow(shared);
    return rootRow({
      ...shared,
      title: session.title,
      location: locationOf(session),
      isLive: session instanceof LiveSession,
      state: session.state,
      disk: this.store.diskState(session),
      active: this.store.active === session,
    });
  }

  private onStoreChange(change: StoreChange): void {
    switch (change.kind) {
      case 'session':
        // The index of findings tells which rows these concern.
        if (change.change.kind === 'findings') return;
        this.onSessionChange(change.session, change.change.kind === 'statistics' ? change.change.paths : ['']);
        if (change.change.kind === 'tree') this.forgetNodes(change.session);
        return;
      case 'disk':
      case 'forward':
      case 'comparison':
      case 'pair':
        this.onSessionChange(change.session, ['']);
        return;
      case 'removed':
        this.nodes.delete(change.session.id);
        this.refresh(undefined);
        return;
      case 'process': {
        const isShown = this.store.processes.includes(change.process);
        if (!isShown || !this.processNodes.has(change.process)) this.refresh(undefined);
        else this.refreshProcess(change.process);
        return;
      }
      case 'added':
        if (change.session instanceof LiveSession) this.refresh(this.processNode(change.session.process));
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
        const node = this.jobNodes.get(`${change.kind}:${change.key}`);
        if (node !== undefined) this.refresh(node);
        return;
      }
      case 'module':
        this.onSessionChange(change.session, [change.path]);
        return;
    }
  }

  /** Refreshes the rows that were ever shown; a module that nobody unfolded costs nothing. */
  private onSessionChange(session: ModelSession, paths: readonly string[]): void {
    const known = this.nodes.get(session.id);
    for (const path of paths) {
      const node = known?.get(`module:${path}`);
      if (node !== undefined) this.refresh(node);
    }
  }

  private processNode(process: LiveProcess): TreeNode {
    let node = this.processNodes.get(process);
    if (node === undefined) this.processNodes.set(process, (node = { kind: 'process', process }));
    return node;
  }

  private jobNode(kind: 'job' | 'differences', job: string): TreeNode {
    const key = `${kind}:${job}`;
    let node = this.jobNodes.get(key);
    if (node === undefined) this.jobNodes.set(key, (node = { kind, job }));
    return node;
  }

  private placeNode(place: Place<LiveProcess>): TreeNode {
    return place.kind === 'job' ? this.jobNode('job', place.job.key) : this.processNode(place.process);
  }

  /** Its own row, and who switched its models; the modules refresh by themselves. */
  private refreshProcess(process: LiveProcess): void {
    if (process.ended) this.refresh(this.processNode(process));
    for (const session of process.sessions) {
      const known = this.nodes.get(session.id);
      const node = known?.get('switches') ?? (session.switches.length > 0 ? known?.get('module:') : undefined);
      if (node !== undefined) this.refresh(node);
    }
  }

  private refresh(node: TreeNode | undefined): void {
    if (node === undefined) this.refreshAll = true;
    else this.dirty.add(node);
    if (this.reveals === 0) this.refreshes.request();
  }

  private fireChanges(): void {
    const nodes = this.refreshAll ? undefined : [...this.dirty];
    this.refreshAll = false;
    this.dirty.clear();
    this.changed.fire(nodes);
  }

  /** After a reload paths may mean other modules; the root's node stays, so that the model stays unfolded. */
  private forgetNodes(session: ModelSession): void {
    const root = this.node(session, '');
    const kept = new Map<string, TreeNode>();
    kept.set('module:', root);
    this.nodes.set(session.id, kept);
  }

  private keyed(session: ModelSession, key: string, make: () => TreeNode): TreeNode {
    let known = this.nodes.get(session.id);
    if (known === undefined) this.nodes.set(session.id, (known = new Map<string, TreeNode>()));
    let node = known.get(key);
    if (node === undefined) known.set(key, (node = make()));
    return node;
  }
}

/** Where a model comes from, for its tooltip. */
function locationOf(session: ModelSession): string {
  if (!(session instanceof LiveSession)) return fileOf(session) ?? session.title;
  const { introduction, id } = session.process;
  return `${processTitle(introduction)} (${String(id)})`;
}

/** Models with layers that depend on the mode first: a loss is a module too. */
function liveModels(process: LiveProcess): readonly LiveSession[] {
  const matters = (session: LiveSession): boolean => session.modules.some((module) => module.modeSensitive);
  return [...process.sessions].sort((a, b) => Number(matters(b)) - Number(matters(a)));
}
