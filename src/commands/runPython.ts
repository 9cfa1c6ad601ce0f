// Programs with the agent in them: one Python file in the integrated terminal, or a terminal for whatever is typed into it.

import { randomUUID } from 'node:crypto';
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import { findInterpreter } from '../host/interpreter';
import type { OutputLog } from '../host/log';
import type { LiveHub } from '../live/liveHub';
import { AppError } from '../util/errors';
import type { Scene } from './targets';

export function registerRunPython(scene: Scene, hub: LiveHub, log: OutputLog): vscode.Disposable[] {
  return [
    registerCommand(log, commandIds.runPythonFile, async (clicked) => {
      requireTrust();
      await runFile(scene, hub, await fileToRun(clicked));
    }),
    registerCommand(log, commandIds.openTerminal, async () => {
      requireTrust();
      const env = await hub.environment(process.env);
      vscode.window
        .createTerminal({
          name: 'Mode Inspector',
          iconPath: new vscode.ThemeIcon('pulse'),
          env,
          message:
            'Python programs that you start here show their models in Mode Inspector: python train.py, torchrun …',
        })
        .show();
    }),
  ];
}

/** Agents run code of the workspace. @throws AppError */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new AppError(
    'usage',
    'Programs are started and inspected in trusted workspaces only.',
    'Trust this workspace first.',
  );
}

/** Runs as a task: in the terminal, with the output left to read, and with an end that can be heard. */
async function runFile(scene: Scene, hub: LiveHub, file: vscode.Uri): Promise<void> {
  const python = await findInterpreter(file);
  const launch = { id: randomUUID(), title: basename(file.fsPath) };
  const folder = vscode.workspace.getWorkspaceFolder(file);
  const env = await hub.environment(process.env, launch.id);
  const cwd = folder?.uri.fsPath ?? dirname(file.fsPath);
  const task = new vscode.Task(
    { type: 'process' },
    folder ?? vscode.TaskScope.Workspace,
    launch.title,
    'Mode Inspector',
    new vscode.ProcessExecution(python, [file.fsPath], { cwd, env }),
    [],
  );
  task.presentationOptions = {
    reveal: vscode.TaskRevealKind.Always,
    panel: vscode.TaskPanelKind.Dedicated,
    clear: true,
  };
  for (const process of scene.store.processes) {
    if (process.ended && process.introduction.argv[0] === file.fsPath) scene.store.removeProcess(process);
  }
  scene.store.addLaunch(launch);
  const execution = await vscode.tasks.executeTask(task).then(undefined, (error: unknown) => {
    scene.store.endLaunch(launch.id);
    throw error;
  });
  const listener = vscode.tasks.onDidEndTaskProcess((event) => {
    if (event.execution !== execution) return;
    listener.dispose();
    if (scene.store.endLaunch(launch.id)) tellOfNoAgent(launch.title, python, event.exitCode);
  });
}

function tellOfNoAgent(title: string, python: string, status: number | undefined): void {
  const end = status === 0 || status === undefined ? 'ended' : `ended with status ${String(status)}`;
  const why = status === 0 ? 'It has no models to show.' : `The terminal says why; it ran with ${python}.`;
  void vscode.window.showWarningMessage(`${title} ${end} and never imported torch. ${why}`);
}

async function fileToRun(clicked: unknown): Promise<vscode.Uri> {
  const document = vscode.window.activeTextEditor?.document;
  const uri = clicked instanceof vscode.Uri ? clicked : document?.uri;
  if (uri === undefined || (!(clicked instanceof vscode.Uri) && document?.languageId !== 'python')) {
    throw new AppError('usage', 'No Python file is open.', 'Open the script that builds or trains the model.');
  }
  await saveIfDirty(uri);
  if (uri.scheme !== 'file') throw new AppError('usage', `${basename(uri.path)} is not on disk.`, 'Save it first.');
  return uri;
}

/** What runs is what is on the screen. */
export async function saveIfDirty(file: vscode.Uri): Promise<void> {
  const open = vscode.workspace.textDocuments.find((each) => each.uri.toString() === file.toString());
  if (open?.isDirty === true) await open.save();
}
