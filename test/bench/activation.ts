// The part of the benchmark inside VS Code: how long the extension takes to activate, beside one that does nothing.

import fs from 'node:fs';
import path from 'node:path';
import { runInEditor } from '../../scripts/lib/integration';
import { cacheFolder, root } from '../../scripts/lib/paths';
import { bundleEntry } from './bundleEntry';
import { timing } from './measure';
import type { Comparison } from './measure';

const starts = 7;
const emptyId = 'mode-inspector.empty';

/** What activationEntry.ts writes. */
interface Report {
  readonly vscode: string;
  readonly milliseconds: Readonly<Record<string, number>>;
}

/** Starts VS Code several times: an extension is activated once in each. */
export async function activation(): Promise<Comparison[]> {
  const folder = path.join(cacheFolder, 'bench', 'activation');
  fs.rmSync(folder, { recursive: true, force: true });
  const empty = writeEmptyExtension(path.join(folder, 'empty'));
  const tests = await bundleEntry('activationEntry', folder);
  const ids = ['mode-inspector.mode-inspector', emptyId];
  const reports: Report[] = [];
  for (let start = 0; start < starts; start++) {
    const report = path.join(folder, `report${start}.json`);
    // In turns, since the first activation pays for what the extension host loads once.
    const order = start % 2 === 0 ? ids : [...ids].reverse();
    const status = await runInEditor([root, empty], tests, { BENCH_REPORT: report, BENCH_EXTENSIONS: order.join() });
    if (status !== 0 || !fs.existsSync(report)) throw new Error(`VS Code ended with status ${status}`);
    reports.push(JSON.parse(fs.readFileSync(report, 'utf8')) as Report);
  }
  const times = (id: string): number[] => reports.map(({ milliseconds }) => milliseconds[id] ?? NaN);
  return [
    {
      title: `Activation in VS Code ${reports[0]?.vscode ?? ''}, ${starts} starts`,
      ours: timing('Mode Inspector (aim: below 50 ms)', times(ids[0] ?? '')),
      others: [{ timing: timing('an extension that does nothing', times(emptyId)) }],
      notes: [
        'From the call of `activate()` on the extension to its promise: loading the code, running it, and VS Code’s own part.',
      ],
    },
  ];
}

function writeEmptyExtension(folder: string): string {
  const manifest = {
    name: 'empty',
    publisher: 'mode-inspector',
    version: '0.0.1',
    engines: { vscode: '^1.100.0' },
    main: './main.js',
    extensionKind: ['workspace'],
    activationEvents: [],
  };
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  fs.writeFileSync(path.join(folder, 'main.js'), 'exports.activate = () => undefined;\n');
  return folder;
}
