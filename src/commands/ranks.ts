// Commands on models that several ranks hold: each rank by itself and at once, and a word where one is switched alone.

import * as vscode from 'vscode';
import { isWithin } from '../model/module';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import type { ModelSession } from '../sessions/modelSession';
import type { SessionStore } from '../sessions/sessionStore';
import { AppError, toAppError } from '../util/errors';
import { countOf } from '../util/text';
import { synchronizedLayers } from './ranksModel';
import { inOtherRanks, nameOf, rankOf } from './targets';
import type { Target } from './targets';

/** What is asked of one module. */
export interface Switch extends Target {
  readonly training: boolean;
}

/** The same of the same modules in the other ranks, as far as they are not asked for already. */
export function inOtherRanksToo<T extends Target>(store: SessionStore, asked: readonly T[]): readonly T[] {
  return asked.flatMap((each) =>
    inOtherRanks(store, each)
      .filter(
        ({ session, module }) => !asked.some((other) => other.session === session && other.module.path === module.path),
      )
      .map((counterpart) => ({ ...each, ...counterpart })),
  );
}

/**
 * Does something to each model by itself and to all at once, so that a rank that does not answer keeps no other one waiting.
 * @throws AppError what went wrong in one model, or in how many.
 */
export async function inEachModel<T extends { readonly session: ModelSession }>(
  store: SessionStore,
  targets: readonly T[],
  act: (target: T) => Promise<void>,
): Promise<void> {
  const sessions = [...new Set(targets.map(({ session }) => session))];
  const results = await Promise.allSettled(
    sessions.map(async (session) => {
      if (sessions.length === 1 || rankOf(store, session) === undefined) store.setActive(session);
      for (const target of targets.filter((each) => each.session === session)) await act(target);
    }),
  );
  const failures = results.flatMap((result, index) =>
    result.status === 'fulfilled'
      ? []
      : [{ session: sessions[index], error: toAppError(result.reason, 'program-error') }],
  );
  const [first] = failures;
  if (first === undefined) return;
  if (sessions.length === 1) throw first.error;
  const words = failures.map(({ session, error }) => {
    const rank = session === undefined ? undefined : rankOf(store, session);
    return `${session?.title ?? ''}${rank === undefined ? '' : ` (${rank})`}: ${error.message}`;
  });
  throw new AppError(
    first.error.code,
    `${String(failures.length)} of ${countOf(sessions.length, 'model')} stayed as they were: ${words.join(' ')}`,
    first.error.hint,
  );
}

/**
 * SyncBatchNorm in train waits for every rank. So where such layers are switched while several ranks run, a person is asked before.
 * @returns what to switch. @throws AppError `cancelled`
 */
export async function confirmRanks(
  store: SessionStore,
  asked: readonly Switch[],
  recursive: boolean,
): Promise<readonly Switch[]> {
  const risky = asked.find(
    (each) =>
      inOtherRanks(store, each).length > 0 &&
      synchronizedLayers(each.session.modules, each.module.path, each.training, recursive) > 0,
  );
  if (risky === undefined) return asked;
  const others = inOtherRanksToo(store, asked);
  const layers = synchronizedLayers(risky.session.modules, risky.module.path, risky.training, recursive);
  const reason =
    `In train SyncBatchNorm waits for every rank. ${countOf(layers, 'such layer')} would be switched. ` +
    (others.length > 0
      ? 'A rank in another mode than the rest can make the program wait for ever.'
      : 'Each rank switches before its next forward; where these are not of the same step, the program can wait for ever.');
  const [all, alone] = [
    'Switch All Ranks',
    others.length > 0 ? `Switch ${rankOf(store, risky.session) ?? ''} Alone` : 'Switch',
  ];
  const picked = await vscode.window.showWarningMessage(
    `Switch ${nameOf(risky, store)}?`,
    { modal: true, detail: reason },
    ...(others.length > 0 ? [all, alone] : [alone]),
  );
  if (picked === all) return [...asked, ...others];
  if (picked === alone) return asked;
  throw new AppError('cancelled', 'Nothing was switched.');
}

/** Jobs, by their first process, in which the offer was made. Once is enough. */
const offered = new WeakSet<LiveProcess>();

/** The switches that would change something. */
export function thatChange(switches: readonly Switch[]): readonly Switch[] {
  return switches.filter(({ session, module, training }) =>
    session.modules.some(({ path, training: flag }) => isWithin(path, module.path) && flag !== training),
  );
}

/** Says once for each job that only one rank was switched, and offers the others. `matters` leaves out those for which it is nothing new. */
export function offerOtherRanks<T extends Target>(
  store: SessionStore,
  done: readonly T[],
  act: (others: readonly T[]) => Promise<void>,
  matters: (others: readonly T[]) => readonly T[] = (others) => others,
): void {
  const others = matters(inOtherRanksToo(store, done));
  const processes = [...done, ...others].flatMap(({ session }) =>
    session instanceof LiveSession ? [session.process] : [],
  );
  const [first] = done;
  if (first === undefined || others.length === 0 || processes.every((process) => offered.has(process))) return;
  for (const process of processes) offered.add(process);
  const all = 'All Ranks';
  void vscode.window
    .showInformationMessage(
      `Only ${rankOf(store, first.session) ?? 'this rank'} was switched. The other ranks are as they were.`,
      all,
    )
    .then(async (picked) => {
      if (picked === all) await act(others);
    })
    .then(undefined, (error: unknown) => {
      void vscode.window.showErrorMessage(toAppError(error, 'program-error').oneLine);
    });
}
