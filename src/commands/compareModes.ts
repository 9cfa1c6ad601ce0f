// Compare Train and Eval: the same made-up inputs through the model in both modes, and where its layers part.

import * as vscode from 'vscode';
import type { ModeComparison } from '../model/comparison';
import { registerCommand, showError } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import { toAppError } from '../util/errors';
import { comparisonSentence } from '../views/comparisonModel';
import { suggestedInputs } from '../views/forwardInputModel';
import { targetTitle } from './forwardModel';
import { ForwardQuestions, madeUpInputs } from './forwardQuestions';
import { sessionOf } from './targets';
import type { Scene } from './targets';

export function registerCompareModes(scene: Scene, log: OutputLog): vscode.Disposable {
  const questions = new ForwardQuestions(scene, 'Compare Train and Eval');
  return registerCommand(log, commandIds.compareModes, async (...args): Promise<ModeComparison | undefined> => {
    const session = sessionOf(scene, args);
    const target = await questions.choose(session, args);
    if (target === undefined) return undefined;
    scene.store.setActive(session);
    // A model that its own program runs is given what that program gives it.
    const isOwnProgram = session.kind === 'live' && !session.capabilities.runForward;
    const known = isOwnProgram ? '' : (questions.lastText(session, target) ?? suggestedInputs(target.inputs));
    const text = known ?? (await questions.ask(session, target));
    if (text === undefined) return undefined;
    const inputs = isOwnProgram ? [] : madeUpInputs(text, target);
    const model = target.model === undefined ? {} : { model: target.model };
    const title = targetTitle(session, target);
    try {
      const comparison = await withDelayedProgress(
        `Comparing train and eval of ${title}`,
        { cancellable: true },
        (signal) => session.compareModes({ ...model, inputs }, signal),
      );
      scene.store.comparisons.set(session, comparison);
      const sentence = comparisonSentence(title, comparison);
      log.info(sentence);
      void vscode.window.showInformationMessage(sentence);
      return comparison;
    } catch (thrown) {
      await showError(log, `Comparing train and eval of ${title}`, toAppError(thrown, 'program-error'));
      return undefined;
    }
  });
}
