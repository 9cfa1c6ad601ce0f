// What a command acts on: the rows it was called with, the selected rows, or the active model's root.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { AppError } from '../util/errors';
import type { ModuleSpec } from '../model/module';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import type { ModuleTree } from '../views/moduleTree';
import type { TreeNode } from '../views/treeNode';
import { currentMembers, jobsIn, memberName, placesOf, type Job } from '../views/ranksModel';

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
  let nodes: readonly unknown[] = passed.filter(
    (node) => isNodeOf(scene.store, node) || jobOf(scene.store, node) !== undefined,
  );
  if (nodes.length === 0) nodes = scene.tree.view.selection.filter((node) => isOfActive(scene.store, node));
  const targets = new Map<string, Target>();
  for (const target of nodes.flatMap((node) => targetsOfRow(scene.store, node))) {
    targets.set(`${target.session.id}/${target.module.path}`, target);
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

/** The models of a job, or the one model, that a command about whole models acts on. */
export function sessionsOf(scene: Scene, args: readonly unknown[]): readonly ModelSession[] {
  const job = jobOf(scene.store, args[0]);
  return job === undefined ? [sessionOf(scene, args)] : modelsOf(job);
}

/** The job whose row was clicked. */
export function jobOf(store: SessionStore, node: unknown): Job<LiveProcess> | undefined {
  return isJobNode(node) ? jobsOf(store).find(({ key }) => key === node.job) : undefined;
}

/** The same module in the other ranks of the job that still run; none where there is no job. */
export function inOtherRanks(store: SessionStore, { session, module }: Target): readonly Target[] {
  if (!(session instanceof LiveSession)) return [];
  const job = jobsOf(store).find(({ members }) => members.includes(session.process));
  if (job === undefined) return [];
  return modelsOf(job).flatMap((other) => {
    const counterpart = other === session || other.title !== session.title ? undefined : other.module(module.path);
    return counterpart === undefined ? [] : [{ session: other, module: counterpart }];
  });
}

/** The name of the rank that a model is in; undefined outside of jobs. */
export function rankOf(store: SessionStore, session: ModelSession): string | undefined {
  if (!(session instanceof LiveSession)) return undefined;
  const isInJob = jobsOf(store).some(({ members }) => members.includes(session.process));
  return isInJob ? memberName(session.process.introduction) : undefined;
}

/** How a target is named in a sentence. */
export function nameOf({ session, module }: Target, store?: SessionStore): string {
  const rank = store === undefined ? undefined : rankOf(store, session);
  const title = rank === undefined ? session.title : `${session.title} (${rank})`;
  return module.path === '' ? title : `${title}: ${module.path}`;
}

function jobsOf(store: SessionStore): readonly Job<LiveProcess>[] {
  return jobsIn(placesOf(store.processes));
}

/** The models in the ranks that still run. */
function modelsOf(job: Job<LiveProcess>): readonly LiveSession[] {
  return currentMembers(job)
    .filter((process) => !process.ended)
    .flatMap((process) => process.sessions);
}

function targetsOfRow(store: SessionStore, node: unknown): readonly Target[] {
  const job = jobOf(store, node);
  if (job !== undefined) return modelsOf(job).map(rootOf);
  if (!isNodeOf(store, node)) return [];
  const module = node.session.module('path' in node ? (node.path ?? '') : '');
  return module === undefined ? [] : [{ session: node.session, module }];
}

/** Whether a selected row is of the active model, or of its job. */
function isOfActive(store: SessionStore, node: TreeNode): boolean {
  const { active } = store;
  if (active === undefined) return false;
  return (
    node.session === active ||
    (jobOf(store, node)?.members.some(({ sessions }) => sessions.some((each) => each === active)) ?? false)
  );
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
  const isGone = isNode(clicked) && clicked.session !== undefined && !isNodeOf(store, clicked);
  const isStale = isGone || (isJobNode(clicked) && jobOf(store, clicked) === undefined);
  if (isLost || isStale) throw new AppError('usage', 'The row was just drawn anew.', 'Click it again.');
}

function isNode(value: unknown): value is TreeNode {
  return typeof value === 'object' && value !== null && 'kind' in value && 'session' in value;
}

function isJobNode(value: unknown): value is { readonly kind: 'job'; readonly job: unknown } {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'job' && 'job' in value;
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
