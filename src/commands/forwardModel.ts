// Which model a forward runs, and what it takes: the file's only one, or one of several.

import type { InputSpec, SavedModel } from '../model/description';
import { isWithin } from '../model/module';
import type { ModelSession } from '../sessions/modelSession';

/** What runs. */
export interface ForwardTarget {
  /** Path of its root, where the file holds several models. */
  readonly model?: string;
  readonly inputs: readonly InputSpec[];
}

/**
 * The model in which the module at `path` stands. Undefined where the file holds several and the path is in none of them: then
 * a person is asked.
 */
export function forwardTarget(session: ModelSession, path: string): ForwardTarget | undefined {
  const models = runnableModels(session);
  const [only, ...others] = models;
  if (only === undefined) return { inputs: session.inputs };
  const found = models.find((model) => isWithin(path, model.path));
  if (found !== undefined) return targetOf(found);
  return others.length === 0 ? targetOf(only) : undefined;
}

/** Of several models those that can run. */
export function runnableModels({ models }: ModelSession): readonly SavedModel[] {
  return (models ?? []).filter(({ canRun }) => canRun);
}

export function targetOf({ path, inputs }: SavedModel): ForwardTarget {
  return { model: path, inputs };
}

/** How a model is named in a sentence. */
export function targetTitle(session: ModelSession, { model }: ForwardTarget): string {
  return model === undefined ? session.title : `${session.title}: ${model}`;
}
