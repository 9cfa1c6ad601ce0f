// A model compared with another one, in rows: a sum, what could not be compared, and what differs.

import { pathIn } from '../model/alignModels';
import type { PairComparison } from '../model/pairComparison';
import { pairNotes } from '../model/pairNotes';
import type { ModelPair } from '../sessions/modelPairs';
import { comparisonWords, differenceRows } from './differencesModel';
import type { DifferenceRow } from './differencesModel';
import type { Row } from './rowModel';
import { plain } from './sideBySideModel';

/** The fold below the model's own row. */
export function pairRow(pair: ModelPair): Row {
  const { names, asked, comparison, isOutdated } = pair;
  const description = [...(isOutdated ? ['before the last changes'] : []), ...pairWords(comparison)].join(' · ');
  const [part = ''] = asked;
  const label = `${part === '' ? 'Compared' : `${part} compared`} with ${names[1]}`;
  return {
    label,
    description,
    icon: { id: 'diff' },
    tooltip: [
      `Compared: ${names.join(' with ')}`,
      ...pairWords(comparison),
      ...(isOutdated
        ? ['Modes, statistics or modules of one of them have changed since; compare again to see them.']
        : []),
      'Running statistics differ by the distance of the two vectors, relative to the longer one.',
    ],
    spoken: `${label}: ${description.replaceAll(' · ', ', ')}`,
    context: 'pair',
    children: comparison.layers.length + pairNotes(names, comparison, asked).length === 0 ? 'none' : 'collapsed',
  };
}

/** The rows below it. */
export function pairRows({ names, asked, comparison }: ModelPair): readonly DifferenceRow<unknown>[] {
  const { counts, layers } = comparison;
  const model = {
    title: '(root)',
    names,
    isBelowFirst: true,
    counts,
    layers: layers.map((layer) => ({
      path: layer.path,
      module: layer.modules[0] ?? layer.modules[1],
      differences: [layer],
    })),
  };
  return [
    ...pairNotes(names, comparison, asked).map((note) => plain(note, '', { id: 'info' })),
    ...differenceRows([model], []),
  ];
}

/** The whole in a sentence, for the log. */
export function pairSentence({ names, comparison }: ModelPair): string {
  return `${names.join(' and ')}: ${pairWords(comparison).join(', ')}.`;
}

/** The module of one of the two that a row is about: the first model's, where it has it. */
export function pairedModule({ comparison }: ModelPair, path: string): { readonly side: 0 | 1; readonly path: string } {
  const layer = comparison.layers.find((each) => each.path === path);
  const side = layer !== undefined && layer.modules[0] === undefined ? 1 : 0;
  return { side, path: pathIn(comparison.roots[side], path) };
}

function pairWords({ counts, share, sharedModes }: PairComparison): readonly string[] {
  const words = comparisonWords([{ counts }], [], { hasFlags: sharedModes > 0, share });
  return words.length === 0 ? ['no difference'] : words;
}
