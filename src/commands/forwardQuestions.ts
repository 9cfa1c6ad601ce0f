// What a person is asked before a model runs: which of several, and on what.

import { chooseOne, enterText } from '../host/questions';
import type { ForwardInput } from '../protocol/engine';
import type { ModelSession } from '../sessions/modelSession';
import { inputPrompt, parseInputs, prefilledInputs, validateInputs } from '../views/forwardInputModel';
import { forwardTarget, runnableModels, targetOf, targetTitle, type ForwardTarget } from './forwardModel';
import { targetsOf } from './targets';
import type { Scene } from './targets';

/** Questions of one command; `title` is its name. */
export class ForwardQuestions {
  constructor(
    private readonly scene: Scene,
    private readonly title: string,
  ) {}

  /** Of several models the one with the clicked or selected row, else the one that a person picks; undefined if they give up. */
  async choose(session: ModelSession, args: readonly unknown[]): Promise<ForwardTarget | undefined> {
    const [row] = targetsOf(this.scene, args);
    const found = forwardTarget(session, row?.session === session ? row.module.path : '');
    if (found !== undefined) return found;
    const picked = await chooseOne(
      runnableModels(session).map((model) => ({
        label: model.path,
        description: session.module(model.path)?.type ?? '',
        model,
      })),
      { title: `${this.title}: ${session.title}`, placeHolder: 'The file holds several models: which one runs?' },
    );
    return picked === undefined ? undefined : targetOf(picked.model);
  }

  /** The inputs that this model had last. */
  lastText(session: ModelSession, target: ForwardTarget): string | undefined {
    const last = this.scene.store.forwards.last(session);
    return last?.model === target.model ? last?.inputText : undefined;
  }

  /** The inputs as a person writes them; undefined if they give up. */
  async ask(session: ModelSession, target: ForwardTarget): Promise<string | undefined> {
    return enterText({
      title: `${this.title}: ${targetTitle(session, target)}`,
      prompt: inputPrompt(target.inputs),
      value: this.lastText(session, target) ?? prefilledInputs(target.inputs),
      validateInput: (value) => validateInputs(value, target.inputs),
    });
  }
}

/** Random inputs of the shapes that the text names. @throws AppError `bad-input`. */
export function madeUpInputs(text: string, { inputs }: ForwardTarget): readonly ForwardInput[] {
  return parseInputs(text, inputs).map(({ shape, dtype }) => ({ kind: 'random', shape, dtype }));
}
