// Switching modes: a layer, a subtree or the whole model, this flag only, back to how it was.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { heldTraining } from '../model/module';
import type { ModelSession } from '../sessions/modelSession';
import type { ModeCounts } from '../views/modeCounts';
import { countOf } from '../util/text';
import { confirmRanks, inEachModel, inOtherRanksToo, offerOtherRanks, thatChange } from './ranks';
import type { Switch } from './ranks';
import { restoredWords, switchedWords, undoneWords } from './setModeModel';
import { nameOf, rankOf, sessionsOf, targetsOf } from './targets';
import type { Scene, Target } from './targets';
import type { SwitchHistory } from './undo';

export function registerModeCommands(
  scene: Scene,
  counts: ModeCounts,
  history: SwitchHistory,
  log: OutputLog,
): vscode.Disposable[] {
  const switcher = new ModeSwitcher(scene, counts, history);
  const set =
    (training: boolean, recursive: boolean) =>
    (...args: unknown[]): Promise<void> =>
      switcher.apply(
        targetsOf(scene, args).map((target) => ({ ...target, training })),
        recursive,
      );
  const setInAllRanks =
    (training: boolean) =>
    (...args: unknown[]): Promise<void> => {
      const asked = targetsOf(scene, args).map((target) => ({ ...target, training }));
      return switcher.apply([...asked, ...inOtherRanksToo(scene.store, asked)], true);
    };
  return [
    registerCommand(log, commandIds.setTrain, set(true, true)),
    registerCommand(log, commandIds.setEval, set(false, true)),
    registerCommand(log, commandIds.setTrainInAllRanks, setInAllRanks(true)),
    registerCommand(log, commandIds.setEvalInAllRanks, setInAllRanks(false)),
    registerCommand(log, commandIds.setTrainOnly, set(true, false)),
    registerCommand(log, commandIds.setEvalOnly, set(false, false)),
    registerCommand(log, commandIds.toggleMode, (...args) => {
      // As a person would type it: `m.train(not m.training)`, which takes everything below along. Ranks go with the first of them.
      const wanted = new Map<string, boolean>();
      const asked = targetsOf(scene, args).map((target) => {
        const key = rankOf(scene.store, target.session) === undefined ? target.session.id : target.session.title;
        const training = wanted.get(`${key}/${target.module.path}`) ?? heldTraining(target.module) !== true;
        wanted.set(`${key}/${target.module.path}`, training);
        return { ...target, training };
      });
      return switcher.apply(asked, true);
    }),
    registerCommand(log, commandIds.restoreModes, async (...args) => {
      const sessions = sessionsOf(scene, args);
      const [first] = sessions;
      if (first === undefined) return;
      await withDelayedProgress(`Restoring modes of ${first.title}`, { cancellable: false }, () =>
        inEachModel(
          scene.store,
          sessions.map((session) => ({ session })),
          ({ session }) => {
            history.record(session);
            return session.restore(session.initialModes);
          },
        ),
      );
      const title = sessions.length === 1 ? first.title : countOf(sessions.length, 'model');
      const { kind, state } = waitingOne(sessions) ?? first;
      vscode.window.setStatusBarMessage(restoredWords({ title, kind, state }), 4000);
    }),
    registerCommand(log, commandIds.undoSwitch, async (...args) => {
      await inEachModel(
        scene.store,
        sessionsOf(scene, args).map((session) => ({ session })),
        async ({ session }) => {
          const isUndone = await history.undo(session);
          const words = isUndone ? undoneWords(session.title, session) : `${session.title}: nothing to undo`;
          vscode.window.setStatusBarMessage(words, 4000);
        },
      );
    }),
  ];
}

class ModeSwitcher {
  private readonly warned = new WeakSet<ModelSession>();

  constructor(
    private readonly scene: Scene,
    private readonly counts: ModeCounts,
    private readonly history: SwitchHistory,
  ) {}

  async apply(asked: readonly Switch[], recursive: boolean): Promise<void> {
    const switches = await confirmRanks(this.scene.store, asked, recursive);
    await this.switch(switches, recursive);
    offerOtherRanks(this.scene.store, switches, (others) => this.switch(others, recursive), thatChange);
  }

  private async switch(switches: readonly Switch[], recursive: boolean): Promise<void> {
    const { store } = this.scene;
    for (const session of new Set(switches.map((each) => each.session))) this.history.record(session);
    await inEachModel(store, switches, async (asked) => {
      const { session, module, training } = asked;
      const name = nameOf(asked, store);
      await withDelayedProgress(`Switching ${name}`, { cancellable: false }, () =>
        session.setTraining(module.path, training, { recursive }),
      );
      const alike = switches.filter((other) => nameOf(other) === nameOf(asked)).map((other) => other.session);
      const inRanks = alike.length > 1 && rankOf(store, session) !== undefined;
      const names = inRanks ? `${nameOf(asked)} in ${countOf(alike.length, 'rank')}` : name;
      const told = inRanks ? (waitingOne(alike) ?? session) : session;
      vscode.window.setStatusBarMessage(switchedWords(names, told, training, recursive), 4000);
      if (recursive) this.warnIfIgnored(asked);
    });
  }

  /** Traced code obeys no flag; without a word the switch would look broken. Once for each model is enough. */
  private warnIfIgnored({ session, module }: Target): void {
    const { contradicting } = this.counts.of(session, module.path);
    if (contradicting === 0 || this.warned.has(session)) return;
    this.warned.add(session);
    const layers = contradicting === 1 ? 'one layer does' : `${countOf(contradicting, 'layer')} do`;
    void vscode.window.showWarningMessage(
      `${session.title}: the flags are set, but ${layers} not follow them: the mode is fixed in the file’s code. The tree shows how each layer really runs.`,
    );
  }
}

/** Of several models one whose switch waits, if any does. */
function waitingOne(sessions: readonly ModelSession[]): ModelSession | undefined {
  return sessions.find(({ state }) => state.kind === 'waiting');
}
