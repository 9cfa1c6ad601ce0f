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
function program(name: string, command: string, args: readonly string[], expected: RegExp): Contender {
  return {
    name,
    async run() {
      const start = performance.now();
      const { stdout } = await execute(command, args, { maxBuffer: 1 << 28 });
      const milliseconds = performance.now() - start;
      if (!expected.test(stdout)) throw new Error(`${name} printed something else: ${stdout.slice(0, 200)}`);
      return milliseconds;
    },
  };
}

function inspection(dist: string, file: string): Contender {
  const args = [path.join(dist, 'cli.js'), 'inspect', file, '--json'];
  return program('mode-inspector inspect --json', process.execPath, args, /"runningMean"/);
}

export async function opening({ dist, netron, resnet }: Setup): Promise<Comparison[]> {
  const loader = path.join(root, 'test', 'bench', 'netronLoad.mjs');
  const [ours, theirs] = await takeTurns(
    [
      inspection(dist, resnet),
      program('Netron’s loader', process.execPath, [loader, netron, resnet], /"format":"TorchScript/),
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

/** A state dict of 1.19 GB, against torch, Netron, and itself with fewer tensors. */
export async function checkpoint({ dist, netron, python, checkpoint: file, growth }: Setup): Promise<Comparison[]> {
  const loader = path.join(root, 'test', 'bench', 'netronLoad.mjs');
  const statistics = `
import sys, torch
for name, tensor in torch.load(sys.argv[1], mmap=True).items():
    if "running" in name: print(float(tensor.min()), float(tensor.mean()), float(tensor.max()))`;
  const [ours, torch, theirs] = await takeTurns(
    [
      inspection(dist, file),
      program('torch.load(mmap=True), and the same figures', python, ['-c', statistics, file], /\d/),
      program('Netron’s loader', process.execPath, [loader, netron, file], /"format":"PyTorch/),
    ],
    { repetitions: 7, warmUps: 1 },
  );
  const others = [{ timing: torch!, aim: '0.25' }, { timing: theirs! }];
  const title = 'Opening a state dict of 1.19 GB with 14,000 tensors, whole process, with every statistic';
  const sizes = [...growth].map(([count, small]) => ({ ...inspection(dist, small), name: `${count} tensors` }));
  const [smallest, ...larger] = await takeTurns(sizes, { repetitions: 7, warmUps: 1 });
  return [
    { title, ours: ours!, others },
    {
      title: 'How opening grows with the number of tensors',
      ours: smallest!,
      others: larger.map((timing) => ({ timing })),
      notes: ['Whole processes of mode-inspector inspect --json, small tensors.'],
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
