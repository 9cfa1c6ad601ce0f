// Which model of a file is compared, where the file holds several: that of a row, or one that a person picks.

import type { Pair } from '../model/compareModels';
import { isWithin } from '../model/module';
import type { ModelSession } from '../sessions/modelSession';

/** What is asked of an open model. */
export type PartedModel = Pick<ModelSession, 'models' | 'module'>;

/** One side of a comparison. */
export interface ComparedPart<M extends PartedModel = PartedModel> {
  readonly session: M;
  /** Path of one of several models, `''` for all of them together; undefined where nobody has to choose, or nobody has yet. */
  readonly path: string | undefined;
}

/** The part of a file in which the module at `path` stands. */
export function partAt<M extends PartedModel>(session: M, path: string): ComparedPart<M> {
  return { session, path: session.models?.find((model) => isWithin(path, model.path))?.path };
}

/** Of selected parts the one beside the first, where that leaves no doubt. */
export function otherOf<M extends PartedModel>(
  first: ComparedPart<M>,
  selected: readonly ComparedPart<M>[],
): ComparedPart<M> | undefined {
  const others: ComparedPart<M>[] = [];
  for (const part of selected) {
    const isKnown = others.some((each) => each.session === part.session && each.path === part.path);
    if (!isKnown && isOther(first, part)) others.push(part);
  }
  return others.length === 1 ? others[0] : undefined;
}

/** Two models of one file are two; a file and a model of it are not. */
function isOther(first: ComparedPart, part: ComparedPart): boolean {
  if (part.session !== first.session) return true;
  return part.path !== undefined && first.path !== undefined && part.path !== first.path;
}

/**
 * Both sides with what nobody has chosen yet. Whoever takes all models of one file means all of the other.
 * @param ask for one of at least two paths, `''` for all models; undefined where a person gives up, and then so is the result.
 */
export async function chooseParts<M extends PartedModel>(
  [one, other]: Pair<ComparedPart<M>>,
  ask: (session: M, paths: readonly string[]) => Promise<string | undefined>,
): Promise<Pair<ComparedPart<M>> | undefined> {
  const choose = async (part: ComparedPart<M>, beside: ComparedPart<M>): Promise<ComparedPart<M> | undefined> => {
    const paths = part.path === undefined ? pathsToChoose(part.session, beside) : [];
    if (paths.length < 2) return { ...part, path: paths[0] ?? part.path };
    const path = await ask(part.session, paths);
    return path === undefined ? undefined : { ...part, path };
  };
  const first = await choose(one, other);
  if (first === undefined) return undefined;
  const second = first.path === '' ? other : await choose(other, first);
  return second === undefined ? undefined : [first, second];
}

/** The likeliest first: all models together where both sides have some path in common, else the model of the same name. */
function pathsToChoose<M extends PartedModel>(session: M, beside: ComparedPart<M>): readonly string[] {
  const isSame = session === beside.session;
  const paths = (session.models ?? []).map(({ path }) => path).filter((path) => !isSame || path !== beside.path);
  if (paths.length === 0) return [];
  const isComparable = !isSame && beside.path === undefined && shareSomeModel(session, beside.session);
  const namesake = paths.filter((path) => path === beside.path);
  return [...(isComparable ? [''] : []), ...namesake, ...paths.filter((path) => path !== beside.path)];
}

function shareSomeModel(one: PartedModel, other: PartedModel): boolean {
  const hasSomeOf = (session: PartedModel, { models = [] }: PartedModel): boolean =>
    models.some(({ path }) => session.module(path) !== undefined);
  return hasSomeOf(one, other) || hasSomeOf(other, one);
}
