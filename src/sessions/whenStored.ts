// Waits until something is in the store that is not there yet.

import type { Disposable } from '../util/disposable';
import type { SessionStore } from './sessionStore';

export interface Awaited<T> extends Disposable {
  /** Never settles after `dispose`. */
  readonly found: Promise<T>;
  /** Resolves to undefined where it has not come by then. */
  within(milliseconds: number): Promise<T | undefined>;
}

/** Listens from now on, so that nothing is missed that comes before anybody waits. The caller disposes it. */
export function whenStored<T>(store: SessionStore, find: () => T | undefined): Awaited<T> {
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  const found = new Promise<T>((resolve) => {
    const look = (): void => {
      const value = find();
      if (value !== undefined) resolve(value);
    };
    const listener = store.onDidChange(look);
    stop = () => {
      listener.dispose();
    };
    look();
  });
  return {
    found,
    within: (milliseconds) => {
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(resolve, milliseconds, undefined);
      });
      return Promise.race([found, late]);
    },
    dispose: () => {
      clearTimeout(timer);
      stop();
    },
  };
}
