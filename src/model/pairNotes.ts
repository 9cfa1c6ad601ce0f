// What a person must know to read the differences of two models, in a sentence each: above all what could not be compared.

import type { Pair } from './compareModels';
import { isApart } from './pairComparison';
import type { PairComparison, Untold } from './pairComparison';

/** @param names tell the two models apart. @param named paths of the modules that the names are of; undefined for whole models. */
export function pairNotes(
  names: Pair<string>,
  comparison: PairComparison,
  named: Pair<string | undefined> = [undefined, undefined],
): readonly string[] {
  const { roots, untold, counts } = comparison;
  const sides = [0, 1] as const;
  return [
    ...(isApart(comparison) ? ['No module of one has the path of a module of the other'] : []),
    ...sides.flatMap((side) =>
      roots[side] === (named[side] ?? '') ? [] : [`Compared with what stands below ${roots[side]} in ${names[side]}`],
    ),
    ...untoldNotes(names, untold),
    ...(counts.comparedStatistics === 0 ? ['No layer has running statistics in both'] : []),
  ];
}

function untoldNotes(names: Pair<string>, [first, second]: PairComparison['untold']): readonly string[] {
  if (first.length > 0 && first.join() === second.join()) return [`Neither stores ${listed(first, 'or')}`];
  return [
    ...(first.length === 0 ? [] : [`${names[0]} stores no ${listed(first, 'and no')}`]),
    ...(second.length === 0 ? [] : [`${names[1]} stores no ${listed(second, 'and no')}`]),
  ];
}

function listed(untold: readonly Untold[], last: string): string {
  return untold.length < 2 ? untold.join('') : `${untold.slice(0, -1).join(', ')} ${last} ${untold.at(-1) ?? ''}`;
}
