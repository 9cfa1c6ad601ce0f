// What stands below what in the view “Modules”: processes and models as roots, modules and folds below them.

import { parentPath } from '../model/module';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import { launchRow, noModelRow } from './liveModel';
import type { NodeRegistry } from './nodeRegistry';
import {
  callNodes,
  differenceNodes,
  factNodes,
  forwardNodes,
  nodesBelowRow,
  pairNodes,
  problemNodes,
  switchNodes,
} from './plainNodes';
import { rangesOf } from './rangeModel';
import type { Ranks } from './ranks';
import { processKey, rowNode, type TreeNode } from './treeNode';
import { noticeRow, openingRow } from './treeModel';

export class TreeStructure {
  constructor(
    private readonly store: SessionStore,
    private readonly ranks: Ranks,
    private readonly nodes: NodeRegistry,
  ) {}

  roots(): TreeNode[] {
    return [
      ...this.store.sessions
        .filter((session) => !(session instanceof LiveSession))
        .map((session) => this.nodes.module(session, '')),
      ...this.ranks.places.map((place) => this.nodes.place(place)),
      ...this.store.launches.map((launch): TreeNode => ({
        kind: 'row',
        id: `launch:${launch.id}`,
        row: launchRow(launch),
      })),
      ...this.store.opening.map((title): TreeNode => ({ kind: 'row', id: `opening:${title}`, row: openingRow(title) })),
    ];
  }

  async childrenOf(node: TreeNode): Promise<TreeNode[]> {
    switch (node.kind) {
      case 'module':
        return node.path === '' ? this.childrenOfModel(node.session) : this.childrenOfModule(node.session, node.path);
      case 'range':
        return node.session
          .children(node.path, node.start, node.end)
          .map((child) => this.nodes.module(node.session, child.path));
      case 'forward': {
        const record = this.store.forwards.last(node.session);
        return record === undefined ? [] : forwardNodes(node.session, record);
      }
      case 'problems':
        return problemNodes(node.session);
      case 'pair': {
        const pair = this.store.pairs.last(node.session);
        return pair === undefined ? [] : pairNodes(node, pair, (id) => this.store.get(id));
      }
      case 'process':
        return this.childrenOfProcess(node.process);
      case 'job':
        return [
          ...(this.ranks.differencesRow(node.job) === undefined ? [] : [this.nodes.job('differences', node.job)]),
          ...this.ranks.rowsBelow(node.job).map((place) => this.nodes.place(place)),
        ];
      case 'differences':
        return differenceNodes(node, this.ranks.differenceRows(node.job));
      case 'switches':
        return switchNodes(node);
      case 'row':
        return nodesBelowRow(node);
    }
  }

  /** Undefined for roots. */
  parentOf(node: TreeNode): TreeNode | undefined {
    switch (node.kind) {
      case 'process':
        return this.placeAbove(node.process);
      case 'job':
        return this.placeAbove(node.job);
      case 'differences':
        return this.nodes.job('job', node.job);
      case 'module':
        if (node.path !== '') return this.placeIn(node.session, parentPath(node.path) ?? '', node.path);
        return node.session instanceof LiveSession ? this.nodes.process(node.session.process) : undefined;
      case 'row':
        if (node.parent !== undefined) return node.parent;
        return node.session === undefined || node.path === undefined
          ? undefined
          : this.nodes.module(node.session, node.path);
      case 'range':
        return this.nodes.module(node.session, node.path);
      default:
        return this.nodes.module(node.session, '');
    }
  }

  private childrenOfProcess(process: LiveProcess): TreeNode[] {
    const below = this.ranks.rowsBelow(process);
    const models = liveModels(process).map((session) => this.nodes.module(session, ''));
    if (models.length + below.length === 0)
      return [{ kind: 'row', id: `${processKey(process)}/none`, row: noModelRow }];
    return [...models, ...below.map((place) => this.nodes.place(place))];
  }

  private async childrenOfModel(session: ModelSession): Promise<TreeNode[]> {
    const notice = noticeRow(session.state, this.store.diskState(session));
    return [
      ...(notice === undefined ? [] : [rowNode(session, 'notice', notice, '')]),
      ...(this.store.forwards.last(session) === undefined ? [] : [this.nodes.fold(session, 'forward')]),
      ...(this.store.pairs.last(session) === undefined ? [] : [this.nodes.fold(session, 'pair')]),
      ...(session instanceof LiveSession && session.switches.length > 0 ? [this.nodes.switches(session)] : []),
      ...(session.problems.length === 0 ? [] : [this.nodes.fold(session, 'problems')]),
      ...(await this.childrenOfModule(session, '')),
    ];
  }

  private async childrenOfModule(session: ModelSession, path: string): Promise<TreeNode[]> {
    const rows = [...callNodes(session, path), ...(await factNodes(session, path))];
    const children = session.children(path);
    const ranges = rangesOf(children.length);
    if (ranges.length > 0) return [...rows, ...ranges.map((range) => this.nodes.range(session, path, range))];
    return [...rows, ...children.map((child) => this.nodes.module(session, child.path))];
  }

  private placeAbove(owner: string | LiveProcess): TreeNode | undefined {
    const above = this.ranks.placeAbove(owner);
    return above === undefined ? undefined : this.nodes.place(above);
  }

  /** The row below which a child stands: its parent's, or that of a fold of it. */
  private placeIn(session: ModelSession, parent: string, path: string): TreeNode {
    const children = session.children(parent);
    const ranges = rangesOf(children.length);
    const position = ranges.length === 0 ? -1 : children.findIndex((child) => child.path === path);
    const range = ranges.find(({ start, end }) => position >= start && position < end);
    return range === undefined ? this.nodes.module(session, parent) : this.nodes.range(session, parent, range);
  }
}

/** Models with layers that depend on the mode first: a loss is a module too. */
function liveModels(process: LiveProcess): readonly LiveSession[] {
  const matters = (session: LiveSession): boolean => session.modules.some((module) => module.modeSensitive);
  return [...process.sessions].sort((a, b) => Number(matters(b)) - Number(matters(a)));
}
