// Real Python programs with the agent in them, for tests: started, followed, ended.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../../scripts/lib/paths';
import { cleanEnvironment } from '../../scripts/lib/shell';
import { listenForAgents } from '../../src/live/agentServer';
import type { AgentServer } from '../../src/live/agentServer';
import { agentEnvironment } from '../../src/live/environment';
import { FindingRules } from '../../src/sessions/findingRules';
import { introduceProcess } from '../../src/sessions/liveProcess';
import type { LiveProcess, Look } from '../../src/sessions/liveProcess';
import type { LiveSession } from '../../src/sessions/liveSession';
import type { Log } from '../../src/util/log';

export const pythonFolder = path.join(root, 'python');

/** An interpreter with torch. */
export function torchPython(): string {
  const python = process.env['MODE_INSPECTOR_PYTHON'];
  assert.ok(python, 'Run this with `npm test -- live`, or name a Python with torch in MODE_INSPECTOR_PYTHON.');
  return python;
}

export const lookAtEverything: Look = { watching: true, interval: 0.05, statistics: 'all' };

/** What every program begins with. `wait()` stands still until the test says so. */
const prelude = `
import sys, torch
from torch import nn
def wait():
    print("waiting", flush=True)
    sys.stdin.readline()
`;

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-live-'));
const running = new Set<Program>();
const rules = new FindingRules();

after(() => {
  fs.rmSync(temporary, { recursive: true, force: true });
});

afterEach(async () => {
  for (const program of running) await program.kill();
});

export interface ProgramOptions {
  /** Goes to the agent instead of the server's own token. */
  readonly token?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Without it nothing of the agent is there. */
  readonly agent?: boolean;
  readonly look?: Look;
  readonly python?: string;
  readonly args?: readonly string[];
  /** Told each process before its first model. */
  readonly onProcess?: (live: LiveProcess) => void;
}

/** Writes the code into a file and runs it. It is killed after the test, if it still runs then. */
export async function startProgram(code: string, options: ProgramOptions = {}): Promise<Program> {
  const file = path.join(fs.mkdtempSync(path.join(temporary, 'program-')), 'train.py');
  fs.writeFileSync(file, prelude + code);
  const warnings: string[] = [];
  const server = await listenForAgents(logInto(warnings));
  const address = { port: options.port ?? server.port, token: options.token ?? server.token };
  const env = options.agent === false ? {} : agentEnvironment(address, pythonFolder, {});
  const child = spawn(options.python ?? torchPython(), [...(options.args ?? []), file], {
    env: cleanEnvironment({ ...env, ...options.env }),
    cwd: path.dirname(file),
  });
  const program = new Program(file, child, server, warnings, options.look ?? lookAtEverything, options.onProcess);
  running.add(program);
  return program;
}

export class Program {
  readonly processes: LiveProcess[] = [];
  output = '';
  errors = '';
  private readonly exited: Promise<number | null>;
  private heard = 0;

  constructor(
    readonly file: string,
    readonly child: ChildProcessWithoutNullStreams,
    readonly server: AgentServer,
    readonly warnings: readonly string[],
    look: Look,
    onProcess?: (live: LiveProcess) => void,
  ) {
    child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    // A program that has ended reads no more.
    child.stdin.on('error', () => undefined);
    this.exited = once(child, 'close').then(([status]) => status as number | null);
    server.onDidConnect((link) => {
      void introduceProcess(link).then(async (live) => {
        if (live === undefined) return;
        this.processes.push(live);
        onProcess?.(live);
        // As in the editor, where a model in eval has a forward traced for its findings.
        live.onDidChange((change) => {
          if (change.kind === 'added') change.session.watchFindings(rules);
        });
        await live.look(look).catch(() => undefined);
      });
    });
  }

  get sessions(): LiveSession[] {
    return this.processes.flatMap((live) => live.sessions);
  }

  /** The model of that name, as soon as it is there. */
  async model(name: string): Promise<LiveSession> {
    await this.until(`a model ${name}`, () => this.sessions.some(({ title }) => title === name));
    return this.sessions.find(({ title }) => title === name)!;
  }

  /** Until the program waits for the test. */
  async waits(): Promise<void> {
    await this.until('“waiting”', () => this.output.split('waiting\n').length - 1 > this.heard);
    this.heard++;
  }

  /** Lets a program go on that waits. */
  goOn(): void {
    this.child.stdin.write('\n');
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    for (;;) {
      if (condition()) return;
      if (!running.has(this)) throw new Error(`${what} did not come in time.`);
      if (this.child.exitCode !== null) {
        // What was on its way may have arrived meanwhile.
        await new Promise((resolve) => setTimeout(resolve, 300));
        if (condition()) return;
        throw new Error(`${what} did not come before the program ended.\n${this.output}\n${this.errors}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Its exit status; null if a signal ended it. */
  async ends(): Promise<number | null> {
    const status = await this.exited;
    await this.until('the end of every connection', () => this.processes.every((live) => live.ended));
    return status;
  }

  async kill(): Promise<void> {
    running.delete(this);
    this.child.kill('SIGKILL');
    await this.exited;
    for (const live of this.processes) live.dispose();
    this.server.dispose();
  }
}

function logInto(lines: string[]): Log {
  const write = (message: string): void => {
    lines.push(message);
  };
  return { debug: () => undefined, info: () => undefined, warn: write, error: write };
}
