// Two processes that report at different moments: compared after the same batch, never across.

import assert from 'node:assert/strict';
import { compareHistories, StatisticsHistory } from '../../../src/model/statisticsHistory';
import type { NormStatistics } from '../../../src/model/statistics';

/** A layer whose mean is its counter, plus what makes the process differ. */
const report = (count: number | null, extra = 0): NormStatistics => {
  const mean = (count ?? 1) + extra;
  return { numBatchesTracked: count, runningMean: { min: mean, mean, max: mean, nonFinite: 0 }, runningVar: null };
};

const history = (counts: readonly (number | null)[], extra = 0): StatisticsHistory => {
  const reports = new StatisticsHistory();
  for (const count of counts) reports.add(report(count, extra));
  return reports;
};

const countsOf = (first: StatisticsHistory, second: StatisticsHistory): unknown =>
  compareHistories(first, second)?.reports.map(({ numBatchesTracked }) => numBatchesTracked);

describe('statistics of two processes', () => {
  it('are compared after the latest batch that both reported', () => {
    const [first, second] = [history([3, 6, 9, 12]), history([2, 6, 9, 11])];
    assert.deepEqual(countsOf(first, second), [9, 9]);
    assert.equal(compareHistories(first, second)?.difference, undefined);
    assert.ok(compareHistories(first, history([9], 2))?.difference?.runningMean);
  });

  it('are not compared while both move and no batch is common', () => {
    assert.equal(countsOf(history([3, 6, 9]), history([4, 7, 10])), undefined);
    assert.equal(countsOf(history([3]), history([5])), undefined);
    assert.equal(countsOf(history([3]), new StatisticsHistory()), undefined);
  });

  it('differ in their counters where one is far behind', () => {
    const moves = history([10, 20, 30, 40, 50, 60, 70, 80, 90]);
    assert.deepEqual(countsOf(moves, history([10])), [90, 10]);
    assert.deepEqual(compareHistories(moves, history([10]))?.difference?.numBatchesTracked, [90, 10]);
    assert.deepEqual(countsOf(history([20]), moves), [20, 20]);
  });

  it('differ in their counters where both stand', () => {
    assert.deepEqual(countsOf(history([5, 5]), history([7, 7])), [5, 7]);
    const ended = history([7]);
    ended.end();
    assert.deepEqual(countsOf(history([5, 5]), ended), [5, 7]);
  });

  it('take the later figures of the same batch, and forget what a reset made void', () => {
    const late = history([4]);
    late.add(report(4, 0.5));
    assert.equal(compareHistories(history([4], 0.5), late)?.difference, undefined);
    const reset = history([8, 9, 1, 2]);
    assert.deepEqual(countsOf(reset, history([2, 3])), [2, 2]);
    assert.equal(countsOf(reset, history([8])), undefined);
  });

  it('without a counter are compared as they are', () => {
    assert.deepEqual(countsOf(history([null, null]), history([null])), [null, null]);
  });
});
