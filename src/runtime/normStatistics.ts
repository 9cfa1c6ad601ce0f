// Running statistics of one layer, from its tensors by torch's names for them.

import {
  countDead,
  quartilesOf,
  statisticsNames,
  summarise,
  type NormStatistics,
  type TensorSummary,
} from '../model/statistics';
import { AppError } from '../util/errors';
import { toNumberArray } from './elements';
import { Tensor } from './tensor';
import type { Value } from './values';

/** Elements of a statistic, one a feature. A view with strides of zero makes any number of one. */
const maxFeatures = 2 ** 20;

/**
 * Summaries of the statistics among a layer's tensors; null where it keeps none. `values` adds every element.
 * @throws AppError `limit-exceeded` for absurd numbers of features, and as reading the file does.
 */
export async function readNormStatistics(
  tensors: ReadonlyMap<string, Value>,
  values = false,
): Promise<NormStatistics | null> {
  const [mean, variance, count] = statisticsNames.map((name) => tensors.get(name));
  if (!(mean instanceof Tensor) || !(variance instanceof Tensor)) return null;
  const variances = await readTensor(variance);
  return {
    numBatchesTracked: count instanceof Tensor ? ((await readTensor(count))[0] ?? null) : null,
    runningMean: summaryOf(await readTensor(mean), values),
    runningVar: summaryOf(variances, values),
    deadChannels: countDead(variances),
  };
}

function summaryOf(elements: ArrayLike<number>, values: boolean): TensorSummary {
  const quartiles = quartilesOf(elements);
  return { ...summarise(elements, values), ...(quartiles === undefined ? {} : { quartiles }) };
}

/** The statistics among a layer's tensors. */
export function normTensors(tensors: ReadonlyMap<string, Value>): ReadonlyMap<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const name of statisticsNames) {
    const value = tensors.get(name);
    if (value instanceof Tensor) found.set(name, value);
  }
  return found;
}

/** Changes whenever one of the statistics is written. */
export function normStatisticsVersion(tensors: ReadonlyMap<string, Value>): number {
  let version = 0;
  for (const name of statisticsNames) {
    const value = tensors.get(name);
    if (value instanceof Tensor) version += value.storage.version;
  }
  return version;
}

/** The elements of a tensor as numbers, reading only what it views of its storage in the file. */
async function readTensor(tensor: Tensor): Promise<ArrayLike<number>> {
  if (tensor.elementCount > maxFeatures) {
    throw new AppError(
      'limit-exceeded',
      `Running statistics of ${tensor.elementCount} features are beyond the safe limit of ${maxFeatures}`,
      'If the layer is really that wide, please report it with its figures.',
    );
  }
  if (tensor.storage.isLoaded) return tensor.toNumbers();
  if (tensor.isContiguous) {
    return toNumberArray(tensor.dtype, await tensor.storage.readRange(tensor.offset, tensor.elementCount));
  }
  await tensor.storage.load();
  return tensor.toNumbers();
}
