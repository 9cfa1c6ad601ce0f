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
import { takeTurns, timing } from './measure';
import type { Comparison, Contender, Timing } from './measure';
import { startPeer } from './peer';
import type { Peer } from './peer';

const execute = promisify(execFile);
const loop = path.join(root, 'test', 'bench', 'peers', 'liveLoop.py');
const pythonFolder = path.join(root, 'python');

interface Attached {
  readonly peer: Peer<{ process: number }>;
  readonly process: LiveProcess;
}

export async function live(): Promise<Comparison[]> {
  const python = await findTorchPython();
  const server = await listenForAgents(silentLog);
  try {
    return [
      await startUp(python, server),
      await steps(python, server),
      await share(python, server),
      await manyNorms(python, server),
      await clicks(python, server),
    ];
  } finally {
    server.dispose();
  }
}

/** A process that imports torch and ends. */
async function startUp(python: string, server: AgentServer): Promise<Comparison> {
  const importing = (name: string, env: NodeJS.ProcessEnv): Contender => ({
    name,
    async run() {
      const start = performance.now();
      await execute(python, ['-c', 'import torch'], { env: cleanEnvironment(env) });
      return performance.now() - start;
    },
  });
  const [ours, plain] = await takeTurns(
    [importing('with the agent', agentEnvironment(server, pythonFolder, {})), importing('without', {})],
    { repetitions: 15, warmUps: 2 },
  );
  return {
    title: 'Live: a program that imports torch and ends',
    ours: ours!,
    others: [{ timing: plain!, aim: 'at most 50 ms more' }],
  };
}

/** Steps by the clock, in turns: the noise of the machine falls on all, and is larger than what is measured. */
async function steps(python: string, server: AgentServer): Promise<Comparison> {
  const [visible, hidden] = [await attach(python, server, looks.visible), await attach(python, server, looks.hidden)];
  const plain = await startPeer<object>('without the agent', python, [loop, 'resnet']);
  try {
    const named = (name: string, peer: Contender): Contender => ({ name, run: () => peer.run() });
    const [seen, unseen, bare] = await takeTurns(
      [named('attached, looked at', visible.peer), named('attached, out of sight', hidden.peer), plain],
      { repetitions: 25, warmUps: 3 },
    );
    return {
      title: 'Live: a training step of a ResNet-18, batch 8, 64 x 64, one thread, by the clock',
      ours: seen!,
      others: [{ timing: bare!, aim: 'at most 1.01' }, { timing: unseen! }],
      notes: [
        'Each turn is five steps. What a percent is lies below the noise of a shared machine; see the next table.',
      ],
    };
  } finally {
    for (const { peer } of [visible, hidden]) peer.close();
    plain.close();
  }
}

/** The processor time of the agent's own thread, as a share of the time in which the loop ran. */
async function share(python: string, server: AgentServer): Promise<Comparison> {
  const shares: Timing[] = [];
  for (const [name, look] of [
    ['looked at', looks.visible],
    ['out of sight', looks.hidden],
  ] as const) {
    const attached = await attach(python, server, look);
    const before = await agentTime(attached.peer);
    const start = performance.now();
    while (performance.now() - start < 20_000) await attached.peer.run();
    const percent = (100 * ((await agentTime(attached.peer)) - before)) / (performance.now() - start);
    shares.push(timing(name, [percent]));
    attached.peer.close();
  }
  return {
    title: 'Live: processor time of the agent’s thread in per cent of a ResNet-18 training loop of 20 s',
    ours: shares[0]!,
    others: [{ timing: shares[1]! }],
    notes: [
      'Per cent, not milliseconds. Aims: at most 1 looked at, at most 0.1 out of sight. Linux counts in ticks of 10 ms.',
    ],
  };
}

/** What one report of a thousand BatchNorm layers, all of which moved, takes of the process. */
async function manyNorms(python: string, server: AgentServer): Promise<Comparison> {
  const { peer, process } = await attach(python, server, { watching: true, interval: 0.05, statistics: 'all' }, '1000');
  let reports = 0;
  process.sessions[0]?.onDidChange((change) => {
    if (change.kind === 'statistics' && change.paths.includes('0')) reports++;
  });
  const before = await agentTime(peer);
  const start = performance.now();
  while (performance.now() - start < 20_000) await peer.run();
  const each = ((await agentTime(peer)) - before) / reports;
  peer.close();
  return {
    title: 'Live: one report of a thousand BatchNorm layers, processor time of the agent’s thread',
    ours: timing('a report', [each]),
    others: [],
    notes: [`Over ${reports} reports in 20 s, everything else that the thread does included. Aim: at most 10 ms.`],
  };
}

/** From the request to the flag that is set and told, while the loop runs. */
async function clicks(python: string, server: AgentServer): Promise<Comparison> {
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
  return {
    title: 'Live: from a click to the flag, while a ResNet-18 trains',
    ours: timing('setTraining, answered', samples),
    others: [],
    notes: ['A click that falls into a forward waits for its end. Aim: a median of at most 20 ms.'],
  };
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
