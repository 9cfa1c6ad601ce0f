// Mutations of FlatBuffers without a schema: offsets that point elsewhere, back, or to themselves; tables of fields; lengths.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { mutateBytes, writeInteger } from './bytes';

const MAX_STEPS = 5;
const ITEM = 4;

/** Changes a few words that look like offsets; now and then bytes instead. */
export function mutateFlatbuffer(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(4)) return mutateBytes(bytes, draw);
  const mutant = bytes.slice();
  const view = new DataView(mutant.buffer);
  // A word that points into the file is an offset, or a small number that will do as well.
  const offsets: number[] = [];
  for (let at = 0; at + ITEM <= mutant.length; at += ITEM) {
    const value = view.getUint32(at, true);
    if (value > 0 && at + value < mutant.length) offsets.push(at);
  }
  const script: string[] = [];
  for (let left = draw.few(MAX_STEPS); left > 0; left--) {
    const at = draw.pick(offsets);
    const kind = draw.pick(['elsewhere', 'same as another', 'itself', 'number', 'table']);
    script.push(`${kind} at ${at}`);
    if (kind === 'elsewhere') view.setInt32(at, draw.below(mutant.length) - (draw.oneIn(2) ? at : 0), true);
    else if (kind === 'itself') view.setUint32(at, 0, true);
    else if (kind === 'number') writeInteger(mutant, at, ITEM, draw.edge());
    else if (kind === 'table') view.setUint16(at + 2 * draw.below(2), draw.pick([0, 1, 4, 6, 8, 12, 0xffff]), true);
    else {
      const other = draw.pick(offsets);
      view.setInt32(at, other + view.getUint32(other, true) - at, true);
    }
  }
  return { bytes: mutant, script };
}
