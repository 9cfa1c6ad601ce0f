// The status bar item: the active model's mode, one click from the tree.

import * as vscode from 'vscode';
import { coalesce } from '../host/coalesce';
import { readStatusBarVisible, onDidChangeSettings } from '../host/config';
import { viewIds } from '../host/ids';
import type { SessionStore } from '../sessions/sessionStore';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import type { ModeCounts } from './modeCounts';
import { countModes } from './modeModel';
import { statusOf } from './statusModel';

/** Creates the item; it follows the store until it is disposed. */
export function createStatusBar(store: SessionStore, counts: ModeCounts): Disposable {
  const owned = new DisposableStore();
  const item = owned.add(vscode.window.createStatusBarItem('modeInspector.mode', vscode.StatusBarAlignment.Left, 10));
  item.name = 'Mode Inspector';
  item.command = `${viewIds.modules}.focus`;
  const update = (): void => {
    const session = store.active;
    const count = session === undefined ? countModes([])('') : counts.of(session, '');
    const status = statusOf(session, count, store.sessions.length);
    if (status === undefined || !readStatusBarVisible()) {
      item.hide();
      return;
    }
    item.text = status.text;
    item.tooltip = status.tooltip;
    item.accessibilityInformation = { label: status.spoken };
    item.show();
  };
  const soon = owned.add(coalesce(update));
  owned.add(store.onDidChange(soon.request));
  owned.add(onDidChangeSettings(soon.request));
  return owned;
}
