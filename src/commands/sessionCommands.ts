// Commands about an open model as a whole: reload, close, switch, show.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { chooseOne } from '../host/questions';
import type { ModelSession } from '../sessions/modelSession';
import { AppError } from '../util/errors';
import type { ModeCounts } from '../views/modeCounts';
import type { TreeNode } from '../views/treeNode';
import { modelItem } from './modelItem';
import { sessionOf, targetsOf } from './targets';
import type { Scene } from './targets';

export function registerSessionCommands(scene: Scene, counts: ModeCounts, log: OutputLog): vscode.Disposable[] {
  const { store, tree } = scene;
  return [
    registerCommand(log, commandIds.reload, async (...args) => {
      const session = sessionOf(scene, args);
      await withDelayedProgress(`Reloading ${session.title}`, { cancellable: true }, (signal, onProgress) =>
        store.reload(session, { keepModes: true, signal, onProgress }),
      );
      vscode.window.setStatusBarMessage(
        `$(refresh) ${session.title}: read again, statistics are those of the file`,
        4000,
      );
    }),
    registerCommand(log, commandIds.closeModel, (...args) => {
      // Several selected models are closed together.
      const sessions =
        args.length === 0 ? [sessionOf(scene, args)] : targetsOf(scene, args).map((target) => target.session);
      for (const session of new Set(sessions)) store.close(session);
    }),
    registerCommand(log, commandIds.switchModel, async () => {
      const session = await pickModel(store.sessions, counts, store.active);
      if (session === undefined) return;
      store.setActive(session);
      await tree.reveal(session, '', { focus: true });
    }),
    registerCommand(log, commandIds.revealInTree, async (...args) => {
      const [target] = targetsOf(scene, rowOfLink(scene, args) ?? args);
      if (target !== undefined) await tree.reveal(target.session, target.module.path, { focus: true });
    }),
    registerCommand(log, commandIds.copyPath, async (...args) => {
      const paths = targetsOf(scene, args).map(({ module }) => module.path);
      await vscode.env.clipboard.writeText(paths.join('\n'));
      vscode.window.setStatusBarMessage('$(copy) Module path copied', 3000);
    }),
    registerCommand(log, commandIds.showLog, () => {
      log.show();
    }),
  ];
}

/** A link holds text alone, so that it names the model by its id, and the module by its path. */
function rowOfLink({ store, tree }: Scene, [id, path]: readonly unknown[]): readonly TreeNode[] | undefined {
  if (typeof id !== 'string' || typeof path !== 'string') return undefined;
  const session = store.get(id);
  if (session === undefined) throw new AppError('usage', 'This model is no longer shown.', 'Run its program again.');
  // The module may have gone since; the model has not.
  return [tree.node(session, session.module(path) === undefined ? '' : path)];
}

async function pickModel(
  sessions: readonly ModelSession[],
  counts: ModeCounts,
  active: ModelSession | undefined,
): Promise<ModelSession | undefined> {
  const items = sessions.map((session) => modelItem(session, counts));
  // The active model is last: pressing Enter at once switches to another.
  items.sort((a, b) => Number(a.session === active) - Number(b.session === active));
  const picked = await chooseOne(items, {
    title: 'Switch Active Model',
    placeHolder: 'Commands act on the active model',
  });
  return picked?.session;
}
