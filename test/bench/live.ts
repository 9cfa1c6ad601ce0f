// What the agent costs a training loop on the CPU: attached and looked at, attached and out of sight, and not there at all.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../scripts/lib/paths';
import { findTorchPython } from '../../scripts/lib/python';
import { cleanEnvironment } from '../../scripts/lib/shell';
import { listenForAgents } from '../../src/live/agentServer';
import type { AgentServer } from '../../src/live/agentServer';
import { agentEnvironment } from '../../src/live/environment';
import { looks } from '../../src/live/liveHub';
import { introduceProcess } from '../../src/sessions/liveProcess';
import type { LiveProcess, Look } from '../../src/sessions/liveProcess';
import { silentLog } from '../../src/util/log';
import { timing } from './measure';
import type { Comparison, Timing } from './measure';
import { startPeer } from './peer';
import type { Peer } from './peer';

const execute = promisify(execFile);
const loop = path.join(root, 'test', 'bench', 'peers', 'liveLoop.py');
const pythonFolder = path.join(root, 'python');

interface StepAnswer {
  readonly milliseconds: number;
  readonly process: number;
  readonly steps: number;
}

interface Attached {
  readonly peer: Peer<{ process: number }>;
  readonly process: LiveProcess;
}

/** `tell` hears of each as soon as it is measured. */
export async function live(tell: (comparison: Comparison) => void = () => undefined): Promise<Comparison[]> {
  const python = await findTorchPython();
  const server = await listenForAgents(silentLog);
  const all: Comparison[] = [];
  try {
    for (const measure of [startUp, steps, share, manyNorms, clicks]) {
      const measured = await measure(python, server);
      measured.forEach(tell);
      all.push(...measured);
    }
  } finally {
    server.dispose();
  }
  return all;
}

/** Runs a program whose environment is its second argument, and tells what it took. */
const spawner = `
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen([sys.executable, "-c", "import torch"], env=json.loads(sys.argv[1]))
_, status, usage = os.wait4(child.pid, 0)
assert status == 0
print(json.dumps({"clock": (time.perf_counter() - start) * 1000, "process": (usage.ru_utime + usage.ru_stime) * 1000}))
`;

/** A process that imports torch and ends, in turns with and without the agent. */
async function startUp(python: string, server: AgentServer): Promise<Comparison[]> {
  const contenders = [
    { name: 'with the agent', env: cleanEnvironment(agentEnvironment(server, pythonFolder, {})) },
    { name: 'without', env: cleanEnvironment({}) },
  ].map((each) => ({
    ...each,
    // Python keeps what it compiled, as it does unless told not to.
    env: { ...each.env, PYTHONDONTWRITEBYTECODE: '' },
    clock: [] as number[],
    process: [] as number[],
  }));
  for (let round = -1; round < 11; round++) {
    for (const { env, clock, process } of contenders) {
      const { stdout } = await execute(python, ['-c', spawner, JSON.stringify(env)], { env: cleanEnvironment({}) });
      const taken = JSON.parse(stdout) as { readonly clock: number; readonly process: number };
      if (round < 0) continue;
      clock.push(taken.clock);
      process.push(taken.process);
    }
  }
  return (['clock', 'process'] as const).map((kind) => {
    const [ours, plain] = contenders.map((each) => timing(each.name, each[kind]));
    const how = kind === 'clock' ? 'by the clock' : 'in processor time';
    return {
      title: `Live: a program that imports torch and ends, ${how}`,
      ours: ours!,
      others: [{ timing: plain!, aim: 'at most 50 ms more' }],
    };
  });
}

/** Steps in turns, by the clock and by what they take of the processors, in which other programs' noise is less. */
async function steps(python: string, server: AgentServer): Promise<Comparison[]> {
  const [visible, hidden] = [await attach(python, server, looks.visible), await attach(python, server, looks.hidden)];
  const plain = await startPeer<object>('without the agent', python, [loop, 'resnet']);
  const names = ['attached, looked at', 'attached, out of sight', plain.name];
  const samples = names.map(() => ({ clock: [] as number[], process: [] as number[] }));
  try {
    for (let round = -3; round < 25; round++) {
      for (const [i, peer] of [visible.peer, hidden.peer, plain].entries()) {
        const answer = (await peer.ask('5')) as StepAnswer;
        if (round < 0) continue;
        samples[i]!.clock.push(answer.milliseconds);
        samples[i]!.process.push(answer.process);
      }
    }
  } finally {
    for (const { peer } of [visible, hidden]) peer.close();
    plain.close();
  }
  return (['clock', 'process'] as const).map((kind) => {
    const [seen, unseen, bare] = samples.map((each, i) => timing(names[i]!, each[kind]));
    const how = kind === 'clock' ? 'by the clock' : 'in processor time of the whole process';
    return {
      title: `Live: a training step of a ResNet-18, batch 8, 64 x 64, one thread, ${how}`,
      ours: seen!,
      others: [{ timing: bare!, aim: 'at most 1.01' }, { timing: unseen! }],
      notes: [
        'Each turn is five steps. A percent lies below the noise of a shared machine; see the next table but this.',
      ],
    };
  });
}

