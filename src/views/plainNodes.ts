// The rows that only say something, as elements of the view “Modules”: statistics, calls, switches, problems and their kin.

import { toAppError } from '../util/errors';
import type { ForwardRecord } from '../sessions/forwardHistory';
import { LiveSession } from '../sessions/liveSession';
import type { ModelPair } from '../sessions/modelPairs';
import type { ModelSession } from '../sessions/modelSession';
import type { DifferenceRow } from './differencesModel';
import { forwardRows, normRows } from './factsModel';
import { functionalCallRows } from './functionalCallModel';
import { switchRow } from './liveModel';
import { pairedModule, pairRows } from './pairModel';
import { firstInRanks } from './rankDifferences';
import type { RankedModel } from './rankDifferences';
import { callRow, callsOf } from './traceModel';
import { rowNode, type TreeNode } from './treeNode';
import { errorRow, hasStatistics, problemRow } from './treeModel';

/** Statistics and options of a layer that keeps some. They are read only here, that is, when somebody unfolds the layer. */
export async function factNodes(session: ModelSession, path: string): Promise<TreeNode[]> {
  const module = session.module(path);
  if (module === undefined || !hasStatistics(module)) return [];
  try {
    const rows = normRows(module, await session.statistics(path));
    return rows.map((row) => rowNode(session, row.label, row, path));
  } catch (error) {
    return [rowNode(session, 'error', errorRow(toAppError(error, 'program-error').oneLine), path)];
  }
}

/** What the code of a module calls that no layer stands for: as its file tells, or as a traced forward did. */
export function callNodes(session: ModelSession, path: string): TreeNode[] {
  if (session instanceof LiveSession) {
    return callsOf(session.trace, path).map((call, index) => ({
      ...rowNode(session, `call:${String(index)}`, callRow(call), path),
      ...(call.file === null ? {} : { line: { file: call.file, line: call.line ?? 1 } }),
    }));
  }
  const module = session.module(path);
  if (module === undefined) return [];
  return functionalCallRows(module).map(({ row, source }, index) => ({
    ...rowNode(session, `call:${String(index)}`, row, path),
    ...(source === undefined ? {} : { line: source }),
  }));
}

/** What the last forward took and gave. */
export function forwardNodes(session: ModelSession, record: ForwardRecord): TreeNode[] {
  return forwardRows(record).map((row, index) => rowNode(session, `forward:${String(index)}`, row));
}

/** What is wrong with a file. */
export function problemNodes(session: ModelSession): TreeNode[] {
  return session.problems.map((problem, index) =>
    rowNode(session, `problem:${String(index)}`, problemRow(problem), problem.path),
  );
}

/** Who switched the modes of a live model. */
export function switchNodes(parent: Extract<TreeNode, { kind: 'switches' }>): TreeNode[] {
  return parent.session.switchPlaces.map((place, index) => ({
    ...rowNode(parent.session, `switch:${String(index)}`, switchRow(place), place.path),
    ...(place.file === null ? {} : { line: { file: place.file, line: place.line ?? 1 } }),
    parent,
  }));
}

/** The layers that differ between the ranks of a job. A click shows one in the first rank that has it. */
export function differenceNodes(
  parent: TreeNode & { readonly job: string },
  rows: readonly DifferenceRow<RankedModel>[],
): TreeNode[] {
  const labels = new Set<string>();
  return rows.map((row) => {
    const shows = firstInRanks(row);
    const again = labels.has(row.label) ? '/again' : '';
    labels.add(row.label);
    return {
      kind: 'row',
      // The same name may come twice: of a model that only some ranks hold, and of its root where it differs.
      id: `${parent.job}/${row.label}${again}`,
      row,
      parent,
      ...(shows === undefined ? {} : { shows }),
    };
  });
}

/**
 * What differs from another model. A click shows the module, in the other model where only that has it, as long as it is there.
 * @param sessionOf the open model of an id.
 */
export function pairNodes(
  parent: Extract<TreeNode, { kind: 'pair' }>,
  pair: ModelPair,
  sessionOf: (id: string) => ModelSession | undefined,
): TreeNode[] {
  return pairRows(pair).map((row) => {
    const found = row.about === undefined ? undefined : pairedModule(pair, row.about.path);
    const session = found === undefined ? undefined : sessionOf(pair.ids[found.side]);
    const isThere = found !== undefined && session?.module(found.path) !== undefined;
    return {
      ...rowNode(parent.session, `pair/${row.label}`, row),
      parent,
      ...(isThere ? { shows: { session, path: found.path } } : {}),
    };
  });
}

/** The rows below one that has no more to it than these. */
export function nodesBelowRow(parent: Extract<TreeNode, { kind: 'row' }>): TreeNode[] {
  return (parent.row.rows ?? []).map((row) => ({ ...parent, id: `${parent.id}/${row.label}`, row, parent }));
}
