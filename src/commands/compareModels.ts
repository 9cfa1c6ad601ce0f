// Compare with Another Model: picks the other one, compares both as they are now, and shows what differs in the tree.

import type * as vscode from 'vscode';
import type { Pair } from '../model/compareModels';
import type { PairComparison } from '../model/pairComparison';
import type { ModelSession } from '../sessions/modelSession';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { chooseOne } from '../host/questions';
import { AppError } from '../util/errors';
import type { ModeCounts } from '../views/modeCounts';
import { pairSentence } from '../views/pairModel';
import { chooseParts, otherOf, partAt } from './comparedPartsModel';
import type { ComparedPart } from './comparedPartsModel';
import { distinctNames } from './compareModelsModel';
import { modelItem, placeOf } from './modelItem';
import { chooseModelFiles, openModelFile } from './openModel';
import { sessionOf, targetsOf } from './targets';
import type { Scene } from './targets';

const title = 'Compare with Another Model';

type Part = ComparedPart<ModelSession>;

export function registerCompareModels(scene: Scene, counts: ModeCounts, log: OutputLog): vscode.Disposable[] {
  const { store, tree } = scene;

  const compare = async (parts: Pair<Part>): Promise<PairComparison> => {
    const [first, second] = [parts[0].session, parts[1].session];
    const names = distinctNames(
      { title: first.title, place: placeOf(first), part: parts[0].path },
      { title: second.title, place: placeOf(second), part: parts[1].path },
    );
    const roots = [parts[0].path, parts[1].path] as const;
    const pair = await withDelayedProgress(
      `Comparing ${names.join(' with ')}`,
      { cancellable: true },
      (signal, onProgress) => store.pairs.compare([first, second], names, { roots, signal, onProgress }),
    );
    log.info(pairSentence(pair));
    store.setActive(first);
    await tree.revealPair(first);
    return pair.comparison;
  };

  return [
    registerCommand(log, commandIds.compareModels, async (...args) => {
      const [first, selected] = partsOf(scene, args);
      const second = selected ?? (await pickOther(scene, counts, first.session));
      if (second === undefined) return undefined;
      const parts = await chooseParts([first, second], pickModel);
      return parts === undefined ? undefined : compare(parts);
    }),
    registerCommand(log, commandIds.compareAgain, async (...args) => compare(lastParts(scene, sessionOf(scene, args)))),
    registerCommand(log, commandIds.closeComparison, (...args) => {
      store.pairs.forget(sessionOf(scene, args));
    }),
  ];
}

/** The model of the clicked row, and the other one where two are selected. */
function partsOf(scene: Scene, args: readonly unknown[]): readonly [first: Part, second: Part | undefined] {
  const session = sessionOf(scene, args);
  const clicked = args[0] ?? undefined;
  const [own] = targetsOf(scene, clicked === undefined ? [] : [clicked]).filter((row) => row.session === session);
  const first = partAt(session, own?.module.path ?? '');
  const selected = targetsOf(scene, args).map((row) => partAt(row.session, row.module.path));
  return [first, otherOf(first, selected)];
}

/** What was compared last with a model. @throws AppError where some of it is gone. */
function lastParts({ store }: Scene, first: ModelSession): Pair<Part> {
  const last = store.pairs.last(first);
  const second = last === undefined ? undefined : store.get(last.ids[1]);
  if (last === undefined || second === undefined)
    throw new AppError('usage', `${last?.names[1] ?? 'The other model'} is no longer open.`, `Use “${title}…”.`);
  const parts = [
    { session: first, path: last.asked[0] },
    { session: second, path: last.asked[1] },
  ] as const;
  for (const { session, path } of parts) {
    if (path !== undefined && session.module(path) === undefined)
      throw new AppError('usage', `${session.title} no longer holds ${path}.`, `Use “${title}…”.`);
  }
  return parts;
}

/** Another open model, or the one in a file; undefined if a person gives up. */
async function pickOther(scene: Scene, counts: ModeCounts, first: ModelSession): Promise<Part | undefined> {
  const holdsSeveral = (first.models?.length ?? 0) > 1;
  const items = [
    ...(holdsSeveral ? [{ label: 'Another Model of the Same File', description: first.title, session: first }] : []),
    ...scene.store.sessions.filter((session) => session !== first).map((session) => modelItem(session, counts)),
  ];
  const chooseFile = { label: '$(folder-opened) Choose a File…', session: undefined };
  const picked =
    items.length === 0
      ? chooseFile
      : await chooseOne([...items, chooseFile], {
          title: `${title}: ${first.title}`,
          placeHolder: 'Modes, statistics, structure and options are compared',
          matchOnDetail: true,
        });
  if (picked?.session !== undefined) return { session: picked.session, path: undefined };
  if (picked === undefined) return undefined;
  const [file] = await chooseModelFiles('Compare', { many: false });
  if (file === undefined) return undefined;
  const opened = await openModelFile(scene, file);
  if (opened === first && !holdsSeveral)
    throw new AppError('usage', `${first.title} is the model itself.`, 'Choose another file.');
  return { session: opened, path: undefined };
}

/** Which of several models of a file; undefined if a person gives up. */
async function pickModel(session: ModelSession, paths: readonly string[]): Promise<string | undefined> {
  const items = paths.map((path) => ({
    label: path === '' ? 'All Models Together' : path,
    description: path === '' ? '' : (session.module(path)?.type ?? ''),
    path,
  }));
  const picked = await chooseOne(items, {
    title: `${title}: ${session.title}`,
    placeHolder: 'The file holds several models: which one is compared?',
  });
  return picked?.path;
}
