// What a comparison of train and eval says, in words.

import { isApart, type LayerGap, type ModeComparison } from '../model/comparison';
import { countOf } from '../util/text';
import { formatNumber } from '../util/numbers';

/** One sentence: whether the modes differ, from where on, and how much in the end. */
export function comparisonSentence(title: string, { layers, start }: ModeComparison): string {
  if (layers.length === 0) return `No module of ${title} returned a tensor in both modes.`;
  if (start === null) return `Train and eval give the same in ${countOf(layers.length, 'module')} of ${title}.`;
  const apart = layers.filter(isApart).length;
  const last = layers.at(-1);
  const where = start === '' ? '' : `, from ${start} on`;
  const end = last === undefined ? '' : ` Its output differs by ${gapText(last)}.`;
  return `Train and eval of ${title} differ in ${apart} of ${countOf(layers.length, 'module')}${where}.${end}`;
}

/** `62 % (relative L2)`. */
export function gapText({ relativeL2 }: LayerGap): string {
  return relativeL2 === null ? 'more than can be told' : `${formatNumber(relativeL2 * 100)} % (relative L2)`;
}
