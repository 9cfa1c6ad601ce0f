// Inspect Notebook Kernel: the models of the notebook in front, live while its cells run.

import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { registerCommand, showError } from '../host/commands';
import { commandIds, viewIds } from '../host/ids';
import { kernelOf } from '../host/jupyter';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import type { LiveHub } from '../live/liveHub';
import { NotebookInspector } from '../live/notebookKernel';
import type { NotebookKernel } from '../live/notebookKernel';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import { AppError } from '../util/errors';
import { requireTrust } from './runPython';
import type { Scene } from './targets';

interface Inspected {
  readonly kernel: NotebookKernel;
  readonly inspector: NotebookInspector;
}

const manageAccess = {
  title: 'Manage Access…',
  when: ({ code }: AppError): boolean => code === 'refused',
  run: () => vscode.commands.executeCommand('jupyter.manageAccessToKernels'),
};

export function registerInspectKernel(scene: Scene, hub: LiveHub, log: OutputLog): Disposable {
  const owned = new DisposableStore();
  const inspected = new Map<string, Inspected>();
  const fail = (error: unknown): void => {
    void showError(log, commandIds.inspectKernel, error, [manageAccess]);
  };
  const forget = (key: string): void => {
    inspected.get(key)?.inspector.dispose();
    inspected.delete(key);
  };

  /** One for each notebook, for as long as that keeps its kernel. */
  const inspectorOf = (key: string, title: string, kernel: NotebookKernel): NotebookInspector => {
    const before = inspected.get(key);
    if (before?.kernel === kernel) return before.inspector;
    forget(key);
    const inspector = new NotebookInspector(kernel, { id: randomUUID(), title }, hub, scene.store, log, fail);
    inspected.set(key, { kernel, inspector });
    return inspector;
  };

  owned.add(
    registerCommand(log, commandIds.inspectKernel, async () => {
      requireTrust();
      const notebook = vscode.window.activeNotebookEditor?.notebook;
      if (notebook === undefined) {
        throw new AppError('usage', 'No notebook is in front.', 'Open one, run a cell, and try again.');
      }
      const title = basename(notebook.uri.path);
      const kernel = await kernelOf(notebook.uri, title);
      if (kernel.language.toLowerCase() !== 'python') {
        throw new AppError('usage', `The kernel of ${title} speaks ${kernel.language}.`, 'Models live in Python.');
      }
      const inspector = inspectorOf(notebook.uri.toString(), title, kernel);
      const words =
        kernel.status === 'busy' ? `${title}: inspected as soon as the running cell ends` : `Inspecting ${title}`;
      try {
        await withDelayedProgress(words, { cancellable: false }, () => inspector.start());
      } catch (error) {
        fail(error);
        return;
      }
      await vscode.commands.executeCommand(`${viewIds.modules}.focus`);
    }),
  );
  owned.add(
    vscode.workspace.onDidCloseNotebookDocument((notebook) => {
      forget(notebook.uri.toString());
    }),
  );
  owned.add({
    dispose: () => {
      for (const key of [...inspected.keys()]) forget(key);
    },
  });
  return owned;
}
