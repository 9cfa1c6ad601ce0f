// Debug sessions of Python: each gets the agent, a launch in its environment, any other by one line that the debugger runs.

import { readFile, stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { readDebugSessions } from '../host/config';
import { commandIds, viewIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import {
  isPythonDebugType,
  launchEnvironment,
  processIdIn,
  pythonDebugTypes,
  withEnvironment,
} from '../live/debugModel';
import type { LiveHub } from '../live/liveHub';
import type { LiveProcess } from '../sessions/liveProcess';
import type { Disposable } from '../util/disposable';
import { AppError } from '../util/errors';
import { requireTrust } from './runPython';
import type { Scene } from './targets';

/** An envFile beyond it is none. */
const largestEnvFile = 1 << 20;

export class DebugSessions implements Disposable {
  private readonly owned: readonly Disposable[];
  private readonly running = new Map<string, vscode.DebugSession>();
  /** By session; known of those that started since the extension did. */
  private readonly processIds = new Map<string, number>();
  private readonly endedIds = new Set<string>();

  constructor(
    private readonly scene: Scene,
    private readonly hub: LiveHub,
    private readonly log: OutputLog,
  ) {
    this.owned = [
      ...pythonDebugTypes.flatMap((type) => [
        vscode.debug.registerDebugConfigurationProvider(type, {
          resolveDebugConfigurationWithSubstitutedVariables: (_folder, configuration) => this.equip(configuration),
        }),
        vscode.debug.registerDebugAdapterTrackerFactory(type, {
          createDebugAdapterTracker: ({ id }) => ({
            onDidSendMessage: (message: unknown) => {
              const processId = processIdIn(message);
              if (processId !== undefined) this.processIds.set(id, processId);
            },
          }),
        }),
      ]),
      vscode.debug.onDidStartDebugSession((session) => {
        if (isPythonDebugType(session.type)) void this.onStart(session);
      }),
      vscode.debug.onDidTerminateDebugSession(({ id }) => {
        this.running.delete(id);
        this.processIds.delete(id);
        this.endedIds.add(id);
        scene.store.endLaunch(id);
      }),
      scene.store.onDidChange((change) => {
        if (change.kind !== 'process' || change.process.ended) return;
        for (const [id, processId] of this.processIds) {
          if (processId === change.process.id) scene.store.endLaunch(id);
        }
      }),
      registerCommand(log, commandIds.inspectDebugSession, () => this.inspect()),
    ];
  }

  /** The session that debugs a process, if one does. */
  sessionOf(processId: number): vscode.DebugSession | undefined {
    const found = [...this.processIds].find(([, id]) => id === processId);
    return found === undefined ? undefined : this.running.get(found[0]);
  }

  /** Has the debugger run the line that starts the agent. @throws AppError */
  async bring(session: vscode.DebugSession, options: { readonly onlyIfNew: boolean }): Promise<void> {
    const expression = await this.hub.code(options);
    try {
      // Without a frame debugpy runs it beside the program, whether that runs or stands, and prints nothing.
      await session.customRequest('evaluate', { expression, context: 'repl' });
    } catch (error) {
      const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
      throw new AppError(
        'refused',
        `The agent can’t be brought into “${session.name}”: ${reason ?? ''}`,
        'A program on another machine, or one that has just ended, can’t be inspected.',
        { cause: error },
      );
    }
  }

  dispose(): void {
    for (const each of this.owned) each.dispose();
  }

  /** Nothing that goes wrong here may keep anybody from debugging. */
  private async equip(configuration: vscode.DebugConfiguration): Promise<vscode.DebugConfiguration> {
    if (!vscode.workspace.isTrusted || !readDebugSessions()) return configuration;
    try {
      const inherited = await launchEnvironment(configuration, process.env, readSmallFile);
      if (inherited === undefined) return configuration;
      return withEnvironment(configuration, await this.hub.environment(inherited));
    } catch (error) {
      this.log.error('A debug session starts without an agent', error);
      return configuration;
    }
  }

  private async onStart(session: vscode.DebugSession): Promise<void> {
    this.running.set(session.id, session);
    if (!vscode.workspace.isTrusted || !readDebugSessions()) return;
    try {
      await this.bring(session, { onlyIfNew: true });
    } catch (error) {
      // A program that ended at once, or one that runs elsewhere: nobody asked for its models.
      this.log.info(error instanceof AppError ? error.oneLine : String(error));
    }
  }

  private async inspect(): Promise<void> {
    requireTrust();
    const session = this.sessionToInspect();
    if (this.processOf(session) === undefined) {
      await this.bring(session, { onlyIfNew: false });
      // Its row stays until torch is imported, or until the session ends.
      const isKnown = this.processIds.has(session.id);
      if (isKnown && this.processOf(session) === undefined && !this.isAwaited(session)) {
        this.scene.store.addLaunch({ id: session.id, title: session.name });
      }
      if (!isKnown) {
        void vscode.window.showInformationMessage(
          `“${session.name}” is inspected. Its models appear once it has imported torch.`,
        );
      }
    }
    await vscode.commands.executeCommand(`${viewIds.modules}.focus`);
  }

  private sessionToInspect(): vscode.DebugSession {
    // VS Code can go on calling a session active that has ended.
    const { activeDebugSession } = vscode.debug;
    const active = this.endedIds.has(activeDebugSession?.id ?? '') ? undefined : activeDebugSession;
    if (active !== undefined && isPythonDebugType(active.type)) return active;
    const only = [...this.running.values()];
    if (only.length === 1 && only[0] !== undefined) return only[0];
    throw new AppError(
      'usage',
      active === undefined
        ? 'No Python program is being debugged.'
        : `The active debug session “${active.name}” is not one of Python, but of type ${active.type}.`,
      'Start one, or select it in the call stack.',
    );
  }

  private isAwaited({ id }: vscode.DebugSession): boolean {
    return this.scene.store.launches.some((launch) => launch.id === id);
  }

  private processOf({ id }: vscode.DebugSession): LiveProcess | undefined {
    const processId = this.processIds.get(id);
    return this.scene.store.processes.find((process) => process.id === processId && !process.ended);
  }
}

async function readSmallFile(file: string): Promise<string | undefined> {
  try {
    return (await stat(file)).size > largestEnvFile ? undefined : await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
