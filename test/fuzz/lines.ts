// What the parent and the child of the fuzzing say to each other.

/** What the parent sends: examine these seeds of a format. */
export interface Batch {
  readonly format: string;
  readonly from: number;
  readonly count: number;
}

/**
 * File descriptor of the child's lines, each a word and a value as JSON: `start SEED`, then `end OUTCOMES` or `broken REASON`;
 * `hang STEP` before the watchdog ends the process; `done BYTES` with the memory of the process at the end of a batch.
 */
export const LINES = 4;