/** The processor time of the agent's own thread, as a share of the time that the loop's steps took by the clock. */
async function share(python: string, server: AgentServer): Promise<Comparison[]> {
  const shares: Timing[] = [];
  for (const [name, look] of [
    ['looked at', looks.visible],
    ['out of sight', looks.hidden],
  ] as const) {
    const { peer } = await attach(python, server, look);
    const percents: number[] = [];
    for (let turn = 0; turn < 5; turn++) {
      const before = await agentTime(peer);
      let clock = 0;
      const start = performance.now();
      while (performance.now() - start < 8_000) {
        const answer = (await peer.ask('5')) as StepAnswer;
        clock += answer.milliseconds * answer.steps;
      }
      percents.push((100 * ((await agentTime(peer)) - before)) / clock);
    }
    shares.push(timing(name, percents));
    peer.close();
  }
  return [
    {
      title: 'Live: processor time of the agent’s thread in per cent of the time of a ResNet-18 training loop',
      ours: shares[0]!,
      others: [{ timing: shares[1]! }],
      notes: ['Per cent, not milliseconds, in turns of 8 s. Aims: at most 1 looked at, at most 0.1 out of sight.'],
    },
  ];
}

/** What one report of a thousand BatchNorm layers, all of which moved, takes of the process. */
async function manyNorms(python: string, server: AgentServer): Promise<Comparison[]> {
  const { peer, process } = await attach(python, server, { watching: true, interval: 0.05, statistics: 'all' }, '1000');
  let reports = 0;
  process.sessions[0]?.onDidChange((change) => {
    if (change.kind === 'statistics' && change.paths.includes('0')) reports++;
  });
  const each: number[] = [];
  let total = 0;
  for (let turn = 0; turn < 7; turn++) {
    reports = 0;
    const before = await agentTime(peer);
    while (reports < 5) await peer.run();
    each.push(((await agentTime(peer)) - before) / reports);
    total += reports;
  }
  peer.close();
  return [
    {
      title: 'Live: one report of a thousand BatchNorm layers, processor time of the agent’s thread',
      ours: timing('a report', each),
      others: [],
      notes: [`Over ${total} reports, everything else that the thread does included. Aim: at most 10 ms.`],
    },
  ];
}

/** From the request to the flag that is set and told, while the loop runs. */
async function clicks(python: string, server: AgentServer): Promise<Comparison[]> {
  const { peer, process } = await attach(python, server, looks.visible);
  const session = process.sessions[0]!;
  const loopState = { isRunning: true };
  const running = (async () => {
    while (loopState.isRunning) await peer.run();
  })();
  const samples: number[] = [];
  for (let i = 0; i < 60; i++) {
    await new Promise((resolve) => setTimeout(resolve, 40 + ((i * 37) % 100)));
    const start = performance.now();
    await session.setTraining('bn1', i % 2 === 1, { recursive: true });
    samples.push(performance.now() - start);
  }
  loopState.isRunning = false;
  await running;
  peer.close();
  return [
    {
      title: 'Live: from a click to the flag, while a ResNet-18 trains',
      ours: timing('setTraining, answered', samples),
      others: [],
      notes: ['A click that falls into a forward waits for its end. Aim: a median of at most 20 ms.'],
    },
  ];
}

/** Starts the loop with the agent, and waits until its model is told. */
async function attach(python: string, server: AgentServer, look: Look, norms = 'resnet'): Promise<Attached> {
  const connected = new Promise<LiveProcess>((resolve) => {
    const subscription = server.onDidConnect((link) => {
      subscription.dispose();
      void introduceProcess(link).then((process) => {
        if (process !== undefined) resolve(process);
      });
    });
  });
  const peer = await startPeer<{ process: number }>('attached', python, [loop, norms], {
    ...agentEnvironment(server, pythonFolder, {}),
  });
  const process = await connected;
  await process.look(look);
  for (let i = 0; process.sessions.length === 0; i++) {
    if (i > 200) throw new Error('The agent tells of no model.');
    await peer.run();
  }
  return { peer, process };
}

async function agentTime(peer: Peer<object>): Promise<number> {
  return ((await peer.ask('1')) as { agent: number }).agent;
}
