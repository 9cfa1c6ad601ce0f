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
import { inputPrompt, parseInputs, prefilledInputs, suggestedInputs, validateInputs } from '../views/forwardInputModel';
import type { ModeCounts } from '../views/modeCounts';
import { describeMode } from '../views/modeModel';
import { sessionOf } from './targets';
import type { Scene } from './targets';

export function registerForwardCommands(scene: Scene, counts: ModeCounts, log: OutputLog): vscode.Disposable[] {
  const runner = new ForwardRunner(scene, counts, log);
  return [
    registerCommand(log, commandIds.runForward, (...args) => {
      const session = sessionOf(scene, args);
      return runner.run(session, scene.store.forwards.last(session)?.inputText ?? suggestedInputs(session.inputs));
    }),
    registerCommand(log, commandIds.runForwardWith, (...args) => runner.run(sessionOf(scene, args), undefined)),
    registerCommand(log, commandIds.runForwardAgain, (...args) => {
      const session = sessionOf(scene, args);
      const last = scene.store.forwards.last(session);
      if (last === undefined)
        throw new AppError('usage', `${session.title} has not run yet.`, 'Use “Run Forward” first.');
      return runner.run(session, last.inputText);
    }),
  ];
}

class ForwardRunner {
  constructor(
    private readonly scene: Scene,
    private readonly counts: ModeCounts,
    private readonly log: OutputLog,
  ) {}

  /** Runs with the inputs that `text` names; without one a person is asked. Resolves to undefined if they give up. */
  async run(session: ModelSession, text: string | undefined): Promise<ForwardRecord | undefined> {
    this.scene.store.setActive(session);
    const inputText = text ?? (await this.ask(session));
    if (inputText === undefined) return undefined;
    const shapes = parseInputs(inputText, session.inputs);
    const mode = this.modeOf(session);
    try {
      const inputs = shapes.map(({ shape, dtype }) => ({ kind: 'random' as const, shape, dtype }));
      const result = await withDelayedProgress(`Running ${session.title}`, { cancellable: true }, (signal) =>
        session.runForward({ inputs, keepOutputs: true }, signal),
      );
      const record = this.scene.store.forwards.add(session, { inputText, mode }, result);
      const sentence = forwardSentence(session.title, record);
      this.log.info(sentence);
      this.tell(sentence);
      return record;
    } catch (thrown) {
      await this.fail(session, thrown);
      return undefined;
    }
  }

  private async ask(session: ModelSession): Promise<string | undefined> {
    const last = this.scene.store.forwards.last(session);
    return vscode.window.showInputBox({
      title: `Run Forward: ${session.title}`,
      prompt: inputPrompt(session.inputs),
      value: last?.inputText ?? prefilledInputs(session.inputs),
      validateInput: (value) => validateInputs(value, session.inputs),
      ignoreFocusOut: true,
    });
  }

  private modeOf(session: ModelSession): string {
    const root = session.module('');
    return root === undefined ? '' : describeMode(root, this.counts.of(session, '')).text;
  }

  /**
   * Nobody waits for the message, and the tree shows the same under “Last forward”: without a button it goes away by
   * itself, so that running ten times leaves no pile.
   */
  private tell(sentence: string): void {
    void vscode.window.showInformationMessage(sentence);
  }

  private async fail(session: ModelSession, thrown: unknown): Promise<void> {
    // A worker that died says so by itself (see notices.ts), with a way to reload.
    if (session.state.kind === 'failed') {
      this.log.error(`Forward of ${session.title}`, thrown);
      return;
    }
    const error = toAppError(thrown, 'program-error');
    await showError(this.log, `Forward of ${session.title}`, error, [
      {
        title: 'Other Inputs…',
        when: ({ code }) => code === 'bad-input' || code === 'program-error' || code === 'out-of-memory',
        run: () => vscode.commands.executeCommand(commandIds.runForwardWith, this.scene.tree.node(session, '')),
      },
    ]);
  }
}
