// `mode-inspector watch`: real programs under the built command line, by what it prints and how it ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../../scripts/lib/paths';
import { cleanEnvironment } from '../../scripts/lib/shell';
import { torchPython } from './program';

interface Event {
  readonly event: string;
  readonly time: number;
  readonly process?: number;
  readonly rank?: number | null;
  readonly argv?: readonly string[];
  readonly model?: string | null;
  readonly path?: string;
  readonly training?: boolean;
  readonly status?: number;
  readonly caller?: { readonly file: string; readonly line: number; readonly function: string } | null;
  readonly models?: readonly {
    readonly model: string;
    readonly modules: readonly {
      readonly path: string;
      readonly type: string;
      readonly training: boolean;
      readonly behaviour: string;
      readonly source?: { readonly file: string };
      readonly batchNorm?: { readonly momentum: number; readonly numBatchesTracked: number };
    }[];
  }[];
  readonly changed?: readonly {
    readonly path: string;
    readonly training?: boolean;
    readonly batchNorm?: { readonly numBatchesTracked: number; readonly runningMean: { readonly mean: number } };
  }[];
}

interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-watch-'));
const running = new Set<ChildProcessWithoutNullStreams>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

after(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

/** The built command line in a session of its own, so that no terminal takes part. */
function start(args: readonly string[], input?: string): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [path.join(root, 'dist', 'cli.js'), ...args], {
    cwd: folder,
    env: cleanEnvironment({ PATH: `${path.dirname(torchPython())}${path.delimiter}${process.env['PATH'] ?? ''}` }),
    detached: true,
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  return child;
}

async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { status, signal, output, errors };
}

function run(args: readonly string[], input = ''): Promise<Outcome> {
  return outcomeOf(start(args, input));
}

function program(code: string, name = 'train.py'): string {
  fs.writeFileSync(path.join(folder, name), code);
  return name;
}

/** Runs a program whose `wait()` ends once the events satisfy a condition. `args` are all before its file. */
function runUntil(
  isEnough: (events: readonly Event[]) => boolean,
  args: readonly string[],
  code: string,
): Promise<Outcome> {
  const mark = path.join(fs.mkdtempSync(path.join(folder, 'enough-')), 'mark');
  const wait = `import os, time
def wait():
    while not os.path.exists(${JSON.stringify(mark)}): time.sleep(0.01)
`;
  const child = start([...args, program(wait + code)]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (isEnough(eventsOf({ output: output.slice(0, output.lastIndexOf('\n') + 1) }))) fs.writeFileSync(mark, '');
  });
  return outcomeOf(child);
}

function eventsOf({ output }: Pick<Outcome, 'output'>): Event[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
}

/** The counter of a layer as it was told last. */
function lastCount(events: readonly Event[], layer: string, model = 'net'): number | undefined {
  let count: number | undefined;
  for (const event of events) {
    for (const { model: name, modules } of event.models ?? [])
      if (name === model) count = modules.find((each) => each.path === layer)?.batchNorm?.numBatchesTracked;
    if (event.event === 'statistics' && event.model === model)
      count = event.changed?.find((each) => each.path === layer)?.batchNorm?.numBatchesTracked ?? count;
  }
  return count;
}

/** Ends with what its layer holds in truth, told on stderr. */
const training = `
import sys, time, torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        return self.drop(self.norm(x))
def main():
    net = Net()
    net.train()
    time.sleep(0.5)
    for step in range(83):
        net(torch.randn(8, 4) + step)
    net.eval()
    print("mean", net.norm.running_mean.mean().item(), net.norm.num_batches_tracked.item(), file=sys.stderr)
main()
`;

