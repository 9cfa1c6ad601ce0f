// `mode-inspector watch -- python train.py`: a live session without an editor.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import os from 'node:os';
import type { ChildProcess } from 'node:child_process';
import { agentEnvironment } from '../live/environment';
import { listenForAgents } from '../live/agentServer';
import { FindingRules } from '../sessions/findingRules';
import { introduceProcess } from '../sessions/liveProcess';
import type { Finding } from '../model/finding';
import type { ModuleSpec } from '../model/module';
import type { AgentLink, LiveProcess, ProcessChange } from '../sessions/liveProcess';
import type { LiveSession } from '../sessions/liveSession';
import { AppError, toAppError } from '../util/errors';
import type { Log } from '../util/log';
import type { WatchCommand } from './arguments';
import { eventLine, eventText, findingTexts, type WatchEvent } from './watchEvents';

/** News that are still on their way when the program has ended. */
const lastNewsMilliseconds = 3000;

/**
 * Runs the program with an agent in it and every Python process that it starts, and writes what happens.
 * @returns the program's exit status. @throws AppError where it can't be started.
 */
export async function watch(command: WatchCommand, pythonFolder: string): Promise<number> {
  const output = new EventOutput(command.json);
  const server = await listenForAgents(warnings);
  const watched = new Set<Promise<void>>();
  const wishes = new Wishes(command);
  const rules = new FindingRules(command.settings);
  server.onDidConnect((link) => {
    const done = follow(link, output, wishes, rules).finally(() => watched.delete(done));
    watched.add(done);
  });
  try {
    const status = await run(command, agentEnvironment(server, pythonFolder, process.env));
    await Promise.race([Promise.all(watched), after(lastNewsMilliseconds)]);
    for (const unmet of wishes.unmet()) output.warn(`No model had a module “${unmet}”.`);
    output.write({ event: 'exited', time: now(), status });
    await output.flushed();
    return status;
  } finally {
    server.dispose();
  }
}

/** The program's own output goes where ours does not. */
async function run({ command, json }: WatchCommand, environment: Readonly<Record<string, string>>): Promise<number> {
  const [file, ...args] = command;
  const isAtTerminal = hasTerminal();
  let release = (): void => undefined;
  try {
    const child = spawn(file, args, {
      stdio: ['inherit', json ? 2 : 'inherit', 'inherit'],
      env: { ...process.env, ...environment },
      // In a group of its own, the program hears signals from us alone, and so once.
      detached: !isAtTerminal,
    });
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    release = passSignalsOn(child, isAtTerminal);
    const [status, signal] = await ended;
    // As a shell tells of a program that a signal ended.
    return status ?? 128 + (signal === null ? 0 : os.constants.signals[signal]);
  } catch (error) {
    throw new AppError('file-unreadable', `${file} can’t be started: ${(error as Error).message}`);
  } finally {
    release();
  }
}

/** A terminal's Ctrl-C reaches the program by itself. Whichever way it comes, it is the program that decides how to end. */
function passSignalsOn(child: ChildProcess, isAtTerminal: boolean): () => void {
  const pass = (signal: NodeJS.Signals): void => {
    if (signal !== 'SIGINT' || !isAtTerminal) child.kill(signal);
  };
  process.on('SIGINT', pass).on('SIGTERM', pass).on('SIGHUP', pass);
  return () => {
    process.off('SIGINT', pass).off('SIGTERM', pass).off('SIGHUP', pass);
  };
}

