// Which model of a file a forward runs, where the file holds several.

import type { Problem, SavedModel } from '../model/description';
import type { Program } from '../runtime/program';
import { AppError } from '../util/errors';

const maxNamed = 10;

export interface ChosenModel {
  readonly program: Program;
  /** Where it stands in the tree. */
  readonly path: string;
  /** Says which of several was taken where nobody chose. */
  readonly problems: readonly Problem[];
}

/** The model at `path`; without one the first that can run, or the only one. @throws AppError `no-such-module`. */
export function chooseModel(program: Program, path: string | undefined): ChosenModel {
  const models = runnable(program);
  if (path === undefined) {
    const [first] = models;
    if (first === undefined) return { program, path: '', problems: [] };
    const message = `The file holds ${models.length} models that can run (${names(models)}); this was '${first[0]}'.`;
    return { program: first[1], path: first[0], problems: models.length === 1 ? [] : [{ message, path: first[0] }] };
  }
  const chosen = models.find(([at]) => at === path);
  if (chosen !== undefined) return { program: chosen[1], path, problems: [] };
  throw new AppError('no-such-module', `The file has no model '${path}' that can run`, hintAt(program, models));
}

function hintAt(program: Program, models: readonly (readonly [path: string, model: Program])[]): string {
  if (program.models === undefined) return 'It holds one model, which needs no name.';
  return models.length === 0 ? 'It holds several, all without code.' : `It holds ${names(models)}.`;
}

/** Several models, with what those take that can run; undefined where the root is the model. */
export async function describeModels({ models }: Program): Promise<readonly SavedModel[] | undefined> {
  if (models === undefined) return undefined;
  return Promise.all(
    [...models].map(async ([path, model]) => {
      const canRun = model?.capabilities.runForward ?? false;
      return { path, canRun, inputs: canRun ? ((await model?.inputs()) ?? []) : [] };
    }),
  );
}

function runnable({ models }: Program): (readonly [path: string, model: Program])[] {
  return [...(models ?? [])].flatMap(([path, model]) =>
    model?.capabilities.runForward === true ? [[path, model] as const] : [],
  );
}

function names(models: readonly (readonly [path: string, model: Program])[]): string {
  const listed = models.slice(0, maxNamed).map(([path]) => path);
  return listed.join(', ') + (models.length > maxNamed ? ', …' : '');
}