describe('mode-inspector watch', function () {
  this.timeout(90_000);

  it('tells a program from its first line to its exit status, as JSON', async () => {
    const outcome = await run(['watch', '--json', '--', 'python', program(training), '--lr', '0.1']);
    const events = eventsOf(outcome);
    assert.equal(outcome.status, 0, outcome.errors);
    const [connected] = events;
    assert.deepEqual([connected?.event, connected?.rank], ['connected', null]);
    assert.deepEqual(connected?.argv, ['train.py', '--lr', '0.1']);
    assert.deepEqual(events.at(-1), { event: 'exited', time: events.at(-1)?.time, status: 0 });
    assert.equal(events.filter(({ event }) => event === 'exited').length, 1);
    for (const { time } of events) assert.ok(Math.abs(time - Date.now() / 1000) < 90);

    const [model] = events.find(({ event }) => event === 'models')?.models ?? [];
    assert.equal(model?.model, 'net');
    assert.deepEqual(
      model.modules.map((each) => [each.path, each.type, each.training, each.behaviour]),
      [
        ['', 'Net', true, 'train'],
        ['norm', 'BatchNorm1d', true, 'train'],
        ['drop', 'Dropout', true, 'train'],
      ],
    );
    assert.equal(model.modules[0]?.source?.file, 'train.py');
    assert.equal(model.modules[1]?.batchNorm?.momentum, 0.1);

    const switches = events.filter(({ event }) => event === 'switch');
    assert.deepEqual(
      switches.map((each) => [each.model, each.path, each.training, each.caller]),
      [
        ['net', '', true, { file: 'train.py', line: 13, function: 'main' }],
        ['net', '', false, { file: 'train.py', line: 17, function: 'main' }],
      ],
    );
  });

  it('tells the last statistics of a model that goes before the program ends', async () => {
    for (const ending of ['main()', 'main(); time.sleep(0.7)', 'main(); sys.exit(7)']) {
      const code = training.replace(/main\(\)\n$/, `${ending}\n`);
      const outcome = await run(['watch', '--json', '--', 'python', program(code)]);
      const events = eventsOf(outcome);
      assert.equal(lastCount(events, 'norm'), 83, ending);
      const told = events
        .findLast(({ event }) => event === 'statistics')
        ?.changed?.find(({ path: layer }) => layer === 'norm');
      const [, mean = ''] = /mean (\S+) 83/.exec(outcome.errors) ?? [];
      assert.ok(Math.abs((told?.batchNorm?.runningMean.mean ?? NaN) - Number(mean)) < 1e-5, ending);
      assert.equal(outcome.status, ending.includes('exit') ? 7 : 0);
    }
  });

  it('finds a model that lives for a moment only', async () => {
    const code = training.replace('    time.sleep(0.5)\n', '');
    const events = eventsOf(await run(['watch', '--json', '--', 'python', program(code)]));
    assert.equal(lastCount(events, 'norm'), 83);
  });

  it('tells of several models, by their names', async () => {
    const code = `
import torch
from torch import nn
def main():
    models = {"g": nn.Sequential(nn.BatchNorm1d(2)), "d": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))}
    wait()
    for step in range(5): models["d"](models["g"](torch.randn(4, 2)))
main()
`;
    const namesIn = (events: readonly Event[]): string[] =>
      events.flatMap(({ models = [] }) => models.map(({ model }) => model)).sort();
    const areBothThere = (events: readonly Event[]): boolean => namesIn(events).length === 2;
    const events = eventsOf(await runUntil(areBothThere, ['watch', '--json', '--', 'python'], code));
    assert.deepEqual(namesIn(events), ["models['d']", "models['g']"]);
    assert.equal(lastCount(events, '1', "models['d']"), 5);
    assert.equal(lastCount(events, '0', "models['g']"), 5);
  });

  it('switches and pins what is asked for, in order, and says what no model has', async () => {
    const code = `
import torch
from torch import nn
net = nn.Sequential(nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.1)), nn.BatchNorm1d(2), nn.BatchNorm1d(2))
wait()
net.train()
for name, module in net.named_modules(): print(name, module.training)
for step in range(3): net(torch.randn(4, 2))
`;
    const askedIn = (events: readonly Event[]): Event[] =>
      events.filter(({ event, caller }) => event === 'switch' && caller === null);
    const wishes = ['--eval', '--train', '0', '--eval', '0.1', '--pin', '1=eval', '--eval', 'no.such'];
    const outcome = await runUntil(
      (events) => askedIn(events).length === 4,
      ['watch', '--json', ...wishes, '--', 'python'],
      code,
    );
    const events = eventsOf(outcome);
    assert.equal(outcome.status, 0);
    assert.deepEqual(
      askedIn(events).map((each) => [each.path, each.training]),
      [
        ['1', false],
        ['', false],
        ['0', true],
        ['0.1', false],
      ],
    );
    const flags = new Map<string, boolean | undefined>();
    for (const { event, changed = [] } of events)
      if (event === 'modes') for (const { path: layer, training: flag } of changed) flags.set(layer, flag);
    // The program's own train() follows, and leaves the pinned layer alone.
    assert.deepEqual(Object.fromEntries(flags), { '': true, 0: true, '0.0': true, '0.1': true, 1: false, 2: true });
    assert.match(outcome.errors, /^1 False$/m);
    assert.deepEqual([lastCount(events, '0.0'), lastCount(events, '1'), lastCount(events, '2')], [3, 0, 3]);
    assert.match(outcome.errors, /^mode-inspector: No model had a module “no\.such”\.$/m);
  });

  it('leaves the program’s input, arguments and output alone', async () => {
    const code = `
import sys, torch
from torch import nn
net = nn.Sequential(nn.BatchNorm1d(2))
net.eval()
sys.stdout.buffer.write(bytes(range(256)))
print(sys.argv, sys.stdin.read())
print("to stderr", file=sys.stderr)
`;
    const words = ['python', program(code), '--json', '--eval', 'x y', '--'];
    const plain = start(['watch', '--', ...words], 'one line\n');
    const chunks: Buffer[] = [];
    plain.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const outcome = await outcomeOf(plain);
    const said = Buffer.from("['train.py', '--json', '--eval', 'x y', '--'] one line\n\n");
    assert.deepEqual(Buffer.concat(chunks), Buffer.concat([Buffer.from([...Array(256).keys()]), said]));
    const sentences = outcome.errors.split('\n').filter((line) => line.startsWith('mode-inspector: '));
    assert.match(sentences[0] ?? '', /^mode-inspector: process \d+: Python 3\.\d+\.\d+, torch 2\./);
    assert.match(outcome.errors, /^mode-inspector: net: Sequential, 2 modules, (?:train|eval)$/m);
    assert.match(outcome.errors, /^mode-inspector: net → eval \(train\.py:5 in <module>\)$/m);
    assert.match(outcome.errors, /^to stderr$/m);

    const json = await run(['watch', '--json', '--', 'python', program('print("mine"); import torch')]);
    assert.deepEqual(
      eventsOf(json).map(({ event }) => event),
      ['connected', 'exited'],
    );
    assert.equal(json.errors, 'mine\n');
  });

  it('says once what comes and goes with each epoch', async () => {
    const epochs = `
import time, torch
from torch import nn
net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))
net[0].requires_grad_(False)
for epoch in range(3):
    net.train()
    for _ in range(4):
        net(torch.randn(4, 2)); time.sleep(0.3)
    net.eval(); time.sleep(0.9)
`;
    const { errors } = await run(['watch', '--', 'python', program(epochs)]);
    const found = errors.match(/^mode-inspector: warning in net\.0: .*frozen-but-updating\)$/gm) ?? [];
    assert.equal(found.length, 1, errors);
  });

  it('ends as the program ends', async () => {
    for (const [code, status] of [
      ['', 0],
      ['raise SystemExit(7)', 7],
      ['import torch; raise ValueError', 1],
      ['import os, signal; os.kill(os.getpid(), signal.SIGTERM)', 143],
      ['import torch, os, signal; os.kill(os.getpid(), signal.SIGKILL)', 137],
    ] as const) {
      const outcome = await run(['watch', '--json', '--', 'python', program(code)]);
      const events = eventsOf(outcome);
      assert.deepEqual([outcome.status, events.at(-1)?.status], [status, status], code);
      if (!code.includes('torch'))
        assert.deepEqual(
          events.map(({ event }) => event),
          ['exited'],
        );
    }
  });

  it('passes signals on, once', async () => {
    const code = `
import signal, sys, time
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append("INT"))
signal.signal(signal.SIGTERM, lambda *_: heard.append("TERM"))
print("ready", file=sys.stderr, flush=True)
while not heard: time.sleep(0.01)
time.sleep(0.5)
print(heard, file=sys.stderr)
`;
    for (const [signal, toGroup] of [
      ['SIGINT', false],
      ['SIGINT', true],
      ['SIGTERM', false],
      ['SIGTERM', true],
    ] as const) {
      const child = start(['watch', '--json', '--', 'python', program(code)]);
      child.stderr.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('ready')) process.kill(toGroup ? -child.pid! : child.pid!, signal);
      });
      const { errors, status } = await outcomeOf(child);
      assert.deepEqual([errors, status], [`ready\n['${signal.slice(3)}']\n`, 0]);
    }
  });

  it('does not disturb a program when its reader goes', async () => {
    const mark = path.join(folder, 'done');
    const child = start([
      'watch',
      '--json',
      '--',
      'python',
      program(`${training}\nopen(${JSON.stringify(mark)}, "w")`),
    ]);
    child.stdout.once('data', () => child.stdout.destroy());
    const [status] = (await once(child, 'exit')) as [number | null];
    assert.equal(status, 0);
    assert.ok(fs.existsSync(mark));
  });

  it('leaves a program unharmed when it is killed itself', async () => {
    const mark = path.join(folder, 'unharmed');
    const code = `${training.replace('range(83)', 'range(300)').replace('net(torch', 'time.sleep(0.01); net(torch')}
open(${JSON.stringify(mark)}, "w").write("fine")`;
    const child = start(['watch', '--json', '--', 'python', program(code)]);
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('"statistics"')) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    while (!fs.existsSync(mark) || fs.readFileSync(mark, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(fs.readFileSync(mark, 'utf8'), 'fine');
  });

  it('says in one line what it can’t do', async () => {
    for (const [args, status, message] of [
      [[], 2, /program/],
      [['--pin', 'x', '--', 'python'], 2, /PATH=train or PATH=eval/],
      [['--frob', '--', 'python'], 2, /--frob/],
      [['--', 'no-such-program'], 3, /no-such-program can’t be started/],
      [['--json', '--', folder], 3, /can’t be started/],
    ] as const) {
      const outcome = await run(['watch', ...args]);
      assert.equal(outcome.status, status, outcome.errors);
      assert.match(outcome.errors, message);
      assert.equal(outcome.errors.split('\n').length, 2, outcome.errors);
      assert.equal(outcome.output, '');
    }
  });

  for (const launcher of [['torchrun'], ['python', '-m', 'torch.distributed.run']]) {
    it(`follows every rank of ${launcher.join(' ')}`, async () => {
      const code = `
import torch, torch.distributed as dist
from torch import nn
dist.init_process_group("gloo")
def main():
    net = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    wait()
    for step in range(11): net(torch.randn(4, 2)).sum().backward()
main()
dist.destroy_process_group()
`;
      const areBothThere = (events: readonly Event[]): boolean => {
        const wrapped = events.filter(({ models = [] }) =>
          models.some(({ modules }) => modules.some(({ path: layer }) => layer === 'module.1')),
        );
        return new Set(wrapped.map(({ process: id }) => id)).size === 2;
      };
      const options = ['--standalone', '--nproc-per-node', '2'];
      const outcome = await runUntil(areBothThere, ['watch', '--json', '--', ...launcher, ...options], code);
      const events = eventsOf(outcome);
      assert.equal(outcome.status, 0, outcome.errors);
      const ranks = events.filter(({ event, rank }) => event === 'connected' && typeof rank === 'number');
      assert.deepEqual(ranks.map(({ rank }) => rank).sort(), [0, 1]);
      for (const { process: id } of ranks) {
        const own = events.filter((event) => event.process === id);
        assert.equal(lastCount(own, 'module.1'), 11);
      }
    });
  }
});
