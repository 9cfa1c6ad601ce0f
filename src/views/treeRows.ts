// What each element of the view “Modules” says at the moment: gathers what the pure rows are made of.

import { moduleName } from '../model/module';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import { fileOf } from '../sessions/sessionStore';
import type { SessionStore } from '../sessions/sessionStore';
import { forwardRow } from './factsModel';
import type { FindingIndex } from './findingIndex';
import { processRow, processTitle, switchesRow } from './liveModel';
import type { ModeCounts } from './modeCounts';
import { pairRow } from './pairModel';
import { callNodes } from './plainNodes';
import { rangeRow } from './rangeModel';
import type { Ranks } from './ranks';
import { memberName } from './ranksModel';
import type { Row } from './rowModel';
import type { TreeNode } from './treeNode';
import { errorRow, moduleRow, problemsRow, rootRow } from './treeModel';

/** Of more ranks than that each is folded at first: the row of the job says what differs. */
const mostUnfoldedRanks = 2;

export class TreeRows {
  constructor(
    private readonly store: SessionStore,
    private readonly counts: ModeCounts,
    private readonly ranks: Ranks,
    private readonly findings: FindingIndex,
  ) {}

  rowOf(node: TreeNode): Row {
    switch (node.kind) {
      case 'row':
        return node.row;
      case 'problems':
        return problemsRow(node.session.problems);
      case 'forward': {
        const record = this.store.forwards.last(node.session);
        return record === undefined ? errorRow('The forward was forgotten.') : forwardRow(record);
      }
      case 'pair': {
        const pair = this.store.pairs.last(node.session);
        return pair === undefined ? errorRow('The comparison was forgotten.') : pairRow(pair);
      }
      case 'process':
        return this.rowOfProcess(node.process);
      case 'job':
        return this.ranks.jobRow(node.job) ?? errorRow('This job is no longer there.');
      case 'differences':
        return this.ranks.differencesRow(node.job) ?? errorRow('Nothing differs any more.');
      case 'switches':
        return switchesRow(node.session.switchPlaces);
      case 'range': {
        const modules = node.session.children(node.path, node.start, node.end);
        if (modules.length === 0) return errorRow('These modules are no longer there.');
        return rangeRow(
          modules,
          modules.map(({ path }) => this.counts.of(node.session, path)),
        );
      }
      case 'module':
        return this.rowOfModule(node.session, node.path);
    }
  }

  private rowOfProcess(process: LiveProcess): Row {
    const { introduction, sessions, ended } = process;
    const above = this.ranks.placeAbove(process);
    const inJob =
      above?.kind === 'job'
        ? { name: memberName(introduction), isOneOfMany: above.below.length > mostUnfoldedRanks }
        : {};
    return processRow({ introduction, models: sessions.length, ended, ...inJob });
  }

  private rowOfModule(session: ModelSession, path: string): Row {
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
}

/** Where a model comes from, for its tooltip. */
function locationOf(session: ModelSession): string {
  if (!(session instanceof LiveSession)) return fileOf(session) ?? session.title;
  const { introduction, id } = session.process;
  return `${processTitle(introduction)} (${String(id)})`;
}
