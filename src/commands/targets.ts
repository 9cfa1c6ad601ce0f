// What a command acts on: the rows it was called with, the selected rows, or the active model's root.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { AppError } from '../util/errors';
import type { ModuleSpec } from '../model/module';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import type { ModuleTree, TreeNode } from '../views/moduleTree';

export interface Target {
  readonly session: ModelSession;
  readonly module: ModuleSpec;
}

/** What commands share. */
export interface Scene {
  readonly store: SessionStore;
  readonly tree: ModuleTree;
}

/**
 * A menu passes the clicked row and the selected rows. From the palette or a key the selection counts, but only while
 * its model is the active one: a selection left behind in another model is no wish.
 */
export function targetsOf(scene: Scene, args: readonly unknown[]): readonly Target[] {
  const [clicked, selected] = args;
  requireRow(scene.store, args);
  if (clicked instanceof vscode.Uri) return [rootOf(sessionOf(scene, args))];
  const passed = Array.isArray(selected) && selected.includes(clicked) ? (selected as unknown[]) : [clicked];
  let nodes: readonly TreeNode[] = passed.filter((node) => isNodeOf(scene.store, node));
  if (nodes.length === 0) nodes = scene.tree.view.selection.filter((node) => node.session === scene.store.active);
  const targets = new Map<string, Target>();
  for (const node of nodes) {
    const session = node.session;
    const module = session?.module('path' in node ? (node.path ?? '') : '');
    if (session === undefined || module === undefined) continue;
    targets.set(`${session.id}/${module.path}`, { session, module });
  }
  if (targets.size > 0) return [...targets.values()];
  return [rootOf(sessionOf(scene, []))];
}

/** The model that a command about a whole model acts on. */
export function sessionOf(scene: Scene, args: readonly unknown[]): ModelSession {
  const [clicked] = args;
  requireRow(scene.store, args);
  // The title of an editor passes its file.
  if (clicked instanceof vscode.Uri) {
    const open = scene.store.forFile(clicked.fsPath);
    if (open === undefined)
      throw new AppError('usage', `${basename(clicked.path)} is not open as a model.`, 'Its page says why.');
    return open;
  }
  const session = isNodeOf(scene.store, clicked) ? clicked.session : scene.store.active;
  if (session === undefined) throw noModel();
  return session;
}

/** How a target is named in a sentence. */
export function nameOf({ session, module }: Target): string {
  return module.path === '' ? session.title : `${session.title}: ${module.path}`;
}

/**
 * While a tree is refreshed VS Code knows its rows not, and passes nothing in place of the row that was clicked; a row of a model
 * that has just gone means nothing either. To act on the whole model instead would be a bad surprise. (The menu in a view's title
 * passes nothing too where no row has the focus, but always a list of the selected ones.)
 * @throws AppError
 */
function requireRow(store: SessionStore, args: readonly unknown[]): void {
  const [clicked, selected] = args;
  const isLost = args.length > 0 && (clicked ?? undefined) === undefined && !Array.isArray(selected);
  const isStale = isNode(clicked) && clicked.session !== undefined && !isNodeOf(store, clicked);
  if (isLost || isStale) throw new AppError('usage', 'The row was just drawn anew.', 'Click it again.');
}

function isNode(value: unknown): value is TreeNode {
  return typeof value === 'object' && value !== null && 'kind' in value && 'session' in value;
}

function isNodeOf(store: SessionStore, value: unknown): value is TreeNode & { session: ModelSession } {
  return isNode(value) && store.sessions.some((session) => session === value.session);
}

function rootOf(session: ModelSession): Target {
  const module = session.module('');
  if (module === undefined) throw new AppError('no-such-module', `${session.title} holds no module.`);
  return { session, module };
}

function noModel(): AppError {
  return new AppError('usage', 'No model is open.', 'Open one with “Mode Inspector: Open Model…”.');
}
