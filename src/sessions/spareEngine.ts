// An engine at hand for the next file. Starting a worker and loading its code takes as long as reading most files, and V8 compiles
// the code of a worker that has read a file before, which makes it several times as fast.

import type { Disposable } from '../util/disposable';
import type { AppError } from '../util/errors';
import type { Event } from '../util/event';
import type { EngineMethod, EngineRequests, OnProgress } from '../protocol/engine';
import { modelClosed, type SessionEngine } from './workerEngine';

/** What leaves an engine as it was, once its model is closed. A forward loads kernels, whose memory is never given back. */
const reads: ReadonlySet<EngineMethod> = new Set(['prepare', 'open', 'close', 'setTraining', 'statistics']);

/** A worker that holds more than this after its model was closed, in bytes, is not kept: hostile and huge files leave that much. */
const mostHeld = 200e6;

interface Spare {
  readonly engine: SessionEngine;
  readonly threads: number;
  readonly failure: Disposable;
}

/**
 * Keeps at most one engine without a model: a new one, or one whose model was closed. It is kept only while another file is likely to
 * be opened: from {@link keep} to {@link drop}.
 */
export class SpareEngine implements Disposable {
  private spare: Spare | undefined;
  private isWanted = false;

  /**
   * @param create starts an engine with that many threads for its kernels.
   * @param threads as the settings have them now; a spare with another number is replaced.
   */
  constructor(
    private readonly create: (threads: number) => SessionEngine,
    private readonly threads: () => number,
  ) {}

  /** The spare engine, or a new one. It is the caller's until it disposes it, and may come back then. */
  take(): SessionEngine {
    const threads = this.threads();
    if (this.spare?.threads !== threads) this.end();
    const { spare } = this;
    this.spare = undefined;
    spare?.failure.dispose();
    return new Lease(spare?.engine ?? this.create(threads), (engine) => {
      this.takeBack(engine, threads);
    });
  }

  /** Starts a spare engine if there is none, and loads its code. */
  keep(): void {
    this.isWanted = true;
    if (this.spare !== undefined) return;
    const threads = this.threads();
    const engine = this.create(threads);
    this.hold(engine, threads);
    engine.request('prepare', {}).catch(() => undefined);
  }

  drop(): void {
    this.isWanted = false;
    this.end();
  }

  dispose(): void {
    this.drop();
  }

  private takeBack(engine: SessionEngine, threads: number): void {
    if (!this.isWanted || threads !== this.threads()) {
      engine.dispose();
      return;
    }
    // One that has read a file is worth more than one that has not.
    this.end();
    this.hold(engine, threads);
    const endUnlessTaken = (): void => {
      if (this.spare?.engine === engine) this.end();
    };
    engine.request('close', {}).then((held) => {
      if (held > mostHeld) endUnlessTaken();
    }, endUnlessTaken);
  }

  private hold(engine: SessionEngine, threads: number): void {
    // One that dies while it waits is nobody's trouble: the next file gets a new one, and says what is wrong if that dies too.
    const failure = engine.onDidFail(() => {
      if (this.spare?.engine === engine) this.spare = undefined;
    });
    this.spare = { engine, threads, failure };
  }

  private end(): void {
    this.spare?.failure.dispose();
    this.spare?.engine.dispose();
    this.spare = undefined;
  }
}

/** An engine in the hands of one session. Disposed of, it goes back if it is idle, well, and has only read. */
class Lease implements SessionEngine {
  private running = 0;
  private isGoodAsNew = true;
  private ended: AppError | undefined;
  private readonly failure: Disposable;

  readonly onDidFail: Event<AppError>;

  constructor(
    private readonly engine: SessionEngine,
    private readonly giveBack: (engine: SessionEngine) => void,
  ) {
    this.onDidFail = engine.onDidFail;
    this.failure = engine.onDidFail(() => {
      this.isGoodAsNew = false;
    });
  }

  async request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    onProgress?: OnProgress,
  ): Promise<EngineRequests[M]['result']> {
    if (this.ended !== undefined) throw this.ended;
    if (!reads.has(method)) this.isGoodAsNew = false;
    this.running++;
    try {
      return await this.engine.request(method, params, onProgress);
    } catch (error) {
      // Nobody knows what it has left behind.
      this.isGoodAsNew = false;
      throw error;
    } finally {
      this.running--;
    }
  }

  cancel(): void {
    // Once the engine has gone back, another session's request may be running in it.
    if (this.ended === undefined) this.engine.cancel();
  }

  dispose(): void {
    if (this.ended !== undefined) return;
    this.ended = modelClosed();
    this.failure.dispose();
    if (this.isGoodAsNew && this.running === 0) this.giveBack(this.engine);
    else this.engine.dispose();
  }
}
