// Looking on while a forward runs: what each module returns, and by which statistics a batch was normalised.

import type { NormalisedBatch } from '../model/comparison';
import type { Tensor } from './tensor';
import type { Value } from './values';

/** Hears of a forward as it runs. */
export interface ForwardObserver {
  /**
   * A module returned; in a graph, a value of it is there that others read. Its elements are computed, and may be overwritten afterwards.
   * @param path one under which the module stands.
   */
  moduleReturned(path: string, output: Value): void;
  /** A batch is normalised by its own statistics, and `runningMean` has yet to be moved. */
  normalisedByBatch(runningMean: Tensor, batch: NormalisedBatch): void;
}
