// How two compared models are named, without an editor.

import type { Pair } from '../model/compareModels';

export interface NamedModel {
  readonly title: string;
  /** The path of its file, or the program in which it lives. */
  readonly place: string;
  /** Path of one of the models that it holds; `''` or undefined for all. */
  readonly part?: string | undefined;
}

/** `ema of model.pt` for one of several models of a file, only `ema` beside another one of the same file. */
export function distinctNames(first: NamedModel, second: NamedModel): Pair<string> {
  const [one = '', other = ''] = [first.part, second.part];
  const isSameFile = first.title === second.title && first.place === second.place;
  if (isSameFile && one !== '' && other !== '') return [one, other];
  const [title, otherTitle] = distinctTitles(first, second);
  return [one === '' ? title : `${one} of ${title}`, other === '' ? otherTitle : `${other} of ${otherTitle}`];
}

/** Titles where they differ, else with as much of their places as tells them apart: `epoch1/model.pt` and `epoch2/model.pt`. */
function distinctTitles(first: NamedModel, second: NamedModel): Pair<string> {
  if (first.title !== second.title) return [first.title, second.title];
  const [one, other] = [partsOf(first.place), partsOf(second.place)];
  for (let parts = 1; parts <= Math.max(one.length, other.length); parts++) {
    const [end, otherEnd] = [one.slice(-parts).join('/'), other.slice(-parts).join('/')];
    if (end !== otherEnd) return [named(first.title, end), named(second.title, otherEnd)];
  }
  return [first.title, `the other ${second.title}`];
}

/** The end of a file's path names the file; that of a live model is its program. */
function named(title: string, end: string): string {
  return end.endsWith(title) ? end : `${title} (${end})`;
}

function partsOf(place: string): readonly string[] {
  return place.split(/[\\/]/).filter((part) => part !== '');
}
