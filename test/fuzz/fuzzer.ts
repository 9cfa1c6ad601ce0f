// The parent of the fuzzing: hands seeds to child processes, outlives those that a mutant kills, and collects what broke.

import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { cacheFolder, root } from '../../scripts/lib/paths';
import { LINES, type Batch } from './lines';
import { makeMutant } from './mutant';

/** A mutant that broke a rule. */
export interface Failure {
  readonly format: string;
  readonly seed: number;
  readonly reason: string;
}

export interface FuzzReport {
  readonly mutants: number;
  /** How many mutants ended in each way, by name: `opened`, or the code of the error; forwards and copies besides. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

const BATCH = 250;
/** A child that has grown to this many bytes is replaced: WebAssembly's memory never shrinks. */
const RECYCLE = 640 * 2 ** 20;
/** Milliseconds without a line: what waits for ever uses no processor time, which the child's own watchdog measures. */
const SILENCE = 120_000;
/** Enough to see what is wrong; a fault that hits every mutant would fill the disk. */
const MAX_FAILURES = 50;

/** A pool of child processes, started when first needed. The caller closes it. */
export class Fuzzer {
  private readonly idle: Child[] = [];
  private readonly all = new Set<Child>();
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-fuzz-'));

  constructor(private readonly processes = os.availableParallelism()) {}

  /** Examines the mutants of these seeds. Those that break a rule are written to .cache/fuzz. */
  async run({ format, from, count }: Batch): Promise<FuzzReport> {
    const outcomes = new Map<string, number>();
    const failures: Failure[] = [];
    let next = from;
    let mutants = 0;
    const work = async (): Promise<void> => {
      while (next < from + count && failures.length < MAX_FAILURES) {
        const batch = { format, from: next, count: Math.min(BATCH, from + count - next) };
        next += batch.count;
        const child = this.idle.pop() ?? this.start();
        const result = await child.run(batch);
        mutants += result.mutants;
        for (const outcome of result.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        failures.push(...result.failures);
        if (child.isUsable) this.idle.push(child);
        else this.end(child);
      }
    };
    await Promise.all(Array.from({ length: this.processes }, work));
    for (const failure of failures) keep(failure);
    return { mutants, outcomes, failures: failures.sort((a, b) => a.seed - b.seed) };
  }

  close(): void {
    for (const child of this.all) this.end(child);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private start(): Child {
    const child = new Child(fs.mkdtempSync(path.join(this.folder, 'child-')));
    this.all.add(child);
    return child;
  }

  private end(child: Child): void {
    this.all.delete(child);
    child.end();
  }
}

/** One line a failure, with the command that repeats it. */
export function describeFailure({ format, seed, reason }: Failure): string {
  const command = `npm run fuzz -- --format ${format} --seed ${seed} --count 1`;
  const script = makeMutant(format, seed).script.join('\n    ');
  return `${format}, seed ${seed}: ${reason}\n  mutation:\n    ${script}\n  again: ${command}\n  files: ${folderOf({ format, seed })}`;
}

function folderOf({ format, seed }: Pick<Failure, 'format' | 'seed'>): string {
  return path.join(cacheFolder, 'fuzz', `${format}-${seed}`);
}

function keep({ format, seed }: Failure): void {
  const folder = folderOf({ format, seed });
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(makeMutant(format, seed).files))
    fs.writeFileSync(path.join(folder, name), bytes);
}

interface BatchResult {
  mutants: number;
  readonly outcomes: string[];
  readonly failures: Failure[];
}

class Child {
  private process: ChildProcess | undefined;
  /** Takes the lines of the running batch, then its end. */
  private onLine: (word: string, value: unknown) => void = () => undefined;
  private onEnd: (reason: string) => void = () => undefined;
  private output = '';
  isUsable = true;

  /** @param folder for the files of its mutants. */
  constructor(private readonly folder: string) {}

  end(): void {
    this.isUsable = false;
    this.process?.kill('SIGKILL');
  }

  /** Goes on with a new process behind a mutant that killed the old one. */
  async run({ format, from, count }: Batch): Promise<BatchResult> {
    const result: BatchResult = { mutants: 0, outcomes: [], failures: [] };
    let next = from;
    while (next < from + count && result.failures.length < MAX_FAILURES) {
      const last = await this.runOnce({ format, from: next, count: from + count - next }, result);
      if (last === undefined) break;
      next = last + 1;
    }
    return result;
  }

  /** Resolves to the seed that ended the process, or to nothing at the end of the batch. */
  private runOnce(batch: Batch, result: BatchResult): Promise<number | undefined> {
    const child = (this.process ??= this.start());
    return new Promise((resolve) => {
      let seed = batch.from;
      let hang: string | undefined;
      let timer: NodeJS.Timeout | undefined;
      const fail = (reason: string): void => {
        result.failures.push({ format: batch.format, seed, reason });
      };
      const expect = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          hang ??= 'waiting';
          child.kill('SIGKILL');
        }, SILENCE);
      };
      const finish = (last: number | undefined): void => {
        clearTimeout(timer);
        this.onLine = this.onEnd = () => undefined;
        resolve(last);
      };
      this.onLine = (word, value) => {
        expect();
        if (word === 'start') {
          seed = value as number;
          result.mutants++;
        } else if (word === 'end') result.outcomes.push(...(value as string[]));
        else if (word === 'broken') fail(value as string);
        else if (word === 'hang') hang = value as string;
        else {
          this.isUsable = (value as number) < RECYCLE;
          if (this.output !== '') fail(`one of the batch printed: ${this.output}`);
          this.output = '';
          finish(undefined);
        }
      };
      this.onEnd = (reason) => {
        fail(hang === undefined ? `${reason} ${this.output.slice(-3000)}` : `hangs (${hang})`);
        this.process = undefined;
        finish(seed);
      };
      expect();
      child.send(batch);
    });
  }

  private start(): ChildProcess {
    const args = ['--import', 'tsx', '--max-old-space-size=512', path.join(__dirname, 'child.ts'), this.folder];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'] });
    this.output = '';
    const add = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    createInterface(child.stdio[LINES] as Readable).on('line', (line) => {
      const space = line.indexOf(' ');
      if (space < 0) this.onLine(line, undefined);
      else this.onLine(line.slice(0, space), JSON.parse(line.slice(space + 1)));
    });
    child.once('close', (status, signal) => {
      this.onEnd(`the process ended (${signal ?? `status ${String(status)}`})`);
    });
    return child;
  }
}
