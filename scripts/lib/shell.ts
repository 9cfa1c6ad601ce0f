// Runs other programs: with a time limit, with their output kept or shown, and never left behind.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; {@link cleanEnvironment} of this process if absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** `show` passes output through; `keep` only returns it. */
  readonly output?: 'show' | 'keep';
  readonly timeoutSeconds?: number;
}

export interface RunResult {
  /** Exit status; null if it was killed or could not start. */
  readonly status: number | null;
  readonly output: string;
}

/** Something that the person at the terminal has to put right: shown without a stack. */
export class SetupError extends Error {}

/** Runs a program to its end. Never throws: what can't start has status null and says why in `output`. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const show = options.output === 'show';
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
    shell: process.platform === 'win32' && /^(npm|code)$|\.cmd$/.test(command),
  });
  const untrack = track(child);
  let output = '';
  const add = (stream: NodeJS.WriteStream) => (chunk: Buffer) => {
    output += chunk.toString();
    if (show) stream.write(chunk);
  };
  child.stdout.on('data', add(process.stdout));
  child.stderr.on('data', add(process.stderr));
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    if (options.timeoutSeconds !== undefined) {
      const limit = options.timeoutSeconds;
      timer = setTimeout(() => {
        output += `\nstopped after ${limit} s`;
        kill(child, 'SIGKILL');
      }, limit * 1000);
    }
    const finish = (status: number | null): void => {
      clearTimeout(timer);
      untrack();
      resolve({ status, output });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(null);
    });
    child.once('close', (status) => {
      finish(status);
    });
  });
}

/** As {@link run}, but a failure is an error that carries the end of the output. */
export async function runOrFail(
  what: string,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, output } = await run(command, args, options);
  if (status === 0) return output;
  const tail = options.output === 'show' ? '' : `\n${output.trim().split('\n').slice(-30).join('\n')}`;
  throw new SetupError(`${what} failed (status ${status ?? 'none'}).${tail}`);
}

/** This process's environment without what npm and an editor's terminal add for their own children. */
export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|VSCODE_|ELECTRON_RUN_AS_NODE$)/.test(name));
  return { ...Object.fromEntries(own), ...more };
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) kill(child, 'SIGTERM');
});

/** Ties a child's life to this process; returns a function that ends the tie. */
export function track(child: ChildProcess): () => void {
  running.add(child);
  return () => running.delete(child);
}

/** Signals a child and everything it started: tracked children lead their own process group. */
export function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

/** Ends this process, and with it what it runs, when it is told to; with the shell's status for that. */
export function endOnSignals(): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      process.exit(status);
    });
  }
}
