// Switching modes: a layer, a subtree or the whole model, this flag only, back to how it was.

import * as vscode from 'vscode';
import { registerCommand } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { heldTraining } from '../model/module';
import type { ModelSession } from '../sessions/modelSession';
import type { ModeCounts } from '../views/modeCounts';
import { countOf } from '../views/format';
import { restoredWords, switchedWords } from './setModeModel';
import { nameOf, sessionOf, targetsOf } from './targets';
import type { Scene, Target } from './targets';

export function registerModeCommands(scene: Scene, counts: ModeCounts, log: OutputLog): vscode.Disposable[] {
  const switcher = new ModeSwitcher(scene, counts);
  const set = (args: readonly unknown[], training: boolean, recursive: boolean): Promise<void> =>
    switcher.apply(targetsOf(scene, args), () => training, recursive);
  return [
    registerCommand(log, commandIds.setTrain, (...args) => set(args, true, true)),
    registerCommand(log, commandIds.setEval, (...args) => set(args, false, true)),
    registerCommand(log, commandIds.setTrainOnly, (...args) => set(args, true, false)),
    registerCommand(log, commandIds.setEvalOnly, (...args) => set(args, false, false)),
    registerCommand(log, commandIds.toggleMode, (...args) =>
      // As a person would type it: `m.train(not m.training)`, which takes everything below along.
      switcher.apply(targetsOf(scene, args), ({ module }) => heldTraining(module) !== true, true),
    ),
    registerCommand(log, commandIds.restoreModes, async (...args) => {
      const session = sessionOf(scene, args);
      scene.store.setActive(session);
      await withDelayedProgress(`Restoring modes of ${session.title}`, { cancellable: false }, () =>
        session.restore(session.initialModes),
      );
      vscode.window.setStatusBarMessage(restoredWords(session), 4000);
    }),
  ];
}

class ModeSwitcher {
  private readonly warned = new WeakSet<ModelSession>();

  constructor(
    private readonly scene: Scene,
    private readonly counts: ModeCounts,
  ) {}

  async apply(targets: readonly Target[], wanted: (target: Target) => boolean, recursive: boolean): Promise<void> {
    for (const target of targets) {
      const { session, module } = target;
      const training = wanted(target);
      this.scene.store.setActive(session);
      await withDelayedProgress(`Switching ${nameOf(target)}`, { cancellable: false }, () =>
        session.setTraining(module.path, training, { recursive }),
      );
      vscode.window.setStatusBarMessage(switchedWords(nameOf(target), session, training, recursive), 4000);
      if (recursive) this.warnIfIgnored(target);
    }
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
