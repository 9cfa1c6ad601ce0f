// The headless twin: the same sessions from a shell. Exit status 0 done, 1 findings, 2 usage, 3 can't be inspected.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { CommanderError } from 'commander';

import { rulePage } from '../model/finding';
import type { Engine } from '../protocol/engine';
import { createEngine } from '../sessions/engine';
import { createWorkerEngine } from '../sessions/workerEngine';
import { AppError, toAppError } from '../util/errors';
import { silentLog } from '../util/log';
import { parseCommandLine, type CommandLine, type CompareFilesCommand, type WatchCommand } from './arguments';
import { check, type Checked } from './check';
import { compare } from './compare';
import { compareFiles } from './compareFiles';
import { inspect } from './inspect';
import { run } from './run';
import { set } from './set';
import { watch } from './watch';

/** dist/ holds this bundle and the WebAssembly beside it. */
const distFolder = path.dirname(fileURLToPath(import.meta.url));

/** Holds the agent and what starts it. */
const agentFolder = path.join(distFolder, '..', 'python');

type FileCommand = Exclude<CommandLine, WatchCommand | CompareFilesCommand>;

async function main(argv: readonly string[]): Promise<number> {
  let command: CommandLine;
  try {
    command = parseCommandLine(argv);
  } catch (error) {
    // Commander has printed its message already; asking for help is no mistake.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return report(error);
  }
  if (command.name === 'watch') return watch(command, agentFolder).catch(report);
  try {
    const { text, status } = await (command.name === 'compareFiles' ? compareTwo(command) : inEngine(command));
    await write(text);
    return status;
  } catch (error) {
    return report(error);
  }
}

function compareTwo(command: CompareFilesCommand): Promise<Checked> {
  return compareFiles(() => createEngine({ wasmFolder: distFolder, threads: command.threads }), command);
}

async function inEngine(command: FileCommand): Promise<Checked> {
  const engine = engineFor(command);
  try {
    return await execute(engine, command);
  } finally {
    engine.dispose();
  }
}

async function execute(engine: Engine, command: FileCommand): Promise<Checked> {
  const done = (text: string): Checked => ({ text, status: 0 });
  switch (command.name) {
    case 'inspect':
      return done(await inspect(engine, command));
    case 'check':
      return check(engine, command);
    case 'run':
      return done(await run(engine, command));
    case 'compare':
      return done(await compare(engine, command));
    case 'set':
      return done(await set(engine, command));
  }
}

/**
 * The user's program runs in a worker: it may loop, or fill the heap, and both must end in a sentence. Looking at a file, or copying it, runs
 * nothing and saves the worker's start.
 */
function engineFor(command: FileCommand): Engine {
  const common = { wasmFolder: distFolder, threads: command.threads };
  if (command.name !== 'run' && command.name !== 'compare') return createEngine(common);
  return createWorkerEngine({ ...common, script: path.join(distFolder, 'worker.mjs'), log: silentLog });
}

/** One line on stderr: what, where, what to do. */
function report(thrown: unknown): number {
  const error = toAppError(thrown, 'program-error');
  const page = error.code === 'single-value' ? ` See ${rulePage('batchnorm/single-value')}.` : '';
  process.stderr.write(`mode-inspector: ${error.oneLine}${page}\n`);
  return isUsage(error) ? 2 : 3;
}

function isUsage(error: AppError): boolean {
  return error.code === 'usage' || error.code === 'no-such-module';
}

/** Resolves when the text has left the process, so that exiting cuts nothing off a pipe. @throws AppError on a full disk. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.once('error', (error: NodeJS.ErrnoException) => {
      // A reader that went away (`| head`) is no error of ours.
      if (error.code === 'EPIPE') resolve();
      else reject(new AppError('file-unreadable', `The output can't be written: ${error.message}`));
    });
    process.stdout.write(`${text}\n`, (error) => {
      if (error === null || error === undefined) resolve();
    });
  });
}

// The threads of the kernels would keep the process alive.
void main(process.argv.slice(2)).then((status) => process.exit(status));
