// A model opened from a file: the tree and its modes here, the program and its tensors in an engine of its own.

import { basename } from 'node:path';
import { AppError } from '../util/errors';
import { Emitter } from '../util/event';
import type { Disposable } from '../util/disposable';
import type { ModeComparison } from '../model/comparison';
import type { ModelDescription } from '../model/description';
import type { ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type {
  CompareOptions,
  ForwardOptions,
  ForwardResult,
  AsInFile,
  ModeChange,
  OnProgress,
  SaveCopyOptions,
  SaveCopyResult,
  SetTraining,
} from '../protocol/engine';
import { batchEvents, ObservationLog, singleValueEvents } from '../insight/observations';
import type { Finding } from '../model/finding';
import type { FindingRules } from './findingRules';
import { FindingTracker } from './findingTracker';
import { SummaryReader } from './summaryReader';
import type { ModelSession, ReloadOptions, SessionChange, SessionState, Snapshot } from './modelSession';
import { ModuleIndex } from './moduleIndex';
import type { SessionEngine } from './workerEngine';

export interface FileSessionOptions {
  readonly id: string;
  readonly file: string;
  /** Starts an engine that holds nothing yet; called again for each reload. */
  readonly createEngine: () => SessionEngine;
  /** Told what listeners of `onDidChange` throw. */
  readonly onListenerError?: (error: unknown) => void;
}

/**
 * Opens `file`; throws the engine's AppError where nothing can be shown, or `cancelled` when `signal` is aborted, and
 * then leaves no worker behind.
 */
export async function openFileSession(
  options: FileSessionOptions,
  signal?: AbortSignal,
  onProgress?: OnProgress,
): Promise<FileSession> {
  const opened = await openEngine(options, signal, onProgress);
  return new FileSession(options, opened);
}

export class FileSession implements ModelSession {
  readonly kind = 'file';
  readonly id: string;
  readonly file: string;
  readonly title: string;
  private readonly changed: Emitter<SessionChange>;
  private readonly cachedStatistics = new Map<string, Promise<NormStatistics | null>>();
  private engine: SessionEngine;
  private engineFailure: Disposable;
  private description: ModelDescription;
  private index: ModuleIndex;
  private initial: Snapshot;
  private currentState: SessionState = { kind: 'ready' };
  private reloading: Promise<void> | undefined;
  private readonly moved = new Set<string>();
  private saving: Promise<unknown> | undefined;
  private disposed = false;
  private tracker: FindingTracker | undefined;
  /** What comparisons saw. */
  private observations = new ObservationLog();
  private readonly summaries: SummaryReader;

  readonly onDidChange: ModelSession['onDidChange'];

  constructor(
    private readonly options: FileSessionOptions,
    { engine, description, index }: OpenedFile,
  ) {
    this.id = options.id;
    this.file = options.file;
    this.title = basename(options.file);
    this.changed = new Emitter(options.onListenerError);
    this.onDidChange = this.changed.event;
    this.engine = engine;
    this.description = description;
    this.index = index;
    this.initial = index.snapshot();
    this.engineFailure = this.watch(engine);
    this.summaries = new SummaryReader({
      read: (paths) => this.engine.request('statistics', { paths, values: false }),
      isFree: () => !this.disposed && this.currentState.kind === 'ready' && this.saving === undefined,
      onDidRead: () => {
        this.tracker?.look();
      },
    });
  }

  get format(): ModelDescription['format'] {
    return this.description.format;
  }

  get capabilities(): ModelDescription['capabilities'] {
    return this.description.capabilities;
  }

  get inputs(): ModelDescription['inputs'] {
    return this.description.inputs;
  }

  get models(): ModelDescription['models'] {
    return this.description.models;
  }

  get problems(): ModelDescription['problems'] {
    return this.description.problems;
  }

  get modules(): readonly ModuleSpec[] {
    return this.index.modules;
  }

  get state(): SessionState {
    return this.currentState;
  }

  get initialModes(): Snapshot {
    return this.initial;
  }

  get movedStatistics(): readonly string[] {
    return [...this.moved];
  }

  get findings(): readonly Finding[] {
    return this.tracker?.findings ?? [];
  }

  watchFindings(rules: FindingRules): void {
    this.tracker ??= new FindingTracker({
      rules,
      model: () => ({
        kind: 'file',
        format: this.format,
        modules: this.modules,
        models: this.models,
        statistics: (path) => this.summaries.get(path),
        observations: this.observations,
      }),
      onDidChange: () => {
        this.changed.fire({ kind: 'findings' });
      },
      onError: this.options.onListenerError ?? (() => undefined),
    });
    this.summaries.want(this.index.normPaths);
  }

  module(path: string): ModuleSpec | undefined {
    return this.index.get(path);
  }

  children(path: string, start?: number, end?: number): readonly ModuleSpec[] {
    return this.index.children(path, start, end);
  }

  async setTraining(path: string, training: boolean, options: { readonly recursive: boolean }): Promise<void> {
    if (this.index.get(path) === undefined) throw noSuchModule(this.title, path);
    await this.applyModes([{ path, training, recursive: options.recursive }]);
  }

  async statistics(path: string, options: { readonly values?: boolean } = {}): Promise<NormStatistics | null> {
    const module = this.index.get(path);
    if (module === undefined) throw noSuchModule(this.title, path);
    if (module.batchNorm === undefined && module.instanceNorm === undefined) return null;
    const values = options.values === true;
    const key = `${values ? 'values' : 'summary'}:${path}`;
    const cached = this.cachedStatistics.get(key);
    if (cached !== undefined) return cached;
    const asked = this.engine
      .request('statistics', { paths: [path], values })
      .then((answers) => answers.find((answer) => answer.path === path)?.statistics ?? null);
    this.cachedStatistics.set(key, asked);
    // A failure must not be remembered: the next look asks again.
    asked.catch(() => {
      if (this.cachedStatistics.get(key) === asked) this.cachedStatistics.delete(key);
    });
    return asked;
  }

  async runForward(options: ForwardOptions, signal?: AbortSignal): Promise<ForwardResult> {
    // A forward that fails has moved the statistics of the layers before the failure, and says not which.
    let moved: readonly string[] = this.index.normPaths;
    const run = async (engine: SessionEngine): Promise<ForwardResult> => {
      const result = await engine.request('runForward', options);
      moved = result.moved;
      // What was too small before is no longer what the model is run with.
      this.observations.singleValues.clear();
      return result;
    };
    return this.whileRunning(run, signal, () => {
      for (const path of moved) this.moved.add(path);
      this.forgetStatistics(moved);
    });
  }

  async compareModes(options: CompareOptions, signal?: AbortSignal): Promise<ModeComparison> {
    const comparison = await this.whileRunning((engine) => engine.request('compareModes', options), signal);
    for (const event of batchEvents(comparison)) this.observations.see(event);
    this.tracker?.look();
    return comparison;
  }

  async saveCopy(options: SaveCopyOptions, signal?: AbortSignal, onProgress?: OnProgress): Promise<SaveCopyResult> {
    this.requireAlive();
    this.requireIdle();
    if (signal?.aborted === true) throw new AppError('cancelled', 'Saving the copy was cancelled.');
    const saving = cancelledBy(signal, this.engine, this.engine.request('saveCopy', options, onProgress));
    this.saving = saving;
    try {
      return await saving;
    } finally {
      this.saving = undefined;
      this.summaries.resume();
    }
  }

  snapshot(): Snapshot {
    return this.index.snapshot();
  }

  async restore(snapshot: Snapshot): Promise<void> {
    await this.applyModes(this.index.changesTo(snapshot));
  }

  async reload(options: ReloadOptions): Promise<void> {
    // Two requests to reload are one reload.
    this.reloading ??= this.openAgain(options).finally(() => {
      this.reloading = undefined;
    });
    return this.reloading;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.engineFailure.dispose();
    this.tracker?.dispose();
    this.summaries.dispose();
    this.changed.dispose();
    this.release(this.engine);
  }

  /** A worker that is stopped in the middle of a copy would leave half of it behind: it is asked to give the copy up first. */
  private release(engine: SessionEngine): void {
    const dispose = (): void => {
      engine.dispose();
    };
    if (this.saving === undefined) {
      dispose();
      return;
    }
    engine.cancel();
    this.saving.then(dispose, dispose);
  }

  /** Opens first and swaps then: where the new file can't be read, the old model stays usable. */
  private async openAgain({ keepModes, signal, onProgress }: ReloadOptions): Promise<void> {
    const { engine, description, index } = await openEngine(this.options, signal, onProgress);
    if (this.disposed) {
      engine.dispose();
      return;
    }
    // Only what was switched here is carried over; for the other modules the new file has its own say.
    const kept = keepModes ? this.index.switchedSince(this.initial) : new Map<string, boolean>();
    this.engineFailure.dispose();
    this.release(this.engine);
    this.engine = engine;
    this.engineFailure = this.watch(engine);
    this.description = description;
    this.index = index;
    this.initial = index.snapshot();
    this.cachedStatistics.clear();
    this.moved.clear();
    this.currentState = { kind: 'ready' };
    this.observations = new ObservationLog();
    this.summaries.clear();
    if (this.tracker !== undefined) this.summaries.want(index.normPaths);
    this.tracker?.look();
    await this.applyModes(this.index.changesTo({ flags: kept }));
    this.changed.fire({ kind: 'tree' });
  }

  private async applyModes(changes: readonly (SetTraining | AsInFile)[]): Promise<void> {
    if (changes.length === 0) return;
    this.requireAlive();
    if (!this.capabilities.setTraining) {
      throw new AppError('usage', `${this.title} stores no modes that could be switched.`);
    }
    const answer: readonly ModeChange[] = await this.engine.request('setTraining', { changes });
    const paths = this.index.apply(answer);
    if (paths.length === 0) return;
    this.changed.fire({ kind: 'modes', paths });
    this.tracker?.look();
  }

  /** @param afterwards is done where the engine is still the session's, whether it ran well or not. */
  private async whileRunning<T>(
    run: (engine: SessionEngine) => Promise<T>,
    signal: AbortSignal | undefined,
    afterwards: () => void = () => undefined,
  ): Promise<T> {
    this.requireAlive();
    if (!this.capabilities.runForward) {
      throw new AppError(
        'no-program',
        `${this.title} holds no program that could run.`,
        'Its modules and statistics can still be read.',
      );
    }
    this.requireIdle();
    if (signal?.aborted === true) throw new AppError('cancelled', 'The forward was cancelled.');
    const engine = this.engine;
    this.setState({ kind: 'running' });
    try {
      return await cancelledBy(signal, engine, run(engine));
    } catch (error) {
      for (const event of singleValueEvents(error)) this.observations.see(event);
      throw error;
    } finally {
      this.tracker?.look();
      // A dead engine leaves what was last read on show.
      if (this.engine === engine && this.state.kind === 'running') {
        this.setState({ kind: 'ready' });
        afterwards();
      }
    }
  }

  private forgetStatistics(paths: readonly string[]): void {
    if (paths.length === 0) return;
    for (const path of paths) {
      this.cachedStatistics.delete(`summary:${path}`);
      this.cachedStatistics.delete(`values:${path}`);
    }
    this.changed.fire({ kind: 'statistics', paths });
    if (this.tracker !== undefined) this.summaries.want(paths);
  }

  private watch(engine: SessionEngine): Disposable {
    return engine.onDidFail((error) => {
      this.setState({ kind: 'failed', message: error.oneLine });
    });
  }

  private setState(state: SessionState): void {
    this.currentState = state;
    this.changed.fire({ kind: 'state' });
    this.summaries.resume();
  }

  /** What can be cancelled runs alone: a cancel means the one thing that is running. */
  private requireIdle(): void {
    if (this.currentState.kind === 'running')
      throw new AppError('usage', `A forward of ${this.title} is already running.`, 'Wait for it or cancel it.');
    if (this.saving !== undefined)
      throw new AppError('usage', `A copy of ${this.title} is just being saved.`, 'Wait for it or cancel it.');
  }

  private requireAlive(): void {
    if (this.disposed) throw new AppError('usage', `${this.title} was closed.`, 'Open it again.');
    if (this.currentState.kind === 'failed') throw new AppError('worker-died', this.currentState.message);
  }
}

async function cancelledBy<T>(signal: AbortSignal | undefined, engine: SessionEngine, request: Promise<T>): Promise<T> {
  const cancel = (): void => {
    engine.cancel();
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await request;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

interface OpenedFile {
  readonly engine: SessionEngine;
  readonly description: ModelDescription;
  readonly index: ModuleIndex;
}

async function openEngine(
  options: FileSessionOptions,
  signal?: AbortSignal,
  onProgress?: OnProgress,
): Promise<OpenedFile> {
  const engine = options.createEngine();
  // Reading a file is not cut short; its worker is.
  const giveUp = (): void => {
    engine.dispose();
  };
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const description = await engine.request('open', { file: options.file }, onProgress);
    const index = await ModuleIndex.of(description.modules);
    if (signal?.aborted === true) throw new AppError('cancelled', `Opening ${basename(options.file)} was cancelled.`);
    return { engine, description, index };
  } catch (error) {
    engine.dispose();
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

function noSuchModule(title: string, path: string): AppError {
  return new AppError(
    'no-such-module',
    `${title} has no module ${path === '' ? 'at its root' : `“${path}”`}.`,
    'Refresh the tree.',
  );
}
