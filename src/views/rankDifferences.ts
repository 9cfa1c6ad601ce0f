// What differs between the ranks of a job: model by model for the rows that tell it, and where a click on such a row leads.

import type { LiveSession } from '../sessions/liveSession';
import type { RankComparison } from '../sessions/rankComparison';
import type { DifferenceRow, ModelDifferences } from './differencesModel';
import { memberName } from './ranksModel';
import type { ShownModule } from './treeNode';

/** A model of a job, in the ranks that hold it: the one to compare with first. */
export interface RankedModel {
  readonly sessions: readonly LiveSession[];
}

/** What differs in each model of a job, as its rows tell it. */
export function differencesOf(comparisons: readonly RankComparison[]): readonly (ModelDifferences & RankedModel)[] {
  return comparisons.map((comparison) => {
    const [first, ...others] = comparison.sessions;
    return {
      sessions: comparison.sessions,
      title: first?.title ?? '',
      names: comparison.sessions.map(({ process }) => memberName(process.introduction)),
      counts: comparison.counts,
      layers: comparison.differing.map((path) => ({
        path,
        module:
          first?.module(path) ?? others.map((session) => session.module(path)).find((module) => module !== undefined),
        differences: others.map((session) => comparison.difference(session, path)),
      })),
    };
  });
}

/** The module that a row of differences is about, in the first rank that has it; undefined where none has it any more. */
export function firstInRanks({ about }: DifferenceRow<RankedModel>): ShownModule | undefined {
  if (about === undefined) return undefined;
  const session = about.model.sessions.find((each) => each.module(about.path) !== undefined);
  return session === undefined ? undefined : { session, path: about.path };
}
