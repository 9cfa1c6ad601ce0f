// Stops a forward before its tensors take the machine's memory from everybody else.

import os from 'node:os';
import v8 from 'node:v8';

import { AppError } from '../util/errors';

/** Tensors of one forward may hold half the machine's memory. */
const limit = os.totalmem() / 2;

/**
 * Cheap enough for every operator (about a microsecond). Tensors lie outside the JavaScript heap, so that the heap's own limit
 * doesn't see them. @throws AppError `out-of-memory`
 */
export function throwIfMemoryIsShort(held: number = v8.getHeapStatistics().external_memory): void {
  if (held <= limit) return;
  const gibibytes = (held / 2 ** 30).toFixed(1);
  throw new AppError(
    'out-of-memory',
    `The tensors of this forward hold ${gibibytes} GiB, more than half of the machine's memory`,
    'Try a smaller input.',
  );
}