/** True if a terminal controls this process, wherever its streams lead. */
function hasTerminal(): boolean {
  // A console of Windows tells all of its processes.
  if (process.platform === 'win32') return true;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** Writes what one process tells until it ends. */
async function follow(link: AgentLink, output: EventOutput, wishes: Wishes, rules: FindingRules): Promise<void> {
  const process = await introduceProcess(link);
  if (process === undefined) return;
  const ended = new Promise<void>((resolve) => {
    process.onDidChange((change) => {
      report(change, process, output, wishes);
      if (change.kind === 'added') change.session.watchFindings(rules);
      if (change.kind === 'ended') for (const session of process.sessions) session.flushFindings();
      if (change.kind === 'ended') resolve();
    });
  });
  output.write(connected(process));
  await process.look({ watching: true, statistics: 'all' }).catch(() => undefined);
  await ended;
  process.dispose();
}

function report(change: ProcessChange, process: LiveProcess, output: EventOutput, wishes: Wishes): void {
  const common = { time: now(), process: process.id };
  switch (change.kind) {
    case 'added':
      output.write(models(change.session));
      tell(change.session, output);
      wishes.apply(change.session).catch((error: unknown) => {
        output.warn(toAppError(error, 'refused').oneLine);
      });
      return;
    case 'removed':
      output.write({ event: 'gone', ...common, model: change.session.title });
      return;
    case 'switch': {
      const { session, path, training, file, line, function: name, time } = change.switch;
      const caller = file === null ? null : { file: relative(file, process), line: line ?? 0, function: name ?? '' };
      output.write({
        event: 'switch',
        ...common,
        time,
        model: session?.title ?? null,
        path: path ?? '',
        training,
        caller,
      });
      return;
    }
    case 'problem':
      output.warn(change.message);
      return;
    case 'ended':
      return;
  }
}

/** Writes a model's changes as they come. */
function tell(session: LiveSession, output: EventOutput): void {
  let told: ReadonlySet<string> = new Set();
  session.onDidChange((change) => {
    const common = { time: now(), process: session.process.id, model: session.title };
    if (change.kind === 'findings') {
      const fresh = session.findings.filter((finding) => !told.has(keyOf(finding)));
      output.writeFindings(
        common,
        fresh.map((finding) => withRelativePlace(finding, session.process)),
      );
      told = new Set(session.findings.map(keyOf));
    } else if (change.kind === 'tree') output.write(models(session));
    else if (change.kind === 'modes') {
      const changed = change.paths.map((path) => {
        const { training = null, behaviour = 'unknown' } = session.module(path) ?? {};
        return { path, training, behaviour };
      });
      output.write({ event: 'modes', ...common, changed });
    } else if (change.kind === 'statistics') {
      const changed = change.paths.flatMap((path) => {
        const [module, statistics] = [session.module(path), session.latestStatistics(path)];
        if (module === undefined || statistics === undefined) return [];
        return [
          module.instanceNorm === undefined ? { path, batchNorm: statistics } : { path, instanceNorm: statistics },
        ];
      });
      output.write({ event: 'statistics', ...common, changed });
    }
  });
}

function connected({ introduction }: LiveProcess): WatchEvent {
  const { process, rank, python, torch, argv } = introduction;
  return { event: 'connected', time: now(), process, rank, python, torch, argv };
}

function models(session: LiveSession): WatchEvent {
  return {
    event: 'models',
    time: now(),
    process: session.process.id,
    models: [
      {
        model: session.title,
        modules: session.modules.map((module) => ({
          module: withRelativeSource(module, session.process),
          statistics: session.latestStatistics(module.path),
        })),
      },
    ],
  };
}

/** Figures in the message change as the program goes on; it is the same finding. */
function keyOf({ rule, severity, path }: Finding): string {
  return `${severity} ${rule} ${path}`;
}

function withRelativePlace(finding: Finding, process: LiveProcess): Finding {
  const { source } = finding;
  return source === undefined ? finding : { ...finding, source: { ...source, file: relative(source.file, process) } };
}

function withRelativeSource(module: ModuleSpec, process: LiveProcess): ModuleSpec {
  if (module.source === undefined) return module;
  return { ...module, source: { ...module.source, file: relative(module.source.file, process) } };
}

/** As the user names his files: from the folder in which he started the program. */
function relative(file: string, { introduction: { folder } }: LiveProcess): string {
  const start = folder.endsWith('/') || folder.endsWith('\\') ? folder : `${folder}${file.includes('\\') ? '\\' : '/'}`;
  return file.startsWith(start) ? file.slice(start.length) : file;
}

/** What `--train`, `--eval` and `--pin` ask for, in every model that has the module. */
class Wishes {
  private readonly met = new Set<string>();

  constructor(private readonly command: WatchCommand) {}

  async apply(session: LiveSession): Promise<void> {
    const { modes, pins } = this.command;
    for (const { path, training } of pins) {
      if (this.has(session, path)) await session.pin(path, training);
    }
    for (const { path, training } of modes) {
      if (this.has(session, path)) await session.setTraining(path, training, { recursive: true });
    }
  }

  unmet(): string[] {
    const { modes, pins } = this.command;
    return [...new Set([...modes, ...pins].map(({ path }) => path))].filter(
      (path) => !this.met.has(path) && path !== '',
    );
  }

  private has(session: LiveSession, path: string): boolean {
    if (session.module(path) === undefined) return false;
    this.met.add(path);
    return true;
  }
}

/** Events to stdout with `--json`; else as sentences to stderr, so that the program's output stays its own. */
class EventOutput {
  private readonly told = new Set<string>();
  private isBroken = false;
  private isOver = false;
  private written: Promise<void> = Promise.resolve();

  constructor(private readonly json: boolean) {
    // A reader that went away (`| head`) is no reason to disturb the program.
    process.stdout.on('error', () => {
      this.isBroken = true;
    });
  }

  write(event: WatchEvent): void {
    if (this.isOver) return;
    // A process that outlives the program has no more to tell.
    this.isOver = event.event === 'exited';
    if (!this.json) {
      const text = eventText(event);
      // A training loop calls train() at the same line again and again.
      if (text !== undefined && (event.event !== 'switch' || this.isFirst(text))) this.warn(text);
      return;
    }
    if (this.isBroken) return;
    const line = `${eventLine(event)}\n`;
    this.written = new Promise((resolve) => {
      process.stdout.write(line, () => {
        resolve();
      });
    });
  }

  writeFindings(
    common: { readonly time: number; readonly process: number; readonly model: string },
    findings: readonly Finding[],
  ): void {
    if (this.json) for (const finding of findings) this.write({ event: 'finding', ...common, finding });
    if (this.json || this.isOver) return;
    // With each epoch they may come and go, and the figures in them grow.
    const fresh = findings.filter((finding) => this.isFirst(`${common.model} ${keyOf(finding)}`));
    for (const text of findingTexts(common.model, fresh)) this.warn(text);
  }

  /** False for what was told before. */
  private isFirst(text: string): boolean {
    if (this.told.has(text)) return false;
    this.told.add(text);
    return true;
  }

  warn(message: string): void {
    process.stderr.write(`mode-inspector: ${message}\n`);
  }

  flushed(): Promise<void> {
    return this.written;
  }
}

const warnings: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message) => process.stderr.write(`mode-inspector: ${message}\n`),
  error: (message) => process.stderr.write(`mode-inspector: ${message}\n`),
};

function now(): number {
  return Date.now() / 1000;
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
