// The child process: examines one mutant after the other and writes a line on each to the parent, even if the next one kills it.

import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { BrokenRule, examine, type Outcomes, type Step } from './examine';
import { LINES, type Batch } from './lines';
import { makeMutant } from './mutant';

const MEMORY_LIMIT = 768 * 2 ** 20;
const steps: readonly Step[] = ['open', 'forward', 'copy'];

const state = new Int32Array(new SharedArrayBuffer(8));
const cancelFlag = new Int32Array(new SharedArrayBuffer(4));
/** The parent removes it: this process may be killed. */
const folder = process.argv[2] ?? '';
const printed: string[] = [];
const rejections: unknown[] = [];

function line(word: string, value?: unknown): void {
  fs.writeSync(LINES, value === undefined ? `${word}\n` : `${word} ${JSON.stringify(value)}\n`);
}

/** Tells the watchdog that something new begins; -1 is nothing. */
function watch(step: number): void {
  Atomics.store(cancelFlag, 0, 0);
  Atomics.store(state, 1, step);
  Atomics.add(state, 0, 1);
}

const builtIns = [Object, Array, Function, String, Number, Map, Promise, Error, Uint8Array].map(
  ({ prototype }): object => prototype as object,
);
const keys = (): string => builtIns.map((prototype) => Reflect.ownKeys(prototype).map(String).join()).join('\n');
const keysBefore = keys();

async function run({ format, from, count }: Batch): Promise<void> {
  for (let seed = from; seed < from + count; seed++) {
    line('start', seed);
    const memoryBefore = process.memoryUsage.rss();
    const peakBefore = peak();
    try {
      const mutant = makeMutant(format, seed);
      const surroundings = {
        folder: path.join(folder, format, mutant.main),
        cancelFlag,
        onStep: (step: Step) => {
          watch(steps.indexOf(step));
        },
      };
      const outcomes: Outcomes = await examine(mutant, surroundings);
      // What was left behind without being awaited shows up now.
      await new Promise((resolve) => setImmediate(resolve));
      checkSurroundings();
      // Tensors of a forward may hold half of the machine's memory, which the engine itself watches.
      const hasRun = outcomes.some((outcome) => outcome.startsWith('forward'));
      if (!hasRun && peak() > peakBefore && peak() - memoryBefore > MEMORY_LIMIT)
        throw new BrokenRule(`it took ${((peak() - memoryBefore) / 2 ** 20).toFixed(0)} MiB of memory`);
      line('end', outcomes);
    } catch (error) {
      line('broken', error instanceof BrokenRule ? error.message : describe(error));
      printed.length = 0;
      rejections.length = 0;
    }
    watch(-1);
  }
  line('done', process.memoryUsage.rss());
}

/** The largest memory that the process ever had, in bytes. */
function peak(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** @throws BrokenRule for effects beyond the answer. */
function checkSurroundings(): void {
  if (rejections.length > 0) throw new BrokenRule(`nobody caught: ${rejections.map(describe).join('; ')}`);
  if (printed.length > 0) throw new BrokenRule(`printed: ${printed.join('').slice(0, 2000)}`);
  if (keys() !== keysBefore) throw new BrokenRule('the prototypes of JavaScript have other properties now');
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
}

// Libraries print through streams, WebAssembly past them.
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (chunk: Uint8Array | string): boolean => {
    printed.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    return true;
  };
}
const writeSync = fs.writeSync.bind(fs) as (file: number, ...rest: unknown[]) => number;
Object.assign(fs, {
  writeSync: (file: number, ...rest: unknown[]): number => {
    if (file !== 1 && file !== 2) return writeSync(file, ...rest);
    printed.push(String(rest[0]));
    return 0;
  },
});
process.on('unhandledRejection', (reason) => rejections.push(reason));
process.on('uncaughtException', (error) => rejections.push(error));

watch(-1);
const workerData = { state, cancelFlag, output: LINES };
new Worker(path.join(__dirname, 'watchdog.mjs'), { workerData, execArgv: [] }).unref();

process.on('message', (batch: Batch) => void run(batch));
process.on('disconnect', () => process.exit());
