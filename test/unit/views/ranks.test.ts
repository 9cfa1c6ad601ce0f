// Jobs among live processes as they come, differ and end: what the tree is told to draw anew, and what it is not.

import assert from 'node:assert/strict';
import type { AgentIntroduction, AgentStatistics } from '../../../src/protocol/agent';
import type { LiveProcess } from '../../../src/sessions/liveProcess';
import { SessionStore } from '../../../src/sessions/sessionStore';
import { ModeCounts } from '../../../src/views/modeCounts';
import { firstInRanks } from '../../../src/views/rankDifferences';
import { Ranks } from '../../../src/views/ranks';
import type { RanksChange } from '../../../src/views/ranks';
import { agentModule, FakeLink, liveNet, liveProcess, tellModel } from '../support/liveModels';
import { FakeEngine, smallModel } from '../support/models';

const figures = (count: number, mean: number): AgentStatistics => ({
  runningMean: { min: mean, max: 1, mean, nonFinite: 0 },
  runningVar: null,
  numBatchesTracked: count,
});

describe('jobs among live processes', () => {
  let store: SessionStore;
  let counts: ModeCounts;
  let ranks: Ranks;
  let changes: RanksChange[];
  let aligned: (readonly LiveProcess[])[];
  let links: FakeLink[];

  const add = (rest: Partial<AgentIntroduction>): LiveProcess => {
    const link = new FakeLink();
    const process = liveProcess(link, { parent: 9, ...rest });
    links.push(link);
    store.addProcess(process);
    return process;
  };
  const addRank = (rank: number): LiveProcess => {
    const process = add({ process: 10 + rank, rank, worldSize: 2, job: 'a' });
    tellModel(links.at(-1)!, 1, 'net', liveNet);
    return process;
  };
  const tell = (rank: number, statistics: AgentStatistics): void => {
    links[rank]?.say({ name: 'statistics', params: { model: 1, changed: [{ path: 'bn', ...statistics }] } });
  };
  const setFlag = (rank: number, training: boolean): void => {
    links[rank]?.say({ name: 'modes', params: { model: 1, changed: [{ path: 'drop', training }] } });
  };
  /** Resolves with the kinds of changes once one of that kind comes. */
  const until = async (kind: RanksChange['kind']): Promise<string[]> => {
    await new Promise<void>((resolve) => {
      const subscription = ranks.onDidChange((change) => {
        if (change.kind !== kind) return;
        subscription.dispose();
        resolve();
      });
    });
    return changes.splice(0).map((change) => change.kind);
  };
  const words = (): string | undefined => ranks.jobRow('a/9')?.description;

  beforeEach(() => {
    store = new SessionStore({ createEngine: () => new FakeEngine(smallModel()) });
    counts = new ModeCounts(store);
    [links, changes, aligned] = [[], [], []];
    ranks = new Ranks(store, counts, (processes) => aligned.push(processes));
    ranks.onDidChange((change) => changes.push(change));
  });

  afterEach(() => {
    ranks.dispose();
    counts.dispose();
    store.dispose();
  });

  it('appear with the second rank, and go when one is left', () => {
    const first = addRank(0);
    assert.deepEqual(
      ranks.places.map(({ kind }) => kind),
      ['process'],
    );
    const second = addRank(1);
    assert.deepEqual(
      ranks.places.map(({ kind }) => kind),
      ['job'],
    );
    assert.equal(ranks.placeAbove(second)?.kind, 'job');
    assert.equal(ranks.rowsBelow('a/9').length, 2);
    assert.equal(ranks.isCompared(first.sessions[0]!), true);
    assert.equal(ranks.firstModel('a/9'), first.sessions[0]);
    store.removeProcess(second);
    assert.equal(ranks.placeAbove(first), undefined);
    assert.equal(ranks.jobRow('a/9'), undefined);
    assert.equal(ranks.isCompared(first.sessions[0]!), false);
  });

  it('draw their row anew only when it says something else', async () => {
    addRank(0);
    const { sessions } = addRank(1);
    await until('job');
    assert.equal(words(), '2 ranks · flags agree');
    tell(0, figures(3, 0.5));
    tell(1, figures(3, 0.25));
    assert.deepEqual(await until('job'), ['module', 'job']);
    assert.equal(words(), '2 ranks · statistics of 1 layer differ · flags agree');
    assert.equal(ranks.words(sessions[0]!, 'bn'), 'statistics differ from rank 0');
    tell(0, figures(4, 0.5));
    tell(1, figures(4, 0.125));
    assert.deepEqual(await until('differences'), ['differences']);
    assert.match(ranks.differencesRow('a/9')?.description ?? '', /^statistics by up to 3\d %/);
  });

  it('say which module differs, on its row too', async () => {
    const first = addRank(0);
    const { sessions } = addRank(1);
    await until('job');
    setFlag(1, false);
    await until('module');
    assert.equal(words(), '2 ranks · 1 flag differs');
    assert.equal(ranks.words(sessions[0]!, 'drop'), 'rank 0: train');
    const [row] = ranks.differenceRows('a/9');
    assert.equal(row?.label, 'drop');
    assert.deepEqual(firstInRanks(row), { session: first.sessions[0], path: 'drop' });
  });

  it('know the first rank that has a module', async () => {
    addRank(0);
    const second = addRank(1);
    tellModel(links[1]!, 1, 'net', [...liveNet, agentModule('late', 'Linear')]);
    tellModel(links[1]!, 2, 'ema', liveNet);
    await until('module');
    const shown = (label: string): unknown => {
      const row = ranks.differenceRows('a/9').find((each) => each.label === label);
      return row === undefined ? undefined : firstInRanks(row);
    };
    const [net, ema] = second.sessions;
    assert.deepEqual(shown('late'), { session: net, path: 'late' });
    assert.deepEqual(shown('ema'), { session: ema, path: '' });
    const [gone] = ranks.differenceRows('a/9').filter(({ label }) => label === 'late');
    tellModel(links[1]!, 1, 'net', liveNet);
    assert.ok(gone);
    assert.equal(firstInRanks(gone), undefined);
  });

  it('stand below the program that started them, where that has models too', () => {
    const driver = add({ process: 9, parent: 1 });
    tellModel(links[0]!, 1, 'net', liveNet);
    const rank = addRank(0);
    addRank(1);
    const above = ranks.placeAbove(rank);
    assert.equal(above?.kind, 'job');
    assert.deepEqual(ranks.placeAbove(above.job.key), ranks.places[0]);
    assert.equal(ranks.places[0]?.kind, 'process');
    assert.equal(ranks.places[0].process, driver);
  });

  it('compare those that still run, and all of them once none does', () => {
    addRank(0);
    addRank(1);
    links[1]?.close();
    assert.equal(words(), '2 ranks · 1 ended');
    links[0]?.close();
    assert.equal(words(), '2 ranks · ended · flags agree');
  });

  it('tell of a model that not every rank holds', () => {
    addRank(0);
    addRank(1);
    tellModel(links[0]!, 2, 'ema', liveNet);
    assert.equal(words(), '2 ranks · 1 model not in every rank · flags agree');
    assert.equal(ranks.differenceRows('a/9')[0]?.spoken, 'ema: only in rank 0');
  });

  it('have the ranks report together when no reports fall on the same batch', async () => {
    const processes = [addRank(0), addRank(1)];
    for (let count = 1; aligned.length === 0; count += 2) {
      tell(0, figures(count, 0));
      tell(1, figures(count + 1, 0));
      // Longer than an update takes to come.
      await new Promise((resolve) => setTimeout(resolve, 350));
      assert.ok(count < 100, 'They were never asked.');
    }
    assert.deepEqual(aligned, [processes]);
  }).timeout(30_000);
});
