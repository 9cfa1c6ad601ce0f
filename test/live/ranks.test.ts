// Real ranks of torchrun, over gloo: one job, what differs between them, and what one of them does to the others.

import assert from 'node:assert/strict';
import type { LiveProcess } from '../../src/sessions/liveProcess';
import { SessionStore } from '../../src/sessions/sessionStore';
import { ModeCounts } from '../../src/views/modeCounts';
import { Ranks } from '../../src/views/ranks';
import { memberName } from '../../src/views/ranksModel';
import { FakeEngine, smallModel } from '../unit/support/models';
import { startProgram } from './program';
import type { Program } from './program';

/** Every rank has a model `net`; `step(input)` trains it, and `together()` waits until the test lets all of them go on. */
const prelude = `
import time
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)))
def together():
    if rank == 0:
        wait()
    dist.barrier()
`;

const end = `
together()
dist.destroy_process_group()
`;

class Job {
  readonly store = new SessionStore({ createEngine: () => new FakeEngine(smallModel()) });
  private readonly counts = new ModeCounts(this.store);
  readonly ranks = new Ranks(this.store, this.counts, (processes: readonly LiveProcess[]) => {
    for (const each of processes) void each.look({ watching: true, interval: 0.25, statistics: 'all' });
  });
  program!: Program;

  async start(code: string): Promise<void> {
    this.program = await startProgram(prelude + code, {
      args: ['-m', 'torch.distributed.run', '--nproc-per-node', '2'],
      env: { OMP_NUM_THREADS: '1', TORCH_CPP_LOG_LEVEL: 'ERROR' },
      look: { watching: true, interval: 0.25, statistics: 'all' },
      onProcess: (live) => {
        this.store.addProcess(live);
      },
    });
  }

  get key(): string {
    const [place, ...more] = this.ranks.places;
    assert.equal(more.length, 0, 'The job is the only root.');
    assert.equal(place?.kind, 'job');
    return place.job.key;
  }

  get words(): string {
    return this.ranks.places[0]?.kind === 'job' ? (this.ranks.jobRow(this.key)?.description ?? '') : 'no job';
  }

  rank(number: number): LiveProcess {
    return this.store.processes.find(({ introduction }) => introduction.rank === number)!;
  }

  async until(pattern: RegExp): Promise<void> {
    try {
      await this.program.until(`“${pattern.source}”`, () => pattern.test(this.words));
    } catch (error) {
      throw new Error(`The job says “${this.words}”.`, { cause: error });
    }
  }

  /** Ranks outlive a torchrun that is killed. */
  close(): void {
    for (const { id, ended, introduction } of this.store.processes) {
      if (ended || introduction.rank === null) continue;
      try {
        process.kill(id, 'SIGKILL');
      } catch {
        // It ended just now.
      }
    }
    this.ranks.dispose();
    this.counts.dispose();
    this.store.dispose();
  }
}

describe('the ranks of torchrun', () => {
  let job: Job;

  beforeEach(() => {
    job = new Job();
  });

  afterEach(() => {
    job.close();
  });

  it('are one job, without a row for torchrun, and agree', async () => {
    await job.start(end);
    await job.until(/^2 ranks · flags and statistics agree$/);
    assert.equal(job.store.processes.length, 3);
    const names = job.ranks.rowsBelow(job.key).map((place) => {
      assert.equal(place.kind, 'process');
      return memberName(place.process.introduction);
    });
    assert.deepEqual(names, ['rank 0', 'rank 1']);
    assert.equal(job.ranks.differencesRow(job.key), undefined);
    job.program.goOn();
    assert.equal(await job.program.ends(), 0);
  });

  it('show the layer that one of them has switched, and that it was switched back', async () => {
    await job.start(`
if rank == 1:
    net[3].eval()
together()
net.train()
${end}`);
    await job.until(/4 flags differ/);
    const [rank1] = job.rank(1).sessions;
    assert.ok(rank1);
    assert.equal(job.ranks.words(rank1, '3.1'), 'rank 0: train');
    assert.equal(job.ranks.words(rank1, '1'), '');
    const rows = job.ranks.differenceRows(job.key);
    assert.deepEqual(
      rows.map(({ label, description }) => [label, description]),
      [['3', 'rank 0: train, rank 1: eval · with 3 modules below · Sequential']],
    );
    job.program.goOn();
    await job.until(/flags and statistics agree/);
    job.program.goOn();
    assert.equal(await job.program.ends(), 0);
  });

  it('compare statistics after the same batch, though they report at different moments', async () => {
    await job.start(`
model = DistributedDataParallel(net, broadcast_buffers=False)
torch.manual_seed(rank)
done = torch.zeros(1)
while not done.item():
    model(torch.randn(8, 3) + rank).square().mean().backward()
    time.sleep(0.02)
    if rank == 0:
        import select
        done[0] = float(bool(select.select([sys.stdin], [], [], 0)[0]))
    dist.broadcast(done, 0)
print("waiting", flush=True)
dist.destroy_process_group()
`);
    await job.until(/statistics of 2 layers differ · flags agree/);
    // At first the ranks may be compared by `net`, before its wrapper is found.
    const rowOfLayer = () => job.ranks.differenceRows(job.key).find(({ label }) => label === 'module.1');
    await job.program.until('a difference below the wrapper', () => rowOfLayer() !== undefined);
    const row = rowOfLayer();
    assert.match(row?.description ?? '', /^differs by \d[\d.]* % · BatchNorm1d$/);
    const [mean, , counter] = row?.rows ?? [];
    assert.deepEqual(
      mean?.rows?.map(({ label }) => label),
      ['rank 0', 'rank 1'],
    );
    assert.notEqual(mean.rows[0]?.description, mean.rows[1]?.description);
    assert.match(counter?.description ?? '', /^compared after \d+$/);
    assert.equal(counter?.rows?.[0]?.description, counter?.rows?.[1]?.description);
    job.program.goOn();
    assert.equal(await job.program.ends(), 0);
    assert.match(job.words, /^2 ranks · ended/);
  });

  it('go on where another one ends', async () => {
    await job.start(`
if rank == 1:
    print("leaving", flush=True)
    dist.destroy_process_group()
    sys.exit()
wait()
net(torch.randn(8, 3))
wait()
`);
    await job.until(/^2 ranks · 1 ended$/);
    await job.program.until('the model of rank 0', () => job.rank(0).sessions.length > 0);
    const [left] = job.rank(0).sessions;
    assert.ok(left);
    await left.setTraining('1', false, { recursive: true });
    await job.program.until('the switch', () => left.module('1')?.training === false);
    job.program.goOn();
    job.program.goOn();
    assert.equal(await job.program.ends(), 0);
    await job.until(/^2 ranks · ended · 1 flag differs/);
  });

  it('go on where another one stands still', async () => {
    await job.start(`
while rank == 0:
    net(torch.randn(8, 3))
    time.sleep(0.01)
time.sleep(1000)
`);
    await job.until(/^2 ranks · flags agree/);
    const [live] = job.rank(0).sessions;
    assert.ok(live);
    process.kill(job.rank(1).id, 'SIGSTOP');
    await live.setTraining('1', false, { recursive: true });
    await job.until(/^2 ranks · 1 flag differs/);
    // The layer in train goes on counting, the one that stands is far behind at last.
    const [stands] = job.rank(1).sessions;
    await job.program.until('other counts', () => job.ranks.words(stands!, '3.1') === 'statistics differ from rank 0');
    for (const { id } of job.store.processes.filter(({ introduction }) => introduction.rank !== null)) {
      process.kill(id, 'SIGKILL');
    }
    await job.program.ends();
  });
});
