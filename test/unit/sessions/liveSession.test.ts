// Live processes and their models, by what an agent says.

import assert from 'node:assert/strict';
import type { AgentModule } from '../../../src/protocol/agent';
import { FindingRules } from '../../../src/sessions/findingRules';
import type { LiveProcess, ProcessChange } from '../../../src/sessions/liveProcess';
import type { LiveSession } from '../../../src/sessions/liveSession';
import type { SessionChange } from '../../../src/sessions/modelSession';
import { SessionStore } from '../../../src/sessions/sessionStore';
import {
  agentModule,
  agentNorm,
  FakeLink,
  liveNet,
  liveProcess,
  tellModel,
  tracedDropout,
} from '../support/liveModels';
import { FakeEngine, smallModel } from '../support/models';

describe('live models', () => {
  let link: FakeLink;
  let process: LiveProcess;
  let changes: ProcessChange[];

  beforeEach(() => {
    link = new FakeLink();
    process = liveProcess(link);
    changes = [];
    process.onDidChange((change) => changes.push(change));
  });

  function net(modules: readonly AgentModule[] = liveNet): { session: LiveSession; heard: SessionChange[] } {
    tellModel(link, 1, 'net', modules);
    const session = process.sessions[0]!;
    const heard: SessionChange[] = [];
    session.onDidChange((change) => heard.push(change));
    return { session, heard };
  }

  it('are put together from parts, and only from parts that follow each other', () => {
    const [root, bn, drop] = liveNet as [AgentModule, AgentModule, AgentModule];
    const part = (from: number, last: boolean, ...modules: AgentModule[]): void => {
      link.say({ name: 'modules', params: { model: 1, name: 'net', from, last, modules } });
    };
    part(1, true, bn);
    part(0, false, root);
    part(2, true, drop);
    part(0, false, root);
    assert.equal(process.sessions.length, 0);
    part(1, false, bn);
    part(2, true, drop);
    assert.deepEqual(
      process.sessions[0]?.modules.map(({ path }) => path),
      ['', 'bn', 'drop'],
    );
    assert.deepEqual(
      changes.map(({ kind }) => kind),
      ['added'],
    );
  });

  it('tell what each module does, and what its parents then do', () => {
    const { session } = net([
      agentModule('', 'Net'),
      agentModule('bn', 'BatchNorm1d', {
        kind: 'batchNorm',
        norm: { ...agentNorm!, hasStatistics: false },
        training: false,
      }),
      agentModule('frozen', 'FrozenBatchNorm2d', { kind: 'frozenBatchNorm', norm: agentNorm! }),
      agentModule('norm', 'InstanceNorm2d', { kind: 'instanceNorm', norm: { ...agentNorm!, hasStatistics: false } }),
      agentModule('rnn', 'LSTM', { kind: 'recurrent', p: 0 }),
      agentModule('lstm', 'LSTM', { kind: 'recurrent', p: 0.2, training: false }),
      agentModule('conv', 'Conv2d', {
        parameters: [{ name: 'w', dtype: 'complex64', shape: [1], requiresGrad: true }],
      }),
    ]);
    assert.deepEqual(
      session.modules.map(({ behaviour }) => behaviour),
      ['mixed', 'train', 'eval', 'none', 'none', 'eval', 'none'],
    );
    assert.match(session.module('bn')?.behaviourReason ?? '', /no running statistics/);
    assert.equal(session.module('norm')?.instanceNorm?.trackRunningStats, false);
    assert.deepEqual(session.module('conv')?.parameters, []);
  });

  it('follow flags and statistics', async () => {
    const { session, heard } = net();
    link.say({
      name: 'modes',
      params: {
        model: 1,
        changed: [
          { path: 'bn', training: false },
          { path: 'gone', training: false },
        ],
      },
    });
    assert.deepEqual(heard, [{ kind: 'modes', paths: ['', 'bn'] }]);
    assert.equal(session.module('')?.behaviour, 'mixed');
    const figures = { min: 0, max: 1, mean: 0.5, nonFinite: 0 };
    const tell = (count: number): void => {
      const changed = [{ path: 'bn', runningMean: figures, runningVar: figures, numBatchesTracked: count }];
      link.say({ name: 'statistics', params: { model: 1, changed } });
    };
    tell(4);
    assert.deepEqual(session.movedStatistics, []);
    tell(5);
    assert.deepEqual(session.movedStatistics, ['bn']);
    assert.equal((await session.statistics('bn'))?.numBatchesTracked, 5);
    assert.equal((await session.statistics('bn', { values: true }))?.numBatchesTracked, 3);
    assert.equal(await session.statistics('drop'), null);
  });

  it('tell what a traced forward called, and what was wrong with it', async () => {
    const { session, heard } = net();
    session.watchFindings(new FindingRules());
    const obedient = { ...tracedDropout, path: 'drop', flag: true };
    link.trace = {
      ...{ path: '', calls: [tracedDropout, obedient], opaque: [], failure: 'ValueError: no' },
      singleValue: { path: 'bn', shape: [1, 4] },
    };
    await session.traceForward();
    assert.deepEqual(link.requests.at(-1)?.params, { model: 1, training: null, seconds: 60 });
    assert.equal(session.trace?.calls.length, 2);
    assert.ok(heard.some(({ kind }) => kind === 'trace'));
    session.flushFindings();
    assert.deepEqual(
      session.findings.map(({ rule, path }) => [rule, path]),
      [
        ['batchnorm/single-value', 'bn'],
        ['dropout/ignores-eval', ''],
      ],
    );
  });

  it('follow parameters that are frozen while the program runs', () => {
    const weight = { name: 'weight', dtype: 'float32', shape: [4], requiresGrad: true };
    const { session } = net([agentModule('', 'Net'), agentModule('fc', 'Linear', { parameters: [weight] })]);
    const changed = [
      { path: 'fc', parameters: { weight: false } },
      { path: 'gone', parameters: { weight: false } },
    ];
    link.say({ name: 'requiresGrad', params: { model: 1, changed } });
    assert.deepEqual(session.module('fc')?.parameters, [{ ...weight, requiresGrad: false }]);
  });

  it('know of modules that torch does not know', () => {
    const { session } = net([agentModule('', 'Net'), agentModule('fc', 'Linear')]);
    const held = { name: 'heads[0]', type: 'Linear', training: true };
    const say = (modules: readonly (typeof held)[]): void => {
      const changed = [
        { path: '', modules: [...modules] },
        { path: 'gone', modules: [...modules] },
      ];
      link.say({ name: 'unregistered', params: { model: 1, changed } });
    };
    say([held]);
    assert.deepEqual(session.module('')?.unregistered, [held]);
    say([]);
    assert.deepEqual(session.module('')?.unregistered, []);
  });

  it('have one forward in eval traced unasked, and give up where that is refused', async () => {
    const { session } = net();
    const place = { file: null, line: null, function: null };
    const say = async (training: boolean): Promise<void> => {
      const forward = {
        path: '',
        time: 1,
        gradEnabled: true,
        training,
        learns: true,
        steps: 0,
        learnedAt: null,
        ...place,
      };
      link.say({ name: 'forwards', params: { model: 1, forwards: [forward] } });
      await new Promise((resolve) => setImmediate(resolve));
    };
    const asked = (): number => link.requests.filter(({ method }) => method === 'traceForward').length;
    await say(false);
    assert.equal(asked(), 0, 'nobody wants findings');
    session.watchFindings(new FindingRules());
    await say(true);
    assert.equal(asked(), 0);
    link.refusal = 'No such forward ran in time.';
    for (let i = 0; i < 9; i++) await say(false);
    assert.equal(asked(), 5);
  });

  it('are switched, pinned and restored where they live', async () => {
    const { session } = net();
    await session.setTraining('drop', false, { recursive: true });
    await session.pin('bn', false);
    assert.equal(session.pinned('bn'), 'eval');
    await session.pin('bn', null);
    assert.equal(session.pinned('bn'), undefined);
    link.say({ name: 'modes', params: { model: 1, changed: [{ path: 'drop', training: false }] } });
    await session.restore(session.initialModes);
    assert.deepEqual(
      link.requests.map(({ method, params }) => [method, params]),
      [
        ['setTraining', { model: 1, path: 'drop', training: false, recursive: true }],
        ['pin', { model: 1, path: 'bn', training: false }],
        ['pin', { model: 1, path: 'bn', training: null }],
        ['setFlags', { model: 1, flags: { drop: true } }],
      ],
    );
    link.refusal = 'No.';
    await assert.rejects(session.pin('bn', true), { code: 'refused' });
    assert.equal(session.pinned('bn'), undefined);
  });

  it('wait for a forward, until they are told of the switch', async () => {
    const { session } = net();
    link.pending = true;
    await session.setTraining('', false, { recursive: true });
    assert.equal(session.state.kind, 'waiting');
    const call = { model: 1, path: '', time: 1, training: false, file: null, line: null, function: null };
    link.say({ name: 'switch', params: call });
    assert.equal(session.state.kind, 'ready');
    assert.deepEqual(
      session.switches.map(({ training }) => training),
      [false],
    );
  });

  it('count the calls of each line, also when the single calls are forgotten', () => {
    const { session } = net();
    const call = {
      model: 1,
      path: '',
      time: 1,
      training: false,
      file: '/home/ada/train.py',
      line: 3,
      function: 'main',
    };
    link.say({ name: 'switch', params: call });
    for (let time = 2; time < 6000; time++)
      link.say({ name: 'switch', params: { ...call, time, training: true, line: 8 } });
    assert.ok(session.switches.every(({ training }) => training));
    assert.deepEqual(
      session.switchPlaces.map(({ training, calls, last }) => [training, calls, last]),
      [
        [true, 5998, 5999],
        [false, 1, 1],
      ],
    );
  });

  it('grow, keep how old modules began, and go', () => {
    const { session, heard } = net();
    link.say({ name: 'modes', params: { model: 1, changed: [{ path: 'drop', training: false }] } });
    tellModel(link, 1, 'net', [
      ...liveNet.map((module) => ({ ...module, training: false })),
      agentModule('new', 'Linear', { training: false }),
    ]);
    assert.equal(heard.at(-1)?.kind, 'tree');
    assert.deepEqual(
      [...session.initialModes.flags],
      [
        ['', true],
        ['bn', true],
        ['drop', true],
        ['new', false],
      ],
    );
    link.say({ name: 'gone', params: { model: 1 } });
    assert.deepEqual(process.sessions, []);
    assert.equal(changes.at(-1)?.kind, 'removed');
  });

  it('end with their process, and stay as they were last seen', async () => {
    const { session } = net();
    link.say({ name: 'leaving', params: {} });
    link.close();
    link.close();
    assert.deepEqual(changes.at(-1), { kind: 'ended', clean: true });
    assert.equal(session.state.kind, 'ended');
    assert.equal(session.modules.length, 3);
    await assert.rejects(session.setTraining('', true, { recursive: true }), { code: 'process-ended' });
  });

  it('stand in the store as long as their process is shown', () => {
    const store = new SessionStore({ createEngine: () => new FakeEngine(smallModel()) });
    store.addLaunch({ id: 'run-1', title: 'train.py' });
    assert.equal(store.isEmpty, false);
    const other = liveProcess(new FakeLink(), { launch: 'run-1' });
    store.addProcess(other);
    assert.deepEqual(store.launches, []);
    store.addProcess(process);
    net();
    assert.deepEqual(
      store.sessions.map(({ title }) => title),
      ['net'],
    );
    link.close();
    assert.deepEqual(
      store.processes.map(({ ended }) => ended),
      [false, true],
    );
    store.removeProcess(process);
    assert.deepEqual(store.sessions, []);
    store.dispose();
  });
});
