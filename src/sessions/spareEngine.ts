// An engine started ahead of the file that it will open: starting a worker and loading its code takes as long as reading most files.

import type { Disposable } from '../util/disposable';
import type { SessionEngine } from './workerEngine';

/**
 * Keeps at most one engine that holds nothing. It costs about ten megabytes, so that it is kept only while another file is likely
 * to be opened: from {@link keep} to {@link drop}.
 */
export class SpareEngine implements Disposable {
  private spare: { readonly engine: SessionEngine; readonly threads: number; readonly failure: Disposable } | undefined;

  /**
   * @param create starts an engine with that many threads for its kernels.
   * @param threads as the settings have them now; a spare with another number is replaced.
   */
  constructor(
    private readonly create: (threads: number) => SessionEngine,
    private readonly threads: () => number,
  ) {}

  /** The spare engine, or a new one. It is the caller's from here on. */
  take(): SessionEngine {
    const threads = this.threads();
    if (this.spare?.threads !== threads) this.drop();
    const { spare } = this;
    if (spare === undefined) return this.create(threads);
    this.spare = undefined;
    spare.failure.dispose();
    return spare.engine;
  }

  /** Starts a spare engine if there is none, and loads its code. */
  keep(): void {
    if (this.spare !== undefined) return;
    const threads = this.threads();
    const engine = this.create(threads);
    // One that dies while it waits is nobody's trouble: the next file gets a new one, and says what is wrong if that dies too.
    const failure = engine.onDidFail(() => {
      if (this.spare?.engine === engine) this.spare = undefined;
    });
    this.spare = { engine, threads, failure };
    engine.request('prepare', {}).catch(() => undefined);
  }

  drop(): void {
    this.spare?.failure.dispose();
    this.spare?.engine.dispose();
    this.spare = undefined;
  }

  dispose(): void {
    this.drop();
  }
}
