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
export function forwardTarget({ models, inputs }: ModelSession, path: string): ForwardTarget | undefined {
  if (models === undefined || models.length === 0) return { inputs };
  const [only] = models;
  const found = models.find((model) => isWithin(path, model.path));
  if (found !== undefined) return targetOf(found);
  return only !== undefined && models.length === 1 ? targetOf(only) : undefined;
}

export function targetOf({ path, inputs }: SavedModel): ForwardTarget {
  return { model: path, inputs };
}

/** How a model is named in a sentence. */
export function targetTitle(session: ModelSession, { model }: ForwardTarget): string {
  return model === undefined ? session.title : `${session.title}: ${model}`;
}
