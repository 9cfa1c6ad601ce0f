// Makes the mutant of a format and a seed: the same one everywhere.

import { Draw } from './draw';
import { fuzzFormats } from './formats';
import type { ModelFiles } from './formats';

/** What a mutation hands over: the bytes, and in words what was done to them. */
export interface Mutated {
  readonly bytes: Uint8Array;
  readonly script: readonly string[];
}

export interface Mutant extends ModelFiles {
  /** What was done to which file. */
  readonly script: readonly string[];
  /** What a seeded share of the mutants is put through besides being opened. */
  readonly runForward: boolean;
  readonly saveCopy: boolean;
}

const FORWARDS = 8;
const COPIES = 8;

/** @throws RangeError for a format that there is not. */
export function makeMutant(format: string, seed: number): Mutant {
  const found = fuzzFormats.get(format);
  if (found === undefined) throw new RangeError(`No format ${format}; there are ${[...fuzzFormats.keys()].join(', ')}`);
  const draw = new Draw(seed);
  const models = found.models();
  const { files, ...model } = draw.pick(models);
  const { main } = model;
  const names = Object.keys(files);
  // A file beside the model is changed now and then only: most of what can go wrong is in the model.
  const name = draw.oneIn(4) ? draw.pick(names) : main;
  const other = draw.pick(models);
  const original = files[name] ?? new Uint8Array();
  const mutated = found.mutate(name)(original, draw, other.files[other.main] ?? original);
  return {
    ...model,
    files: { ...files, [name]: mutated.bytes },
    script: [`${name} of ${original.length} bytes`, ...mutated.script],
    runForward: draw.oneIn(FORWARDS),
    saveCopy: draw.oneIn(COPIES),
  };
}
