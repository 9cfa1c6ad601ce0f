// What the statistics panel is told: every layer once, then what changed, for files and live models alike.

import assert from 'node:assert/strict';
import type { ToStatisticsPanel } from '../../../src/protocol/statisticsPanel';
import type { ModelSession } from '../../../src/sessions/modelSession';
import { StatisticsHistory } from '../../../src/sessions/statisticsHistory';
import type { NormStatistics } from '../../../src/model/statistics';
import type { Finding } from '../../../src/model/finding';
import type { ModuleSpec } from '../../../src/model/module';
import { StatisticsFeed } from '../../../src/views/statisticsFeed';
import { AppError } from '../../../src/util/errors';
import { Emitter } from '../../../src/util/event';
import { batchNorm, moduleSpec } from '../support/models';

const figures = (mean: number, batches = 1): NormStatistics => ({
  numBatchesTracked: batches,
  runningMean: { min: mean - 1, mean, max: mean + 1, nonFinite: 0, values: [mean - 1, mean + 1] },
  runningVar: { min: 1, mean: 1.5, max: 2, nonFinite: 0, values: [1, 2] },
});

/** The part of a session that the feed uses; a file's, unless `latest` tells a live model's figures. */
class FakeSession {
  modules: readonly ModuleSpec[];
  asked: string[] = [];
  mostAtOnce = 0;
  private atOnce = 0;
  failing = new Set<string>();
  latestStatistics?: (path: string) => NormStatistics | undefined;
  findings: readonly Finding[] = [];

  constructor(modules: readonly ModuleSpec[], latest?: (path: string) => NormStatistics | undefined) {
    this.modules = modules;
    if (latest !== undefined) this.latestStatistics = latest;
  }

  module(path: string): ModuleSpec | undefined {
    return this.modules.find((module) => module.path === path);
  }

  async statistics(path: string): Promise<NormStatistics> {
    this.asked.push(path);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    this.atOnce--;
    if (this.failing.has(path)) throw new AppError('file-unreadable', `${path} can’t be read.`);
    return figures(this.asked.length);
  }
}

interface Started {
  readonly session: FakeSession;
  readonly feed: StatisticsFeed;
  readonly settled: () => Promise<void>;
}

function start(session: FakeSession): Started {
  const news = new Emitter<undefined>();
  const history = new StatisticsHistory(4);
  const feed = new StatisticsFeed({
    session: session as unknown as ModelSession,
    history: () => history,
    now: () => 1000,
    onNews: () => {
      news.fire(undefined);
    },
  });
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 400; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { session, feed, settled };
}

const changedOf = (messages: readonly ToStatisticsPanel[]): readonly number[] =>
  messages.flatMap((message) => (message.kind === 'figures' ? message.changed.map(({ index }) => index) : []));

const net = [moduleSpec('', 'Net'), batchNorm('a'), moduleSpec('drop', 'Dropout'), batchNorm('b')];

describe('feed of the statistics panel', () => {
  it('reads every layer of a file, a few at a time, and tells each once', async () => {
    const many = Array.from({ length: 300 }, (_, index) => batchNorm(`bn${String(index)}`));
    const { session, feed, settled } = start(new FakeSession(many));
    await settled();
    assert.equal(session.asked.length, 300);
    assert.equal(session.mostAtOnce, 16);
    assert.equal(changedOf(feed.takeNews('train')).length, 300);
    assert.deepEqual(feed.takeNews('train'), []);
    feed.repeat();
    assert.equal(changedOf(feed.takeNews('train')).length, 300);
  });

  it('leaves shared layers, and layers without statistics, unread', async () => {
    const norm = batchNorm('c');
    const untracked = { ...norm, batchNorm: { ...norm.batchNorm, trackRunningStats: false } } as ModuleSpec;
    const { session, feed, settled } = start(
      new FakeSession([...net, { ...batchNorm('d'), sharedWith: 'a' }, untracked]),
    );
    await settled();
    assert.deepEqual(session.asked, ['a', 'b']);
    assert.deepEqual(
      feed.layers.map(({ path }) => path),
      ['a', 'b', 'c'],
    );
  });

  it('marks what findings say, as soon as they say it', async () => {
    const { session, feed, settled } = start(new FakeSession(net));
    await settled();
    feed.takeNews('');
    const found = { rule: 'batchnorm/dead-channels', severity: 'warning', message: 'All channels.' } as const;
    session.findings = [{ ...found, path: 'b', evidence: {}, actions: [] }];
    feed.follow({ kind: 'findings' });
    const mark = { kind: 'flat', word: 'variance ≈ 0', tensors: ['variance'], sentence: 'All channels.' };
    assert.deepEqual(feed.takeNews(''), [{ kind: 'figures', changed: [], marks: [[1, [mark]]], read: 2 }]);
    assert.deepEqual(feed.takeNews(''), []);
  });

  it('reads again what moved, and keeps the movement', async () => {
    const { session, feed, settled } = start(new FakeSession(net));
    await settled();
    feed.takeNews('');
    feed.follow({ kind: 'statistics', paths: ['b', 'unknown'] });
    await settled();
    assert.deepEqual(session.asked, ['a', 'b', 'b']);
    assert.deepEqual(changedOf(feed.takeNews('')), [1]);
    const { movement, mean } = await feed.detail('b');
    assert.deepEqual(
      movement.map((point) => point.mean?.[1]),
      [2, 3],
    );
    assert.deepEqual(mean, [3, 5]);
  });

  it('takes a live model’s figures as they were reported, and asks for none', async () => {
    const known = new Map([['a', figures(7)]]);
    const { session, feed, settled } = start(new FakeSession(net, (path) => known.get(path)));
    await settled();
    assert.deepEqual(changedOf(feed.takeNews('')), [0]);
    known.set('b', figures(8));
    feed.follow({ kind: 'statistics', paths: ['b'] });
    assert.deepEqual(changedOf(feed.takeNews('')), [1]);
    assert.deepEqual(session.asked, []);
  });

  it('tells modes as they change', () => {
    const { session, feed } = start(new FakeSession(net, () => undefined));
    session.modules = net.map((module) =>
      module.path === 'b' ? { ...module, training: false, behaviour: 'eval' } : module,
    );
    feed.follow({ kind: 'modes', paths: ['', 'b', 'drop'] });
    assert.deepEqual(feed.takeNews('mixed 1/2'), [
      { kind: 'modes', changed: [[1, { training: false, behaviour: 'eval' }]], modeWords: 'mixed 1/2' },
    ]);
  });

  it('begins anew with another tree, and drops answers about the one before', async () => {
    const { session, feed, settled } = start(new FakeSession(net));
    session.modules = [moduleSpec('', 'Net'), batchNorm('z')];
    assert.equal(feed.follow({ kind: 'tree' }), true);
    await settled();
    assert.deepEqual(changedOf(feed.takeNews('')), [0]);
    assert.equal(feed.figuresOf('a'), undefined);
    assert.ok(feed.figuresOf('z'));
  });

  it('goes on after a layer that can’t be read, and says why for that one', async () => {
    const session = new FakeSession(net);
    session.failing.add('a');
    const { feed, settled } = start(session);
    await settled();
    const [message] = feed.takeNews('');
    assert.ok(message?.kind === 'figures');
    assert.deepEqual(
      message.changed.map(({ index, figures: known }) => [index, known !== null]),
      [
        [0, false],
        [1, true],
      ],
    );
    assert.equal(message.read, 2);
    assert.match((await feed.detail('a')).problem ?? '', /^a can’t be read/);
  });
});
