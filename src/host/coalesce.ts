// Brings many changes in a row together into one update of a view, in a turn of its own.

import type { Disposable } from '../util/disposable';

const momentMilliseconds = 30;

export interface Coalesced extends Disposable {
  /** Has `update` run after a moment, once for all requests until then. */
  readonly request: () => void;
  /** Runs at once what was requested, if anything was. */
  readonly flush: () => void;
}

/** Nothing runs after it is disposed. */
export function coalesce(update: () => void, milliseconds = momentMilliseconds): Coalesced {
  let timer: NodeJS.Timeout | undefined;
  let isDisposed = false;
  const flush = (): void => {
    if (timer === undefined || isDisposed) return;
    clearTimeout(timer);
    timer = undefined;
    update();
  };
  return {
    request: () => {
      if (!isDisposed) timer ??= setTimeout(flush, milliseconds);
    },
    flush,
    dispose: () => {
      isDisposed = true;
      clearTimeout(timer);
    },
  };
}
