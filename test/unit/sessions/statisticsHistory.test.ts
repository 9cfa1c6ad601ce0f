// The history of a layer: bounded, the whole time long, and not fooled by what stands still.

import assert from 'node:assert/strict';
import type { AgentStatistics } from '../../../src/protocol/agent';
import { SessionStore } from '../../../src/sessions/sessionStore';
import { StatisticsHistories } from '../../../src/sessions/statisticsHistories';
import { StatisticsHistory } from '../../../src/sessions/statisticsHistory';
import { AppError } from '../../../src/util/errors';
import { FakeLink, liveNet, liveProcess, tellModel } from '../support/liveModels';

const figures = (batches: number | null, mean = batches ?? 0): AgentStatistics => ({
  numBatchesTracked: batches,
  runningMean: { min: mean - 1, mean, max: mean + 1, nonFinite: 0 },
  runningVar: { min: 1, mean: 2, max: 3, nonFinite: 0 },
});

describe('history of statistics', () => {
  it('gives back what was added, the oldest first', () => {
    const history = new StatisticsHistory(10);
    history.add('bn', 100, figures(1));
    history.add('bn', 101, figures(null, 5));
    assert.deepEqual(history.points('bn'), [
      { time: 100, batches: 1, mean: [0, 1, 2], variance: [1, 2, 3] },
      { time: 101, batches: null, mean: [4, 5, 6], variance: [1, 2, 3] },
    ]);
    assert.deepEqual(history.points('other'), []);
  });

  it('says null for a tensor without a finite element', () => {
    const history = new StatisticsHistory(1);
    const broken = { min: null, mean: null, max: null, nonFinite: 4 };
    history.add('bn', 1, { numBatchesTracked: 1, runningMean: broken, runningVar: null });
    assert.deepEqual(history.points('bn'), [{ time: 1, batches: 1, mean: null, variance: null }]);
  });

  it('takes no second point for what stands still', () => {
    const history = new StatisticsHistory(1);
    for (let time = 0; time < 10; time++) history.add('bn', time, figures(3));
    assert.equal(history.points('bn').length, 1);
  });

  it('gets coarser and not shorter: the beginning stays, the latest is always there, and it stays bounded', () => {
    const layers = 1000;
    const history = new StatisticsHistory(layers);
    for (let step = 0; step < 10_000; step++) {
      history.add('bn', step, figures(step));
      if (step % 997 !== 0) continue;
      const points = history.points('bn');
      assert.ok(points.length <= 200, `${String(points.length)} points`);
      assert.equal(points[0]?.batches, 0);
      assert.equal(points.at(-1)?.batches, step);
    }
    const batches = history.points('bn').map((point) => point.batches ?? NaN);
    assert.ok(batches.length > 90);
    assert.deepEqual(
      batches,
      [...batches].sort((a, b) => a - b),
    );
    // Evenly spread: no two neighbours further apart than the coarsest step.
    for (let index = 2; index < batches.length; index++)
      assert.ok((batches[index] ?? 0) - (batches[index - 1] ?? 0) <= 128, String(index));
  });

  it('of a live model grows while nobody has its panel open, and begins anew with another tree', () => {
    const store = new SessionStore({
      createEngine: () => {
        throw new AppError('usage', 'No file here.');
      },
    });
    let time = 0;
    const histories = new StatisticsHistories(store, () => time++);
    const link = new FakeLink();
    store.addProcess(liveProcess(link));
    tellModel(link, 1, 'net', liveNet);
    const [session] = store.sessions;
    assert.ok(session);
    const moved = (batches: number): void => {
      link.say({ name: 'statistics', params: { model: 1, changed: [{ path: 'bn', ...figures(batches) }] } });
    };
    moved(1);
    moved(2);
    assert.deepEqual(
      histories
        .of(session)
        .points('bn')
        .map(({ batches }) => batches),
      [1, 2],
    );
    tellModel(link, 1, 'net', liveNet.slice(0, 2));
    assert.deepEqual(histories.of(session).points('bn'), []);
    histories.dispose();
    store.dispose();
  });
});
