// One model in several ranks: what counts as a difference, when, and which rows change by it.

import assert from 'node:assert/strict';
import type { AgentStatistics } from '../../../src/protocol/agent';
import type { LiveSession } from '../../../src/sessions/liveSession';
import { RankComparison } from '../../../src/sessions/rankComparison';
import { agentModule, FakeLink, liveNet, liveProcess, tellModel } from '../support/liveModels';

interface Rank {
  readonly link: FakeLink;
  readonly session: LiveSession;
}

function rank(number: number, modules = liveNet): Rank {
  const link = new FakeLink();
  const process = liveProcess(link, { rank: number, process: 10 + number });
  tellModel(link, 1, 'net', modules);
  const [session] = process.sessions;
  assert.ok(session);
  return { link, session };
}

const figures = (count: number | null, mean = 0): AgentStatistics => ({
  runningMean: { min: mean, max: mean, mean, nonFinite: 0 },
  runningVar: { min: 1, max: 1, mean: 1, nonFinite: 0 },
  numBatchesTracked: count,
});

describe('a model in several ranks', () => {
  let [first, second]: Rank[] = [];
  let comparison: RankComparison;

  const tell = ({ link, session }: Rank, statistics: AgentStatistics): void => {
    link.say({ name: 'statistics', params: { model: 1, changed: [{ path: 'bn', ...statistics }] } });
    comparison.takeStatistics(session, ['bn']);
  };
  const setFlag = ({ link }: Rank, path: string, training: boolean): void => {
    link.say({ name: 'modes', params: { model: 1, changed: [{ path, training }] } });
    comparison.takeModes();
  };
  const changedPaths = (): string[] => comparison.update().changed.map(({ path }) => path);

  beforeEach(() => {
    [first, second] = [rank(0), rank(1)];
    comparison = new RankComparison([first.session, second.session]);
  });

  it('does not differ where everything is the same', () => {
    assert.deepEqual(comparison.update(), { changed: [], isPending: false, hasMoved: false, isOutOfStep: false });
    assert.deepEqual(comparison.differing, []);
    assert.equal(comparison.difference(second!.session, 'bn'), undefined);
  });

  it('differs in a flag once that was seen twice, since ranks report at different moments', () => {
    setFlag(first!, 'bn', false);
    const seen = comparison.update();
    assert.deepEqual([seen.changed.length, seen.isPending], [0, true]);
    setFlag(second!, 'bn', false);
    assert.deepEqual(changedPaths(), []);
    setFlag(second!, 'bn', true);
    comparison.update();
    assert.deepEqual(changedPaths(), ['bn']);
    assert.deepEqual(comparison.difference(second!.session, 'bn')?.module?.flags, [false, true]);
    assert.equal(comparison.difference(first!.session, 'bn'), undefined);
    assert.deepEqual(comparison.differing, ['bn']);
    assert.equal(comparison.counts.flags, 1);
    // The end of a difference counts at once.
    setFlag(first!, 'bn', true);
    assert.deepEqual(changedPaths(), ['bn']);
    assert.equal(comparison.counts.flags, 0);
  });

  it('compares statistics after the same batch, and keeps what it found until the next such batch', () => {
    tell(first!, figures(5));
    tell(second!, figures(6, 2));
    assert.equal(comparison.update().isOutOfStep, true);
    assert.equal(comparison.counts.comparedStatistics, 0);
    tell(first!, figures(6, 1));
    const update = comparison.update();
    assert.deepEqual(
      update.changed.map(({ path, session }) => [path, session === second!.session]),
      [['bn', true]],
    );
    assert.deepEqual([update.hasMoved, update.isOutOfStep], [true, false]);
    const { reports } = comparison.difference(second!.session, 'bn')!.statistics!;
    assert.deepEqual(
      reports.map(({ numBatchesTracked, runningMean }) => [numBatchesTracked, runningMean?.mean]),
      [
        [6, 1],
        [6, 2],
      ],
    );
    tell(second!, figures(8, 3));
    assert.deepEqual(changedPaths(), []);
    assert.equal(comparison.counts.statistics, 1);
    tell(first!, figures(8, 3));
    assert.deepEqual(changedPaths(), ['bn']);
    assert.deepEqual([comparison.counts.statistics, comparison.counts.comparedStatistics], [0, 1]);
  });

  it('compares only the layers that were reported anew', () => {
    const norms = Array.from({ length: 50 }, (_, i) => ({
      ...liveNet[1]!,
      path: `bn${String(i)}`,
      statistics: figures(1),
    }));
    const big = [rank(0, [agentModule('', 'Net'), ...norms]), rank(1, [agentModule('', 'Net'), ...norms])];
    comparison = new RankComparison(big.map(({ session }) => session));
    comparison.update();
    assert.equal(comparison.counts.comparedStatistics, 50);
    let looked = 0;
    const latest = big[0]!.session.latestStatistics.bind(big[0]!.session);
    big[0]!.session.latestStatistics = (path) => {
      looked++;
      return latest(path);
    };
    comparison.takeStatistics(big[0]!.session, ['bn7']);
    comparison.update();
    assert.equal(looked, 1);
  });

  it('differs in structure, and forgets figures with the tree that they were of', () => {
    tell(first!, figures(5));
    tell(second!, figures(5, 2));
    comparison.update();
    assert.equal(comparison.counts.statistics, 1);
    tellModel(second!.link, 1, 'net', [agentModule('', 'Net'), agentModule('extra', 'Linear')]);
    comparison.takeTree(second!.session);
    comparison.update();
    comparison.update();
    assert.deepEqual(comparison.differing, ['bn', 'drop', 'extra']);
    assert.deepEqual([comparison.counts.statistics, comparison.counts.structure], [0, 3]);
  });

  it('compares what ended ranks told last', () => {
    tell(first!, figures(5));
    tell(second!, figures(7));
    for (const { link } of [first!, second!]) link.close();
    comparison = new RankComparison([first!.session, second!.session]);
    comparison.update();
    assert.deepEqual(comparison.difference(second!.session, 'bn')?.statistics?.difference?.numBatchesTracked, [5, 7]);
  });
});
