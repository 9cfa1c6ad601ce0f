// Comparing open models: what is read, what outlives what, and who gives up.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ModelDescription } from '../../../src/model/description';
import type { EngineMethod, EngineRequests, OnProgress } from '../../../src/protocol/engine';
import { SessionStore } from '../../../src/sessions/sessionStore';
import type { StoreChange } from '../../../src/sessions/sessionStore';
import type { FileSession } from '../../../src/sessions/fileSession';
import type { AppError } from '../../../src/util/errors';
import { agentModule, agentNorm, FakeLink, liveProcess, tellModel } from '../support/liveModels';
import { batchNorm, FakeEngine, moduleSpec, smallModel } from '../support/models';

/** Answers questions about statistics only when it is let. */
class SlowEngine extends FakeEngine {
  asked: () => void = () => undefined;
  private readonly held = new Promise<never>(() => undefined);

  override async request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']> {
    if (method !== 'statistics') return super.request(method, params, onProgress);
    this.asked();
    return this.held;
  }
}

describe('comparing open models', () => {
  let folder = '';
  let store: SessionStore;
  let changes: StoreChange[] = [];
  let makeEngine: (description: ModelDescription) => FakeEngine;
  const descriptions: ModelDescription[] = [];

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-'));
    makeEngine = (description) => new FakeEngine(description);
    changes = [];
    descriptions.length = 0;
    store = new SessionStore({ createEngine: () => makeEngine(descriptions.shift() ?? smallModel()) });
    store.onDidChange((change) => changes.push(change));
  });

  afterEach(() => {
    store.dispose();
    fs.rmSync(folder, { recursive: true });
  });

  async function open(name: string): Promise<FileSession> {
    const file = path.join(folder, name);
    fs.writeFileSync(file, name);
    return store.openFile(file);
  }

  const names = ['a.pt', 'b.pt'] as const;

  it('reads modes and statistics as they are now', async () => {
    const sessions = [await open('a.pt'), await open('b.pt')] as const;
    await sessions[1].setTraining('drop', false, { recursive: true });
    await sessions[1].runForward({ inputs: [] });
    const { comparison } = await store.pairs.compare(sessions, names);
    assert.deepEqual(
      comparison.layers.map(({ path: layer, module, statistics }) => [
        layer,
        module?.flags,
        statistics?.difference?.numBatchesTracked,
      ]),
      [
        ['drop', [true, false], undefined],
        ['block.bn', undefined, [0, 1]],
      ],
    );
    assert.equal(store.pairs.last(sessions[0])?.comparison, comparison);
    assert.equal(store.pairs.last(sessions[1]), undefined);
    assert.deepEqual(changes.at(-1), { kind: 'pair', session: sessions[0] });
  });

  it('takes two modules of one model, and keeps which were meant', async () => {
    const model = smallModel({ modules: ['', 'ema', 'ema.bn', 'net', 'net.bn'].map((at) => moduleSpec(at, 'Linear')) });
    descriptions.push(model);
    const session = await open('a.pt');
    await session.setTraining('ema.bn', false, { recursive: true });
    const roots = ['net', 'ema'] as const;
    const { comparison, asked } = await store.pairs.compare([session, session], roots, { roots });
    assert.deepEqual(asked, roots);
    assert.deepEqual(comparison.roots, roots);
    assert.deepEqual(
      comparison.layers.map(({ path: layer, module }) => [layer, module?.flags]),
      [['bn', [true, false]]],
    );
  });

  it('says that what it found is of another moment, once something changes in either', async () => {
    const sessions = [await open('a.pt'), await open('b.pt')] as const;
    await store.pairs.compare(sessions, names);
    await sessions[1].runForward({ inputs: [] });
    assert.equal(store.pairs.last(sessions[0])?.isOutdated, true);
    await store.pairs.compare(sessions, names);
    assert.equal(store.pairs.last(sessions[0])?.isOutdated, false);
    await sessions[0].setTraining('', false, { recursive: true });
    assert.equal(store.pairs.last(sessions[0])?.isOutdated, true);
  });

  it('keeps what it found after the other model is closed, and forgets it with its own', async () => {
    const sessions = [await open('a.pt'), await open('b.pt')] as const;
    await store.pairs.compare(sessions, names);
    store.close(sessions[1]);
    assert.ok(store.pairs.last(sessions[0]));
    store.close(sessions[0]);
    assert.equal(store.pairs.last(sessions[0]), undefined);
  });

  it('ends at once where it is given up, or one of the models is closed', async () => {
    for (const end of ['signal', 'first', 'second'] as const) {
      let engine: SlowEngine | undefined;
      makeEngine = (description) => (engine = new SlowEngine(description));
      const sessions = [await open(`${end}1.pt`), await open(`${end}2.pt`)] as const;
      assert.ok(engine);
      const asked = new Promise<void>((resolve) => (engine!.asked = resolve));
      const giveUp = new AbortController();
      const comparing = store.pairs.compare(sessions, names, { signal: giveUp.signal });
      await asked;
      if (end === 'signal') giveUp.abort();
      else store.close(sessions[end === 'first' ? 0 : 1]);
      const closed = `${end}${end === 'first' ? '1' : '2'}.pt was closed while it was compared.`;
      await assert.rejects(comparing, {
        code: 'cancelled',
        message: end === 'signal' ? 'The comparison was cancelled.' : closed,
      } satisfies Partial<AppError>);
      assert.equal(store.pairs.last(sessions[0]), undefined);
    }
  });

  it('tells how far it is, a thousand layers in a few steps', async () => {
    const layers = Array.from({ length: 1000 }, (_, index) => batchNorm(`bn${String(index)}`));
    const large = smallModel({ modules: [moduleSpec('', 'Net'), ...layers] });
    descriptions.push(large, large);
    const sessions = [await open('a.pt'), await open('b.pt')] as const;
    const told: number[] = [];
    const { comparison } = await store.pairs.compare(sessions, names, {
      onProgress: ({ done, total }) => told.push(done / total),
    });
    assert.equal(comparison.counts.comparedStatistics, 1000);
    assert.ok(told.length > 10 && told.length < 100);
    assert.deepEqual(
      [...told].sort((a, b) => a - b),
      told,
    );
    assert.equal(told.at(-1), 1);
  });

  it('takes what a process told last, after its end', async () => {
    assert.ok(agentNorm);
    const norm = agentNorm;
    const link = new FakeLink();
    const process = liveProcess(link, {});
    store.addProcess(process);
    const statistics = {
      numBatchesTracked: 3,
      runningMean: { min: 0, max: 3, mean: 1.5, nonFinite: 0 },
      runningVar: { min: 1, max: 3, mean: 1.5, nonFinite: 0 },
    };
    tellModel(link, 1, 'net', [
      agentModule('', 'Net'),
      agentModule('block', 'Block'),
      { ...agentModule('block.bn', 'BatchNorm2d', { kind: 'batchNorm', statistics }), norm },
    ]);
    const [live] = process.sessions;
    assert.ok(live);
    const file = await open('net.pt');
    link.close();
    assert.equal(live.state.kind, 'ended');
    const { comparison } = await store.pairs.compare([live, file], ['net', 'net.pt']);
    assert.equal(comparison.counts.comparedStatistics, 1);
    const layer = comparison.layers.find(({ path: layerPath }) => layerPath === 'block.bn');
    assert.equal(layer?.statistics?.difference?.runningMean?.relative, 1);
    assert.deepEqual(layer.statistics.difference.numBatchesTracked, [3, 0]);
  });
});
