// Compare with Another Model: picks the other one, compares both as they are now, and shows what differs in the tree.

import * as vscode from 'vscode';
import type { PairComparison } from '../model/pairComparison';
import type { ModelSession } from '../sessions/modelSession';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { AppError } from '../util/errors';
import type { ModeCounts } from '../views/modeCounts';
import { pairSentence } from '../views/pairModel';
import { distinctNames } from './compareModelsModel';
import { modelItem, placeOf } from './modelItem';
import { chooseModelFiles, openModelFile } from './openModel';
import { sessionOf, targetsOf } from './targets';
import type { Scene } from './targets';

const title = 'Compare with Another Model';

export function registerCompareModels(scene: Scene, counts: ModeCounts, log: OutputLog): vscode.Disposable[] {
  const { store, tree } = scene;

  const compare = async (first: ModelSession, second: ModelSession): Promise<PairComparison> => {
    const names = distinctNames(
      { title: first.title, place: placeOf(first) },
      { title: second.title, place: placeOf(second) },
    );
    const pair = await withDelayedProgress(
      `Comparing ${names.join(' with ')}`,
      { cancellable: true },
      (signal, onProgress) => store.pairs.compare([first, second], names, { signal, onProgress }),
    );
    log.info(pairSentence(pair));
    store.setActive(first);
    await tree.revealPair(first);
    return pair.comparison;
  };

  return [
    registerCommand(log, commandIds.compareModels, async (...args) => {
      const first = sessionOf(scene, args);
      const second = otherSelected(scene, first, args) ?? (await pickOther(scene, counts, first));
      return second === undefined ? undefined : compare(first, second);
    }),
    registerCommand(log, commandIds.compareAgain, async (...args) => {
      const first = sessionOf(scene, args);
      const last = store.pairs.last(first);
      const second = last === undefined ? undefined : store.get(last.ids[1]);
      if (second === undefined)
        throw new AppError('usage', `${last?.names[1] ?? 'The other model'} is no longer open.`, `Use “${title}…”.`);
      return compare(first, second);
    }),
    registerCommand(log, commandIds.closeComparison, (...args) => {
      store.pairs.forget(sessionOf(scene, args));
    }),
  ];
}

/** Where two models are selected, these are meant. */
function otherSelected(scene: Scene, first: ModelSession, args: readonly unknown[]): ModelSession | undefined {
  const others = new Set(targetsOf(scene, args).map(({ session }) => session));
  return others.delete(first) && others.size === 1 ? [...others][0] : undefined;
}

/** Another open model, or the one in a file; undefined if a person gives up. */
async function pickOther(scene: Scene, counts: ModeCounts, first: ModelSession): Promise<ModelSession | undefined> {
  const others = scene.store.sessions.filter((session) => session !== first);
  const chooseFile = { label: '$(folder-opened) Choose a File…', session: undefined };
  const picked =
    others.length === 0
      ? chooseFile
      : await vscode.window.showQuickPick([...others.map((session) => modelItem(session, counts)), chooseFile], {
          title: `${title}: ${first.title}`,
          placeHolder: 'Modes, statistics, structure and options are compared',
          matchOnDetail: true,
        });
  if (picked?.session !== undefined || picked === undefined) return picked?.session;
  const [file] = await chooseModelFiles('Compare', { many: false });
  if (file === undefined) return undefined;
  const opened = await openModelFile(scene, file);
  if (opened === first) throw new AppError('usage', `${first.title} is the model itself.`, 'Choose another file.');
  return opened;
}
