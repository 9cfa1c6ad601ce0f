// A minimal typed event, shaped like VS Code's, for the parts that must not import it.

import type { Disposable } from './disposable';

export type Event<T> = (listener: (value: T) => void) => Disposable;

/** Fires values to listeners in the order in which they subscribed. A listener that throws does not stop the others. */
export class Emitter<T> implements Disposable {
  private listeners: readonly ((value: T) => void)[] = [];

  /** @param onError is told what a listener threw. */
  constructor(private readonly onError: (error: unknown) => void = () => undefined) {}

  readonly event: Event<T> = (listener) => {
    // A wrapper of its own for each subscription: the same function may subscribe twice.
    const entry = (value: T): void => {
      listener(value);
    };
    this.listeners = [...this.listeners, entry];
    return {
      dispose: () => {
        this.listeners = this.listeners.filter((other) => other !== entry);
      },
    };
  };

  fire(value: T): void {
    for (const listener of this.listeners) {
      try {
        listener(value);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  dispose(): void {
    this.listeners = [];
  }
}
