// Findings of sessions: looked for in the background, again after changes, and in parts, so that others come in between.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { defaultFindingSettings } from '../../../src/insight/findings';
import type { ModelDescription } from '../../../src/model/description';
import { openFileSession, type FileSession } from '../../../src/sessions/fileSession';
import { FindingRules } from '../../../src/sessions/findingRules';
import type { ModelSession } from '../../../src/sessions/modelSession';
import type { EngineMethod, EngineRequests, OnProgress } from '../../../src/protocol/engine';
import { batchNorm, FakeEngine, moduleSpec, smallModel } from '../support/models';

/** Each layer has a dead channel, and one more after each forward. */
class DeadChannels extends FakeEngine {
  override async request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']> {
    const result = await super.request(method, params, onProgress);
    if (method !== 'statistics') return result;
    return (result as EngineRequests['statistics']['result']).map(({ path, statistics }) => ({
      path,
      statistics: { ...statistics, deadChannels: 1 + (statistics.numBatchesTracked ?? 0) },
    }));
  }
}

interface Opened {
  readonly session: FileSession;
  readonly engine: FakeEngine;
  readonly rules: FindingRules;
}

async function open(description: Partial<ModelDescription> = {}): Promise<Opened> {
  const engine = new DeadChannels(smallModel(description));
  const session = await openFileSession({ id: '1', file: '/models/net.pt', createEngine: () => engine });
  return { session, engine, rules: new FindingRules() };
}

/** Resolves at the next change of the findings. */
function nextFindings(session: ModelSession): Promise<unknown> {
  const target = new EventTarget();
  const subscription = session.onDidChange(({ kind }) => {
    if (kind === 'findings') target.dispatchEvent(new Event('found'));
  });
  return once(target, 'found').finally(() => {
    subscription.dispose();
  });
}

const named = (session: ModelSession): string[] => session.findings.map(({ rule, path }) => `${rule} ${path}`.trim());

describe('findings of a file session', () => {
  it('come only when they are wanted, and follow a switch of modes', async () => {
    const { session, engine, rules } = await open();
    assert.deepEqual(session.findings, []);
    assert.ok(!engine.calls.some(({ method }) => method === 'statistics'), 'nothing is read before');
    session.watchFindings(rules);
    let found = nextFindings(session);
    await session.setTraining('block.bn', false, { recursive: true });
    await found;
    assert.deepEqual(named(session), ['batchnorm/dead-channels block.bn', 'mode/mixed']);
    found = nextFindings(session);
    await session.setTraining('', true, { recursive: true });
    await found;
    assert.deepEqual(named(session), ['batchnorm/dead-channels block.bn']);
    session.dispose();
  });

  it('read statistics a few layers at a time, and again after a forward those that moved', async () => {
    const layers = Array.from({ length: 100 }, (_, i) => batchNorm(`bn${String(i)}`, i > 0));
    const { session, engine, rules } = await open({
      modules: [moduleSpec('', 'Net', { behaviour: 'mixed' }), ...layers],
    });
    session.watchFindings(rules);
    await nextFindings(session);
    const read = (): string[][] =>
      engine.calls
        .filter(({ method }) => method === 'statistics')
        .map(({ params }) => (params as { paths: string[] }).paths);
    while (read().flat().length < 100) await setTimeout(1);
    assert.equal(Math.max(...read().map((paths) => paths.length)), 16);
    assert.deepEqual(
      read().flat(),
      layers.map(({ path }) => path),
    );
    const found = nextFindings(session);
    await session.runForward({ inputs: [] });
    await found;
    assert.deepEqual(
      read().flat().slice(100),
      layers.slice(1).map(({ path }) => path),
    );
    session.dispose();
  });

  it('wait for a forward to end before they read', async () => {
    const { session, engine, rules } = await open();
    engine.holdForward = true;
    const running = session.runForward({ inputs: [] });
    session.watchFindings(rules);
    await setTimeout(1);
    assert.ok(!engine.calls.some(({ method }) => method === 'statistics'));
    const found = nextFindings(session);
    engine.finish();
    await running;
    await found;
    assert.ok(engine.calls.some(({ method }) => method === 'statistics'));
    session.dispose();
  });

  it('follow the settings', async () => {
    const { session, rules } = await open();
    session.watchFindings(rules);
    await nextFindings(session);
    const found = nextFindings(session);
    rules.set({ ...defaultFindingSettings, disabled: new Set(['batchnorm/dead-channels']) });
    await found;
    assert.deepEqual(named(session), []);
    session.dispose();
  });

  it('are not told after the session is closed', async () => {
    const { session, rules } = await open();
    const kinds: string[] = [];
    session.onDidChange(({ kind }) => kinds.push(kind));
    session.watchFindings(rules);
    session.dispose();
    rules.set(defaultFindingSettings);
    await setTimeout(1);
    assert.deepEqual(kinds, []);
  });
});
