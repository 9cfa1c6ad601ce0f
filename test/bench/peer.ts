// A contender in a process of its own, which has loaded everything and repeats its work at each line that it is sent.

import { spawn } from 'node:child_process';
import readline from 'node:readline';
import { cleanEnvironment, kill, track } from '../../scripts/lib/shell';
import type { Contender } from './measure';

export interface Peer<Ready> extends Contender {
  /** What the process said when it was ready. */
  readonly ready: Ready;
  /** Sends a line; resolves to the whole answer. */
  ask(line: string): Promise<unknown>;
  close(): void;
}

/** Starts a process that prints one JSON line when ready, and `{"milliseconds": …}` for each line of its input. */
export async function startPeer<Ready>(
  name: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Peer<Ready>> {
  const child = spawn(command, args, {
    env: cleanEnvironment(env),
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: process.platform !== 'win32',
  });
  const untrack = track(child);
  child.once('close', untrack);
  const lines = readline.createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${name} ended in the middle of the benchmark; its messages stand above`);
    return JSON.parse(line.value);
  };
  const ready = (await answer()) as Ready;
  const ask = (line: string): Promise<unknown> => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  return {
    name,
    ready,
    ask,
    async run() {
      return ((await ask('')) as { milliseconds: number }).milliseconds;
    },
    close() {
      child.stdin.end();
      kill(child, 'SIGTERM');
    },
  };
}
