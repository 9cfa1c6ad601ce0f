// “Attach to Python Process…”: the agent goes into a program that nobody started with it.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds, viewIds } from '../host/ids';
import { isOnPath } from '../host/interpreter';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { chooseOne } from '../host/questions';
import {
  attachConfiguration,
  attachObstacle,
  attachWay,
  parseVersion,
  remoteExecArguments,
  startItWithUs,
  versionArguments,
} from '../live/attachModel';
import type { AttachSurroundings } from '../live/attachModel';
import { isPythonDebugType, pythonDebugTypes } from '../live/debugModel';
import type { LiveHub } from '../live/liveHub';
import { knowsTorch, pythonProcesses } from '../live/pythonProcesses';
import type { PythonProcess } from '../live/pythonProcesses';
import type { SessionStore } from '../sessions/sessionStore';
import { whenStored } from '../sessions/whenStored';
import { AppError } from '../util/errors';
import type { DebugSessions } from './debugSessions';
import { requireTrust } from './runPython';
import type { Scene } from './targets';

const execute = promisify(execFile);
const toolMilliseconds = 20_000;
/** A program that has torch answers in a moment; one that is deep in a C++ loop may take its time. */
const agentMilliseconds = 20_000;

export function registerAttachToProcess(
  scene: Scene,
  hub: LiveHub,
  sessions: DebugSessions,
  log: OutputLog,
): vscode.Disposable {
  return registerCommand(log, commandIds.attachToProcess, async () => {
    requireTrust();
    const process = await choose(scene.store);
    if (process === undefined) return;
    const title = `Attaching to process ${process.id}`;
    const found = await withDelayedProgress(title, { cancellable: false }, () =>
      attach(scene.store, hub, sessions, process),
    );
    if (!found) {
      void vscode.window.showInformationMessage(
        `Process ${process.id} is inspected, and has not reported yet. Its models appear once it runs Python code and has imported torch.`,
      );
    }
    await vscode.commands.executeCommand(`${viewIds.modules}.focus`);
  });
}

async function choose(store: SessionStore): Promise<PythonProcess | undefined> {
  const inspected = new Set(store.processes.filter(({ ended }) => !ended).map(({ id }) => id));
  const processes = (await pythonProcesses()).filter(({ id }) => !inspected.has(id));
  if (processes.length === 0) {
    const which = knowsTorch ? 'Python process of yours with torch in it' : 'Python process of yours';
    const beside = inspected.size === 0 ? '' : ' beside those that are inspected already';
    throw new AppError('usage', `No ${which} is running${beside}.`, startItWithUs);
  }
  const picked = await chooseOne(
    processes.map((process) => ({
      label: process.command,
      description: String(process.id),
      ...(process.folder === undefined ? {} : { detail: process.folder }),
      process,
    })),
    {
      title: 'Attach to Python Process',
      placeHolder: knowsTorch
        ? 'Python processes with torch in them'
        : 'Python processes; whether torch is in them can’t be seen from outside on this system',
      matchOnDescription: true,
      matchOnDetail: true,
    },
  );
  return picked?.process;
}

/** True once the agent has reported; false if it has not, in good time. @throws AppError where the process can’t be reached. */
async function attach(
  store: SessionStore,
  hub: LiveHub,
  sessions: DebugSessions,
  process: PythonProcess,
): Promise<boolean> {
  const debugged = sessions.sessionOf(process.id);
  if (debugged !== undefined) {
    await sessions.bring(debugged, { onlyIfNew: false });
    return reported(store, process.id);
  }
  const type = installedDebugType();
  const way = attachWay(await versionOf(process));
  const obstacle = attachObstacle(way, await surroundings(type !== undefined));
  if (obstacle !== undefined) throw new AppError('refused', obstacle, startItWithUs);
  return way === 'remoteExec'
    ? attachByScript(store, hub, process)
    : attachByDebugger(store, sessions, process, type ?? pythonDebugTypes[0]);
}

/** The script holds the token, so it lies in a folder of this user’s alone, and only until it has run. */
async function attachByScript(store: SessionStore, hub: LiveHub, process: PythonProcess): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mode-inspector-'));
  try {
    const script = path.join(folder, 'start.py');
    await writeFile(script, `${await hub.code()}\n`, { mode: 0o600 });
    await execute(process.executable, remoteExecArguments(process.id, script), { timeout: toolMilliseconds }).catch(
      (error: unknown) => {
        throw unreachable(process, error);
      },
    );
    return await reported(store, process.id);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The debugger goes again as soon as the agent is there. */
async function attachByDebugger(
  store: SessionStore,
  sessions: DebugSessions,
  process: PythonProcess,
  type: string,
): Promise<boolean> {
  const configuration = attachConfiguration(type, process.id);
  let session: vscode.DebugSession | undefined;
  const listener = vscode.debug.onDidStartDebugSession((started) => {
    if (started.name === configuration.name) session = started;
  });
  try {
    const started = await vscode.debug.startDebugging(undefined, configuration, {
      suppressDebugToolbar: true,
      suppressDebugStatusbar: true,
      suppressDebugView: true,
      suppressSaveBeforeStart: true,
    });
    if (!started || session === undefined) throw unreachable(process, 'the debugger was refused');
    await sessions.bring(session, { onlyIfNew: false });
    return await reported(store, process.id);
  } finally {
    listener.dispose();
    // Said outright, since stopping a session ends the program under some debuggers.
    await session?.customRequest('disconnect', { terminateDebuggee: false }).then(undefined, () => undefined);
  }
}

function unreachable(process: PythonProcess, cause: unknown): AppError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const reason = text.trim().split('\n').at(-1) ?? '';
  return new AppError('refused', `Process ${process.id} can’t be reached: ${reason}`, startItWithUs, { cause });
}

async function reported(store: SessionStore, processId: number): Promise<boolean> {
  const waiting = whenStored(store, () => store.processes.find(({ id, ended }) => id === processId && !ended));
  try {
    return (await waiting.within(agentMilliseconds)) !== undefined;
  } finally {
    waiting.dispose();
  }
}

async function versionOf({ executable }: PythonProcess): Promise<readonly [number, number] | undefined> {
  try {
    return parseVersion((await execute(executable, [...versionArguments], { timeout: toolMilliseconds })).stdout);
  } catch {
    // An interpreter that was replaced since: a debugger does not need it.
    return undefined;
  }
}

async function surroundings(hasPythonDebugger: boolean): Promise<AttachSurroundings> {
  const { platform } = process;
  const scope = await readFile('/proc/sys/kernel/yama/ptrace_scope', 'utf8').catch(() => '');
  const tool = platform === 'darwin' ? 'lldb' : 'gdb';
  return {
    platform,
    isAdministrator: process.getuid?.() === 0,
    ptraceScope: /^\d+\s*$/.test(scope) ? Number(scope) : undefined,
    hasNativeDebugger: platform !== 'win32' && (await isOnPath(tool)),
    hasPythonDebugger,
  };
}

/** The debug type of whichever extension debugs Python. */
function installedDebugType(): string | undefined {
  const declared = vscode.extensions.all.flatMap(({ packageJSON }) => {
    const { contributes } = packageJSON as {
      readonly contributes?: { readonly debuggers?: readonly { readonly type?: unknown }[] };
    };
    return (contributes?.debuggers ?? []).map(({ type }) => type);
  });
  return declared.filter((type) => typeof type === 'string').find(isPythonDebugType);
}
