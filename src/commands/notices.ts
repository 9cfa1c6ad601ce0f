// What happens to a model behind a person's back: its file changes or goes, its runtime dies. Said once, with a way on.

import * as vscode from 'vscode';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import type { ModelSession } from '../sessions/modelSession';
import type { Disposable } from '../util/disposable';
import type { Scene } from './targets';

/** Watches the store until it is disposed. */
export function registerNotices(scene: Scene, log: OutputLog): Disposable {
  // A file that is written every few seconds must not pile up questions.
  const asking = new Set<ModelSession>();
  const offerReload = (session: ModelSession, show: (...titles: string[]) => Thenable<string | undefined>): void => {
    if (asking.has(session)) return;
    asking.add(session);
    const reload = 'Reload';
    void show(reload, 'Not Now').then(async (picked) => {
      asking.delete(session);
      if (picked === reload && scene.store.get(session.id) === session) {
        await vscode.commands.executeCommand(commandIds.reload, scene.tree.node(session, ''));
      }
    });
  };
  return scene.store.onDidChange((change) => {
    if (change.kind === 'disk') {
      const { session } = change;
      const disk = scene.store.diskState(session);
      if (disk === 'changed') {
        log.info(`${session.title} changed on disk.`);
        offerReload(session, (...titles) =>
          vscode.window.showInformationMessage(
            `${session.title} changed on disk. Reload it? Modes that you switched are kept.`,
            ...titles,
          ),
        );
      } else if (disk === 'deleted') {
        log.warn(`${session.title} was deleted on disk.`);
        void vscode.window.showWarningMessage(
          `${session.title} was deleted on disk. The model stays open as it was read.`,
        );
      }
    } else if (change.kind === 'session' && change.change.kind === 'state' && change.session.state.kind === 'failed') {
      const { session } = change;
      const { message } = change.session.state;
      offerReload(session, (...titles) => vscode.window.showErrorMessage(`${session.title}: ${message}`, ...titles));
    }
  });
}
