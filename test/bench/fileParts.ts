// The parts of the benchmark that need no editor: opening, switching, running.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../scripts/lib/paths';
import { takeTurns } from './measure';
import type { Comparison, Contender, Timing } from './measure';
import { startPeer } from './peer';
import type { Peer } from './peer';
import type { Setup } from './setup';

const execute = promisify(execFile);

/** A whole process each time: from its start to its end, with the file in the system's cache. */
export async function opening({ dist, netron, resnet }: Setup): Promise<Comparison[]> {
  const program = (name: string, args: readonly string[], expected: RegExp): Contender => ({
    name,
    async run() {
      const start = performance.now();
      const { stdout } = await execute(process.execPath, args, { maxBuffer: 1 << 26 });
      const milliseconds = performance.now() - start;
      if (!expected.test(stdout)) throw new Error(`${name} printed something else: ${stdout.slice(0, 200)}`);
      return milliseconds;
    },
  });
  const loader = path.join(root, 'test', 'bench', 'netronLoad.mjs');
  const [ours, theirs] = await takeTurns(
    [
      program(
        'mode-inspector inspect --json',
        [path.join(dist, 'cli.js'), 'inspect', resnet, '--json'],
        /"runningMean"/,
      ),
      program('Netron’s loader', [loader, netron, resnet], /"format":"TorchScript/),
    ],
    { repetitions: 15, warmUps: 2 },
  );
  return [
    {
      title: 'Opening a scripted ResNet-18 of 47 MB, whole process, cold',
      ours: ours!,
      others: [{ timing: theirs!, aim: 'below 1' }],
      notes: ['Ours also reads the statistics of the 20 BatchNorm layers; Netron’s also builds the graph of nodes.'],
    },
  ];
}

/** `train()` then `eval()` on the root of a large tree, within warm processes. */
export async function switching({ dist, peer, python, pythonEnv, tree }: Setup): Promise<Comparison[]> {
  const ours = await startPeer<{ modules: number }>('Mode Inspector', process.execPath, [
    peer('ourSwitch'),
    dist,
    tree,
  ]);
  const torch = await startPeer<{ modules: number }>('torch', python, [torchPeer, 'switch'], pythonEnv);
  try {
    if (ours.ready.modules !== torch.ready.modules) throw new Error('The two trees have different numbers of modules');
    const [our, their] = await takeTurns([ours, torch], { repetitions: 25, warmUps: 5 });
    return [
      {
        title: `train() and eval() on a tree of ${ours.ready.modules} modules`,
        ours: our!,
        others: [{ timing: their!, aim: '0.1' }],
        notes: ['Ours includes working out, after each of the two, what every module and every parent now shows.'],
      },
    ];
  } finally {
    ours.close();
    torch.close();
  }
}

/** ResNet-18 in eval, batch 1, 224 by 224, with one and with two threads. */
export async function forward(setup: Setup): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const threads of [1, 2]) {
    const [our, whole, torch] = await forwardWith(setup, String(threads));
    comparisons.push({
      title: `ResNet-18 forward, 224 x 224, batch 1, eval, ${threads} thread${threads === 1 ? '' : 's'}`,
      ours: our!,
      others: [{ timing: whole!, aim: 'at most 1.2' }, { timing: torch! }],
    });
  }
  return comparisons;
}

async function forwardWith(setup: Setup, threads: string): Promise<Timing[]> {
  const { dist, peer, python, pythonEnv, resnet, resnetOnnx } = setup;
  const node = process.execPath;
  const peers: Peer<{ output: number[] }>[] = [];
  try {
    peers.push(await startPeer('Mode Inspector', node, [peer('ourForward'), dist, resnet, threads]));
    peers.push(await startPeer('ONNX Runtime Web, whole graph', node, [peer('wholeGraph'), dist, resnetOnnx, threads]));
    peers.push(await startPeer('torch, CPU', python, [torchPeer, 'forward', resnet, threads], pythonEnv));
    for (const { name, ready } of peers) assertSame(name, ready.output, peers[0]!.ready.output);
    return await takeTurns(peers, { repetitions: 25, warmUps: 5 });
  } finally {
    for (const each of peers) each.close();
  }
}

const torchPeer = path.join(root, 'test', 'bench', 'peers', 'torchPeer.py');

/** A time means nothing unless all computed the same. */
function assertSame(name: string, output: readonly number[], expected: readonly number[]): void {
  const wrong = expected.findIndex(
    (value, i) => !(Math.abs(value - (output[i] ?? NaN)) <= 1e-5 + 1e-4 * Math.abs(value)),
  );
  if (wrong < 0 && output.length === expected.length) return;
  throw new Error(
    `${name} computes another output: at ${wrong}, ${output[wrong] ?? 'nothing'} for ${expected[wrong] ?? ''}`,
  );
}
