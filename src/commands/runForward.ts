// Run Forward: made-up inputs through the model in its present modes, and what came out.

import * as vscode from 'vscode';
import { registerCommand, showError } from '../host/commands';
import { commandIds } from '../host/ids';
import type { OutputLog } from '../host/log';
import { withDelayedProgress } from '../host/progress';
import type { ForwardRecord } from '../sessions/forwardHistory';
import type { ModelSession } from '../sessions/modelSession';
import { AppError, toAppError } from '../util/errors';
import { forwardSentence } from '../views/factsModel';
import { suggestedInputs } from '../views/forwardInputModel';
import type { ModeCounts } from '../views/modeCounts';
import { describeMode } from '../views/modeModel';
import { forwardTarget, targetTitle, type ForwardTarget } from './forwardModel';
import { ForwardQuestions, madeUpInputs } from './forwardQuestions';
import { sessionOf } from './targets';
import type { Scene } from './targets';

export function registerForwardCommands(scene: Scene, counts: ModeCounts, log: OutputLog): vscode.Disposable[] {
  const runner = new ForwardRunner(scene, counts, log);
  return [
    registerCommand(log, commandIds.runForward, async (...args) => {
      const session = sessionOf(scene, args);
      const target = await runner.questions.choose(session, args);
      if (target === undefined) return undefined;
      return runner.run(session, target, runner.questions.lastText(session, target) ?? suggestedInputs(target.inputs));
    }),
    registerCommand(log, commandIds.runForwardWith, async (...args) => {
      const session = sessionOf(scene, args);
      const target = await runner.questions.choose(session, args);
      return target === undefined ? undefined : runner.run(session, target, undefined);
    }),
    registerCommand(log, commandIds.runForwardAgain, async (...args) => {
      const session = sessionOf(scene, args);
      const last = scene.store.forwards.last(session);
      if (last === undefined)
        throw new AppError('usage', `${session.title} has not run yet.`, 'Use “Run Forward” first.');
      const target = forwardTarget(session, last.model ?? '') ?? (await runner.questions.choose(session, args));
      return target === undefined ? undefined : runner.run(session, target, last.inputText);
    }),
  ];
}

class ForwardRunner {
  readonly questions: ForwardQuestions;

  constructor(
    private readonly scene: Scene,
    private readonly counts: ModeCounts,
    private readonly log: OutputLog,
  ) {
    this.questions = new ForwardQuestions(scene, 'Run Forward');
  }

  /** Runs with the inputs that `text` names; without one a person is asked. Resolves to undefined if they give up. */
  async run(
    session: ModelSession,
    target: ForwardTarget,
    text: string | undefined,
  ): Promise<ForwardRecord | undefined> {
    this.scene.store.setActive(session);
    const inputText = text ?? (await this.questions.ask(session, target));
    if (inputText === undefined) return undefined;
    const inputs = madeUpInputs(inputText, target);
    const mode = this.modeOf(session, target);
    const chosen = target.model === undefined ? {} : { model: target.model };
    const title = targetTitle(session, target);
    try {
      const result = await withDelayedProgress(`Running ${title}`, { cancellable: true }, (signal) =>
        session.runForward({ ...chosen, inputs, keepOutputs: true }, signal),
      );
      const record = this.scene.store.forwards.add(session, { ...chosen, inputText, mode }, result);
      const sentence = forwardSentence(session.title, record);
      this.log.info(sentence);
      this.tell(sentence);
      return record;
    } catch (thrown) {
      await this.fail(session, target, thrown);
      return undefined;
    }
  }

  private modeOf(session: ModelSession, { model = '' }: ForwardTarget): string {
    const root = session.module(model);
    const words = root === undefined ? '' : describeMode(root, this.counts.of(session, model)).text;
    // “ran in train” says it for a file without flags too.
    return words.replace(/^runs as /, '');
  }

  /**
   * Nobody waits for the message, and the tree shows the same under “Last forward”: without a button it goes away by
   * itself, so that running ten times leaves no pile.
   */
  private tell(sentence: string): void {
    void vscode.window.showInformationMessage(sentence);
  }

  private async fail(session: ModelSession, target: ForwardTarget, thrown: unknown): Promise<void> {
    const title = targetTitle(session, target);
    // A worker that died says so by itself (see notices.ts), with a way to reload.
    if (session.state.kind === 'failed') {
      this.log.error(`Forward of ${title}`, thrown);
      return;
    }
    const error = toAppError(thrown, 'program-error');
    await showError(this.log, `Forward of ${title}`, error, [
      {
        title: 'Other Inputs…',
        when: ({ code }) => code === 'bad-input' || code === 'program-error' || code === 'out-of-memory',
        run: () =>
          vscode.commands.executeCommand(commandIds.runForwardWith, this.scene.tree.node(session, target.model ?? '')),
      },
    ]);
  }
}
