// Runs inside the extension host: opens models with the extension and with Netron's loader, in turns, and writes BENCH_REPORT.

import fs from 'node:fs';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../src/extension';
import type { FileSession } from '../../src/sessions/fileSession';
import { LoopWatch, type LongestTurn } from './loopWatch';
import { loadNetron } from './netron.mjs';

/** One thing done in the host: how long it took, and the longest turn of the event loop meanwhile. */
export interface HostSample extends LongestTurn {
  readonly milliseconds: number;
}

/** What this file writes. */
export interface HostReport {
  readonly vscode: string;
  /** Samples by what was done; see {@link main}. */
  readonly samples: Readonly<Record<string, readonly HostSample[]>>;
  /** Of the first opening: bytes that the process read, its code included; undefined where the system does not tell. */
  readonly bytesRead: number | undefined;
  /** Of the first opening: bytes by which the process grew at most. */
  readonly memory: number;
}

const repetitions = 5;
const {
  BENCH_REPORT = '',
  BENCH_CHECKPOINT = '',
  BENCH_TENSORS = '',
  BENCH_TREE = '',
  BENCH_NETRON = '',
} = process.env;
const samples: Record<string, HostSample[]> = {};

/** VS Code calls this. */
export async function run(): Promise<void> {
  // The extension host is busy with the built-in extensions just after its start.
  await pause(3000);
  const extension = vscode.extensions.getExtension<ExtensionApi>('mode-inspector.mode-inspector');
  if (extension === undefined) throw new Error('VS Code has not loaded the extension');
  const api = await extension.activate();
  // Rows are only asked for, and only cost something, while the tree is in sight.
  await vscode.commands.executeCommand('modeInspector.modules.focus');
  await pause(1000);
  const readBefore = bytesRead();
  const memory = new MemoryWatch();
  await openAndClose(api, 'first', BENCH_CHECKPOINT);
  const readAfter = bytesRead();
  const report = { memory: memory.end(), bytesRead: readBefore && readAfter ? readAfter - readBefore : undefined };
  await main(api);
  const written: HostReport = { vscode: vscode.version, samples, ...report };
  fs.writeFileSync(BENCH_REPORT, JSON.stringify(written));
}

async function main(api: ExtensionApi): Promise<void> {
  const loadWithNetron = await netron();
  await measure('netronFirst', () => loadWithNetron(BENCH_CHECKPOINT));
  // A model that stays open keeps a spare worker at hand, as for a person who compares models.
  const kept = await api.store.openFile(BENCH_TREE);
  await openAndClose(api, 'spare', BENCH_CHECKPOINT);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    await openAndClose(api, 'next', BENCH_CHECKPOINT);
    await measure('netron', () => loadWithNetron(BENCH_CHECKPOINT));
  }
  for (let repetition = 0; repetition < repetitions; repetition++) {
    await openAndClose(api, 'tensors', BENCH_TENSORS);
    for (const training of [true, false]) {
      await measure('switch', () => kept.setTraining('', training, { recursive: true }));
    }
  }
}

async function openAndClose(api: ExtensionApi, name: string, file: string): Promise<void> {
  let session: FileSession | undefined;
  await measure(name, async () => {
    session = await api.store.openFile(file);
    if (session.modules.length < 1000) throw new Error('the model was not opened');
  });
  await measure('close', () => {
    if (session !== undefined) api.store.close(session);
    return Promise.resolve();
  });
}

/** What follows an action, such as the rows of the tree, belongs to its turns, but not to its time. */
async function measure(name: string, action: () => Promise<unknown>): Promise<void> {
  await pause(200);
  const watch = new LoopWatch();
  const start = performance.now();
  await action();
  const milliseconds = performance.now() - start;
  await pause(800);
  (samples[name] ??= []).push({ milliseconds, ...watch.end() });
}

/** Netron's own factory of models, its code for the format not loaded yet. */
async function netron(): Promise<(file: string) => Promise<void>> {
  const open = await loadNetron(BENCH_NETRON);
  return async (file) => {
    const model = await open(file);
    if (model.modules.length === 0) throw new Error('Netron has read nothing');
  };
}

/** How far the process grows. */
class MemoryWatch {
  private readonly before = process.memoryUsage.rss();
  private most = this.before;
  private readonly timer = setInterval(() => {
    this.most = Math.max(this.most, process.memoryUsage.rss());
  }, 5);

  end(): number {
    clearInterval(this.timer);
    return this.most - this.before;
  }
}

/** By all system calls of the process so far; Linux tells. */
function bytesRead(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return Number(/^rchar: (\d+)/m.exec(fs.readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
