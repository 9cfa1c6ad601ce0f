// Badges on the rows of modules that have findings, passed on to the rows above them, so that a folded row shows them too.

import * as vscode from 'vscode';
import type { SessionStore } from '../sessions/sessionStore';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import type { FindingIndex } from './findingIndex';
import { badgeOf } from './findingsModel';

const scheme = 'mode-inspector-module';
/** Of more addresses VS Code looks at some only; it is told then that any may have changed, and asks for those in sight. */
const mostAddresses = 250;

/** The address of a module's row, by which VS Code asks for its badge; a module lies in the folder of its parent. */
export function resourceOf(sessionId: string, path: string): vscode.Uri {
  const names = path === '' ? [] : path.split('.');
  return vscode.Uri.from({ scheme, path: ['', sessionId, ...names].join('/') });
}

/** Registers the provider; it follows the index until it is disposed. */
export function registerFindingDecorations(store: SessionStore, index: FindingIndex): Disposable {
  const owned = new DisposableStore();
  const changed = owned.add(new vscode.EventEmitter<vscode.Uri[] | undefined>());
  owned.add(
    index.onDidChange(({ session, paths }) => {
      if (paths.length === 0) return;
      changed.fire(paths.length > mostAddresses ? undefined : paths.map((path) => resourceOf(session.id, path)));
    }),
  );
  owned.add(
    vscode.window.registerFileDecorationProvider({
      onDidChangeFileDecorations: changed.event,
      provideFileDecoration: (uri) => {
        if (uri.scheme !== scheme) return undefined;
        const [, sessionId = '', ...names] = uri.path.split('/');
        const session = store.get(sessionId);
        const badge = session === undefined ? undefined : badgeOf(index.at(session, names.join('.')));
        if (badge === undefined) return undefined;
        const color = badge.severity === 'error' ? 'list.errorForeground' : 'list.warningForeground';
        const decoration = new vscode.FileDecoration(badge.badge, badge.words, new vscode.ThemeColor(color));
        decoration.propagate = true;
        return decoration;
      },
    }),
  );
  return owned;
}
