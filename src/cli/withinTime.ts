// Giving up on the user's model: it may loop, and a CI job must not hang.

import type { Engine } from '../protocol/engine';
import { AppError, toAppError } from '../util/errors';

/** Cancels what the engine runs after so many seconds; 0 waits for ever. @throws AppError of the task, or `cancelled`. */
export async function withinTime<T>(engine: Engine, seconds: number, task: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const giveUp = (): void => {
    over.abort();
    engine.cancel();
  };
  const timer = seconds === 0 ? undefined : setTimeout(giveUp, seconds * 1000);
  try {
    return await task();
  } catch (error) {
    if (!over.signal.aborted) throw error;
    const hint = `It had not ended after ${seconds} s; --timeout sets how long to wait.`;
    throw new AppError('cancelled', toAppError(error, 'cancelled').message, hint, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
