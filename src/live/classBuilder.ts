// Builds a module class of a Python file in a process of its own, in which the model then stays and can be run.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import type { LiveSession } from '../sessions/liveSession';
import type { SessionStore } from '../sessions/sessionStore';
import { whenStored } from '../sessions/whenStored';
import { AppError } from '../util/errors';
import type { Log } from '../util/log';
import type { LiveHub } from './liveHub';

export interface BuildRequest {
  readonly python: string;
  /** Absolute path of the file that defines the class. */
  readonly file: string;
  /** `Net`, or `Outer.Inner`. */
  readonly name: string;
  /** The working folder of the process. */
  readonly folder: string;
  /** A Python argument list; without one, the class is built without arguments if it needs none. */
  readonly args?: string | undefined;
  /** A file of `torch.save` with a state dict for the model. */
  readonly checkpoint?: string | undefined;
}

const parameters = v.array(v.object({ name: v.string(), positional: v.boolean() }));

const report = v.variant('kind', [
  v.object({
    kind: v.literal('built'),
    missing: v.optional(v.array(v.string()), []),
    unexpected: v.optional(v.array(v.string()), []),
  }),
  v.object({ kind: v.literal('arguments'), parameters }),
  v.object({
    kind: v.literal('error'),
    message: v.string(),
    traceback: v.exactOptional(v.string()),
    file: v.exactOptional(v.string()),
    line: v.exactOptional(v.number()),
  }),
]);

export type NeededParameters = v.InferOutput<typeof parameters>;

export type BuildOutcome =
  /** Keys of the model that the checkpoint has not, and the other way round. */
  | {
      readonly kind: 'built';
      readonly session: LiveSession;
      readonly missing: readonly string[];
      readonly unexpected: readonly string[];
    }
  /** The constructor takes these, and none were given. */
  | { readonly kind: 'arguments'; readonly parameters: NeededParameters };

/**
 * Resolves once the model is shown. Its process ends when the model is closed or detached.
 * @throws AppError `program-error` with the user's own line where their code fails; the traceback is in the log.
 */
export async function buildClass(
  request: BuildRequest,
  hub: Pick<LiveHub, 'environment' | 'pythonFolder'>,
  store: SessionStore,
  log: Log,
  signal?: AbortSignal,
): Promise<BuildOutcome> {
  const { python, file, name, folder, args = null, checkpoint = null } = request;
  const launch = { id: randomUUID(), title: `${name} (${path.basename(file)})` };
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'mode-inspector-build-'));
  const reportFile = path.join(temporary, 'report.json');
  const job = { file, name, arguments: args, checkpoint, report: reportFile, title: launch.title };
  const { PYTHONPATH: _, ...address } = await hub.environment(process.env, launch.id);
  const child = spawn(python, [path.join(hub.pythonFolder, 'launch', 'build.py'), JSON.stringify(job)], {
    cwd: folder,
    env: { ...process.env, ...address, PYTHONUNBUFFERED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log.info(`${launch.title}: ${chunk.toString().trimEnd()}`);
    });
  }
  const abort = (): void => {
    child.kill();
  };
  signal?.addEventListener('abort', abort);
  store.addLaunch(launch);
  const shown = whenStored(
    store,
    () => store.processes.find(({ introduction }) => introduction.launch === launch.id)?.sessions[0],
  );
  const ended = once(child, 'close').then(
    () => undefined,
    (error: unknown) => {
      throw new AppError('no-python', `${python} can’t be started.`, 'Choose another interpreter.', { cause: error });
    },
  );
  try {
    const session = await Promise.race([shown.found, ended]);
    if (signal?.aborted === true) throw new AppError('cancelled', `${name} was not built.`);
    const outcome = readReport(reportFile);
    if (session !== undefined && outcome?.kind === 'built') {
      endWithModel(store, session);
      return { ...outcome, session };
    }
    if (outcome?.kind === 'arguments') return outcome;
    throw failureOf(outcome, request, log);
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    shown.dispose();
    signal?.removeEventListener('abort', abort);
    store.endLaunch(launch.id);
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** The process has no purpose but the model: it leaves with it. */
function endWithModel(store: SessionStore, session: LiveSession): void {
  const listener = store.onDidChange((change) => {
    if (change.kind !== 'removed' || change.session !== session) return;
    listener.dispose();
    store.removeProcess(session.process);
  });
}

function readReport(file: string): v.InferOutput<typeof report> | undefined {
  try {
    return v.parse(report, JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function failureOf(
  outcome: v.InferOutput<typeof report> | undefined,
  { name, python }: BuildRequest,
  log: Log,
): AppError {
  if (outcome?.kind !== 'error') {
    return new AppError('program-error', `The process that should build ${name} ended.`, 'The log has its output.');
  }
  const { message, traceback, file, line } = outcome;
  if (traceback !== undefined) log.error(traceback);
  const place = file === undefined || line === undefined ? '' : ` (${path.basename(file)}:${line})`;
  // A package that is missing is often there in another interpreter.
  const hint = message.includes('ModuleNotFoundError') ? `It ran with ${python}.` : undefined;
  return new AppError('program-error', `${message.replace(/[.\s]+$/, '')}${place}.`, hint);
}
