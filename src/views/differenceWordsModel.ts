// How one layer differs between the ranks of a job, or between two models, in words: its mode, its structure and its options.

import type { ModuleDifference, TensorChange } from '../model/compareModels';
import { missingIn } from '../model/differences';
import type { LayerDifference } from '../model/differences';
import type { TensorSpec } from '../model/module';
import { formatNumber } from '../util/numbers';
import type { LayerDifferences, ModelDifferences } from './differencesModel';
import { formatShape } from './format';
import { countOf } from '../util/text';

/** What the row of a module in one rank adds about another one: `rank 0: eval`, `statistics differ from rank 0`. */
export function differenceWords({ module, statistics }: LayerDifference, first: string): string {
  const words: string[] = [];
  const { structure, flags, behaviours, options, modules } = module ?? {};
  if (structure === 'missing') words.push(`not in ${first}`);
  if (structure === 'class') words.push(`${first}: ${modules?.[0]?.type ?? ''}`);
  if (structure === 'tensors') words.push(`other tensors than ${first}`);
  if (flags !== undefined) words.push(`${first}: ${modeOf(flags[0])}`);
  if (behaviours !== undefined) words.push(`${first}: runs as ${behaviours[0]}`);
  if (options !== undefined) words.push(`other ${options.map(({ name }) => name).join(', ')} than ${first}`);
  if (statistics !== undefined) words.push(`statistics differ from ${first}`);
  return words.join(' · ');
}

/** `rank 0: train, rank 1: eval`; of many ranks those that differ from the first. Below a model: `train, other.pt: eval`. */
export function flagWords({ names, isBelowFirst }: ModelDifferences, { differences }: LayerDifferences): string {
  const found = differences.flatMap((each, index) => {
    const flags = each?.module?.flags;
    return flags === undefined ? [] : [{ name: names[index + 1] ?? '', flags }];
  });
  const [one] = found;
  if (one === undefined) return '';
  const first = `${isBelowFirst === true ? '' : `${names[0] ?? ''}: `}${modeOf(one.flags[0])}`;
  return [first, ...found.map(({ name, flags }) => `${name}: ${modeOf(flags[1])}`)].join(', ');
}

/** `runs as train, in other.pt as eval`: the flags are the same, or there are none. */
export function behaviourWords({ names, isBelowFirst }: ModelDifferences, { differences }: LayerDifferences): string {
  const found = differences.flatMap((each, index) => {
    const [first, mode] = each?.module?.behaviours ?? [];
    return mode === undefined ? [] : [{ first, words: `in ${names[index + 1] ?? ''} as ${mode}` }];
  });
  const [one] = found;
  if (one?.first === undefined) return '';
  const first = `runs as ${one.first}${isBelowFirst === true ? '' : ` in ${names[0] ?? ''}`}`;
  return [first, ...found.map(({ words }) => words)].join(', ');
}

export function structureWords(
  { names: [first = '', ...names], isBelowFirst }: ModelDifferences,
  { differences }: LayerDifferences,
): readonly string[] {
  const inFirst = isBelowFirst === true ? '' : ` in ${first}`;
  return differences.flatMap((each, index) => {
    const name = names[index] ?? '';
    const { module } = each ?? {};
    if (module === undefined) return [];
    const options = (module.options ?? []).map(
      ({ name: option, values: [one, other] }) =>
        `${option} ${formatOption(one)}${inFirst}, ${formatOption(other)} in ${name}`,
    );
    return [...structureOf(module, inFirst, name), ...options];
  });
}

function structureOf(module: ModuleDifference, inFirst: string, name: string): readonly string[] {
  const { structure, modules, tensors = [] } = module;
  if (structure === undefined) return [];
  if (structure === 'missing') return [missingWords(missingIn(module), inFirst, name)];
  if (structure === 'class') return [`${name}: ${modules[1]?.type ?? ''}`];
  const [tensor, ...more] = tensors;
  if (tensor === undefined) return [`other order of tensors in ${name}`];
  const rest = more.length === 0 ? '' : `, and ${countOf(more.length, 'more tensor')}`;
  return [`${tensorWords(tensor, inFirst, name)}${rest}`];
}

/** `weight [10, 512] in rank 0, [5, 512] in rank 1`; dtypes are named where they differ. */
function tensorWords({ name: tensor, tensors: [one, other] }: TensorChange, inFirst: string, name: string): string {
  if (one === undefined || other === undefined)
    return `${tensor} ${missingWords(one === undefined ? 0 : 1, inFirst, name)}`;
  const words = ({ dtype, shape }: TensorSpec): string =>
    one.dtype === other.dtype ? formatShape(shape) : `${dtype} ${formatShape(shape)}`;
  return `${tensor} ${words(one)}${inFirst}, ${words(other)} in ${name}`;
}

function missingWords(missing: 0 | 1 | null, inFirst: string, name: string): string {
  if (missing === 1) return `not in ${name}`;
  return inFirst === '' ? `only in ${name}` : `not${inFirst}`;
}

/** As torch writes it: a momentum of None is the cumulative average. */
function formatOption(value: number | boolean | null): string {
  if (value === null) return 'None';
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : formatNumber(value);
}

function modeOf(training: boolean): string {
  return training ? 'train' : 'eval';
}
