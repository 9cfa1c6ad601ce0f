// The part of the benchmark about opening in VS Code: time, longest turn of the extension host, bytes read, memory.

import fs from 'node:fs';
import path from 'node:path';
import { runInEditor } from '../../scripts/lib/integration';
import { cacheFolder, root } from '../../scripts/lib/paths';
import { bundleEntry } from './bundleEntry';
import type { HostReport, HostSample } from './hostEntry';
import { timing } from './measure';
import type { Comparison, Timing } from './measure';
import type { Setup } from './setup';

const starts = 3;

/** In a real extension host, in turns with Netron's loader in the same one. */
export async function host({ checkpoint, growth, tree, netron }: Setup): Promise<Comparison[]> {
  const folder = path.join(cacheFolder, 'bench', 'host');
  fs.rmSync(folder, { recursive: true, force: true });
  const tests = await bundleEntry('hostEntry', folder);
  const reports: HostReport[] = [];
  for (let start = 0; start < starts; start++) {
    const report = path.join(folder, `report${start}.json`);
    const status = await runInEditor([root], tests, {
      BENCH_REPORT: report,
      BENCH_CHECKPOINT: checkpoint,
      BENCH_TENSORS: growth.get(100_002) ?? '',
      BENCH_TREE: tree,
      BENCH_NETRON: netron,
    });
    if (status !== 0 || !fs.existsSync(report)) throw new Error(`VS Code ended with status ${status}`);
    reports.push(JSON.parse(fs.readFileSync(report, 'utf8')) as HostReport);
  }
  const samples = (name: string): HostSample[] => reports.flatMap((report) => report.samples[name] ?? []);
  const time = (name: string, title: string): Timing =>
    timing(
      title,
      samples(name).map(({ milliseconds }) => milliseconds),
    );
  const size = fs.statSync(checkpoint).size;
  const megabytes = median(reports.map(({ memory }) => memory)) / 1e6;
  const read = reports.flatMap(({ bytesRead }) => bytesRead ?? []);
  const where = `VS Code ${reports[0]?.vscode ?? ''}, ${starts} starts`;
  return [
    {
      title: `Opening the state dict of 1.19 GB in the extension host, ${where}`,
      ours: time('next', 'Mode Inspector, warm'),
      others: [{ timing: time('netron', 'Netron’s loader, warm'), aim: '0.1' }],
      notes: [
        'Ours from the call until the session with all modules is there; statistics are read when their rows are shown. Netron’s until its model with its graph is there. Warm: in a process where each has read the file before, ours in the worker of a model that was closed.',
        `The first opening makes the process grow by ${megabytes.toFixed(0)} MB at most (aim: 200)${
          read.length === 0
            ? ''
            : `, and reads ${((100 * median(read)) / size).toFixed(2)} % of the file’s size (aim: 2), code included`
        }.`,
      ],
    },
    {
      title: 'The same, cold: the first time in each start',
      ours: time('first', 'Mode Inspector, with the start of its worker'),
      others: [
        { timing: time('spare', 'Mode Inspector, the next one, with its spare worker') },
        { timing: time('netronFirst', 'Netron’s loader, with the code of the format') },
      ],
    },
    ...turns(samples),
  ];
}

/** By the clock, which other programs lengthen, and in processor time, which they don't. */
function turns(samples: (name: string) => HostSample[]): Comparison[] {
  const named = {
    next: 'opening 1.19 GB, 14,000 tensors',
    tensors: 'opening 100,002 tensors, 57,145 modules',
    switch: 'train() or eval() of 41,001 modules',
    close: 'closing',
    netron: 'Netron’s loader, 1.19 GB',
  };
  const compare = (title: string, value: (sample: HostSample) => number | undefined): Comparison[] => {
    const timings = Object.entries(named).flatMap(([name, label]) => {
      const values = samples(name).flatMap((sample) => value(sample) ?? []);
      return values.length === 0 ? [] : [timing(label, values)];
    });
    const [ours, ...others] = timings;
    return ours === undefined ? [] : [{ title, ours, others: others.map((other) => ({ timing: other })) }];
  };
  return [
    ...compare('Longest turn of the extension host’s event loop, by the clock (aim: 50 ms)', ({ turn }) => turn),
    ...compare('The same in processor time of the host’s thread', ({ turnProcessor }) => turnProcessor),
  ];
}

function median(values: readonly number[]): number {
  return timing('', values).median;
}
