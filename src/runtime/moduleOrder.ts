// Modules in pre-order under their paths: the order in which every program lists them, and in which subtrees are ranges.

import { AppError } from '../util/errors';

/** Of one file. Checkpoints of the largest published mixtures of experts have about 100,000. */
export const maxModules = 200_000;
/** Characters of all paths together: a long name stands again in the path of everything below it. */
const maxPathText = 64_000_000;

/** An item at its place in a tree. */
export interface Place<T> {
  readonly item: T;
  /** As in `named_modules()`; the root is `''`. */
  readonly path: string;
  /** Indices of the direct children, all larger than the item's own. */
  readonly children: readonly number[];
  /** Index after the last item below this one. */
  readonly end: number;
}

/**
 * All items below `root`, which must not contain itself; one that stands at several places comes under each of its paths.
 * @throws AppError as {@link checkModuleName} and {@link PathLimit} do.
 */
export function inPreOrder<T>(
  root: T,
  childrenOf: (item: T) => Iterable<readonly [name: string, item: T]>,
): Place<T>[] {
  const places: Place<T>[] = [];
  const limit = new PathLimit();
  const visit = (item: T, path: string): void => {
    const place = { item, path, children: [] as number[], end: 0 };
    limit.add(path);
    places.push(place);
    for (const [name, child] of childrenOf(item)) {
      checkModuleName(name);
      place.children.push(places.length);
      visit(child, path === '' ? name : `${path}.${name}`);
    }
    place.end = places.length;
  };
  visit(root, '');
  return places;
}

/** Counts the modules of a file by their paths, since one that is shared stands under any number of them. */
export class PathLimit {
  private modules = 0;
  private text = 0;

  /** @throws AppError `limit-exceeded` where there are too many by now. */
  add(path: string): void {
    this.modules++;
    this.text += path.length;
    if (this.modules <= maxModules && this.text <= maxPathText) return;
    throw new AppError(
      'limit-exceeded',
      `The file names more than ${maxModules} modules, or gives them paths of more than ${maxPathText} characters`,
      'If the model is really that large, please report it with its figures.',
    );
  }
}

/**
 * Paths are names with dots between them, so that torch lets no name be empty or have a dot: two modules could have one path, or
 * one a parent that is none. @throws AppError `corrupt`.
 */
export function checkModuleName(name: string): void {
  if (name !== '' && !name.includes('.')) return;
  throw new AppError(
    'corrupt',
    `The file has a module of the name '${name.slice(0, 60)}', which PyTorch does not allow`,
    'Save or download the file again.',
  );
}

/** Finds modules in pre-order by their paths. */
export class PathIndex {
  private readonly indices = new Map<string, number>();

  constructor(private readonly places: readonly { readonly path: string; readonly end: number }[]) {
    places.forEach(({ path }, i) => this.indices.set(path, i));
  }

  /** @throws AppError `no-such-module`. */
  of(path: string): number {
    const index = this.indices.get(path);
    if (index === undefined) throw noSuchModule(path);
    return index;
  }

  find(path: string): number | undefined {
    return this.indices.get(path);
  }

  /** The module at the path, with `recursive` also everything below it: from `start` to before `end`. @throws as {@link of}. */
  range(path: string, recursive: boolean): { readonly start: number; readonly end: number } {
    const start = this.of(path);
    return { start, end: recursive ? this.places[start]!.end : start + 1 };
  }
}

/** The error for a path that the model lacks. */
export function noSuchModule(path: string): AppError {
  return new AppError('no-such-module', `The model has no module '${path}'`, 'Paths are those of named_modules().');
}
