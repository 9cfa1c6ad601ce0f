// The open models: the one place that knows them all, which of them is active, and what is being opened.

import { basename } from 'node:path';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import { AppError } from '../util/errors';
import { Emitter } from '../util/event';
import type { OnProgress } from '../protocol/engine';
import type { DiskState } from './diskWatch';
import { watchFile } from './diskWatch';
import { Comparisons } from './comparisons';
import type { FindingRules } from './findingRules';
import { FileSession, openFileSession } from './fileSession';
import { ForwardHistory } from './forwardHistory';
import type { LiveProcess } from './liveProcess';
import { ModelPairs } from './modelPairs';
import type { ModelSession, ReloadOptions, SessionChange } from './modelSession';
import type { SessionEngine } from './workerEngine';

/** What happened in the store. */
export type StoreChange =
  | { readonly kind: 'added' | 'removed' | 'disk' | 'forward' | 'comparison' | 'pair'; readonly session: ModelSession }
  | { readonly kind: 'session'; readonly session: ModelSession; readonly change: SessionChange }
  /** A live process came, ended, left, or switched modes. */
  | { readonly kind: 'process'; readonly process: LiveProcess }
  | { readonly kind: 'active' | 'opening' };

export interface SessionStoreOptions {
  readonly createEngine: () => SessionEngine;
  /** Told what listeners throw. */
  readonly onListenerError?: (error: unknown) => void;
  /** With them every session looks for findings. */
  readonly findingRules?: FindingRules;
  /** How often files on disk are looked at; tests shorten it. */
  readonly diskPollMilliseconds?: number;
}

/** A program that was started with an agent. */
export interface Launch {
  readonly id: string;
  /** The base name of its file. */
  readonly title: string;
}

/** The path of the file behind a session; undefined for a live model. */
export function fileOf(session: ModelSession): string | undefined {
  return session instanceof FileSession ? session.file : undefined;
}

export class SessionStore implements Disposable {
  private readonly entries = new Map<
    string,
    { readonly session: ModelSession; readonly owned: DisposableStore; disk: DiskState }
  >();
  private readonly livingAndEnded = new Map<LiveProcess, Disposable>();
  private readonly starting = new Set<Launch>();
  private readonly pending = new Map<string, Promise<FileSession>>();
  private readonly changed: Emitter<StoreChange>;
  private activeId: string | undefined;
  private nextId = 1;
  private disposed = false;

  readonly onDidChange: Emitter<StoreChange>['event'];
  /** The last forward of each session. */
  readonly forwards: ForwardHistory;
  /** The last comparison of train and eval of each session. */
  readonly comparisons: Comparisons;
  /** The last comparison of each session with another one. */
  readonly pairs: ModelPairs;

  constructor(private readonly options: SessionStoreOptions) {
    this.changed = new Emitter(options.onListenerError);
    this.onDidChange = this.changed.event;
    this.forwards = new ForwardHistory((session) => {
      this.changed.fire({ kind: 'forward', session });
    });
    this.comparisons = new Comparisons((session) => {
      this.changed.fire({ kind: 'comparison', session });
    });
    this.pairs = new ModelPairs((id) => {
      const session = this.get(id);
      if (session !== undefined) this.changed.fire({ kind: 'pair', session });
    });
  }

  /** In the order of opening. */
  get sessions(): readonly ModelSession[] {
    return [...this.entries.values()].map((entry) => entry.session);
  }

  /** Live processes, those that have ended too as long as their models are shown. */
  get processes(): readonly LiveProcess[] {
    return [...this.livingAndEnded.keys()];
  }

  /** Programs that were started and have not reported yet. */
  get launches(): readonly Launch[] {
    return [...this.starting];
  }

  /** Models that were opened from files. */
  get files(): readonly FileSession[] {
    return this.sessions.filter((session) => session instanceof FileSession);
  }

  /** Base names of the files that are being opened. */
  get opening(): readonly string[] {
    return [...this.pending.keys()].map((file) => basename(file));
  }

  /** True where nothing is open, running or on its way. */
  get isEmpty(): boolean {
    return this.entries.size + this.pending.size + this.livingAndEnded.size + this.starting.size === 0;
  }

  /** The model that was touched last; commands without a target act on it. */
  get active(): ModelSession | undefined {
    return this.activeId === undefined ? undefined : this.entries.get(this.activeId)?.session;
  }

  get(id: string): ModelSession | undefined {
    return this.entries.get(id)?.session;
  }

  forFile(file: string): FileSession | undefined {
    return this.sessions.find(
      (session): session is FileSession => session instanceof FileSession && session.file === file,
    );
  }

  setActive(session: ModelSession): void {
    if (this.activeId === session.id || !this.entries.has(session.id)) return;
    this.activeId = session.id;
    this.changed.fire({ kind: 'active' });
  }

  /** How the file on disk stands to what is shown. */
  diskState(session: ModelSession): DiskState {
    return this.entries.get(session.id)?.disk ?? 'same';
  }

  /** Opens a file, or returns the session that has it open. It becomes the active one. Throws AppErrors. */
  async openFile(file: string, signal?: AbortSignal, onProgress?: OnProgress): Promise<FileSession> {
    const open = this.forFile(file);
    if (open !== undefined) {
      this.setActive(open);
      return open;
    }
    const already = this.pending.get(file);
    if (already !== undefined) return already;
    const opening = this.openNew(file, signal, onProgress);
    this.pending.set(file, opening);
    this.changed.fire({ kind: 'opening' });
    return opening;
  }

  /** Adds a session of any kind; the store disposes it. */
  add(session: ModelSession): void {
    const owned = new DisposableStore();
    owned.add(session);
    this.entries.set(session.id, { session, owned, disk: 'same' });
    owned.add(
      session.onDidChange((change) => {
        if (change.kind === 'tree') this.forgetRuns(session);
        if (change.kind === 'tree' || change.kind === 'modes' || change.kind === 'statistics')
          this.pairs.outdate(session);
        this.changed.fire({ kind: 'session', session, change });
      }),
    );
    if (this.options.findingRules !== undefined) session.watchFindings(this.options.findingRules);
    this.activeId = session.id;
    this.changed.fire({ kind: 'added', session });
    this.changed.fire({ kind: 'active' });
  }

  /** Shows a process and its models; the store disposes it. */
  addProcess(process: LiveProcess): void {
    const follow = process.onDidChange((change) => {
      if (change.kind === 'added') this.add(change.session);
      else if (change.kind === 'removed') this.close(change.session);
      // A process that never held a model is not worth a row.
      else if (change.kind === 'ended' && process.sessions.length === 0) this.removeProcess(process);
      else this.changed.fire({ kind: 'process', process });
    });
    this.livingAndEnded.set(process, follow);
    this.endLaunch(process.introduction.launch);
    this.changed.fire({ kind: 'process', process });
  }

  /** Takes a process and its models from view, and the agent out of the process; the process goes on. */
  removeProcess(process: LiveProcess): void {
    const follow = this.livingAndEnded.get(process);
    if (follow === undefined) return;
    this.livingAndEnded.delete(process);
    follow.dispose();
    for (const session of process.sessions) this.close(session);
    process.dispose();
    this.changed.fire({ kind: 'process', process });
  }

  /** A program that is starting has a row of its own until a process of it reports, or it ends. */
  addLaunch(launch: Launch): void {
    this.starting.add(launch);
    this.changed.fire({ kind: 'opening' });
  }

  /** True if no process of the launch had reported. */
  endLaunch(id: string | null): boolean {
    const launch = [...this.starting].find((each) => each.id === id);
    if (launch === undefined) return false;
    this.starting.delete(launch);
    this.changed.fire({ kind: 'opening' });
    return true;
  }

  close(session: ModelSession): void {
    const entry = this.entries.get(session.id);
    if (entry === undefined) return;
    this.entries.delete(session.id);
    this.forgetRuns(session);
    this.pairs.close(session);
    entry.owned.dispose();
    if (this.activeId === session.id) this.activeId = [...this.entries.keys()].at(-1);
    this.changed.fire({ kind: 'removed', session });
    this.changed.fire({ kind: 'active' });
  }

  /** Opens the session's file again and takes what is on disk now as the state to compare with. */
  async reload(session: ModelSession, options: ReloadOptions): Promise<void> {
    await session.reload(options);
    this.setDisk(session, 'same');
  }

  dispose(): void {
    this.disposed = true;
    this.changed.dispose();
    for (const entry of this.entries.values()) entry.owned.dispose();
    this.entries.clear();
    for (const [process, follow] of this.livingAndEnded) {
      follow.dispose();
      process.dispose();
    }
    this.livingAndEnded.clear();
  }

  private forgetRuns(session: ModelSession): void {
    this.forwards.forget(session);
    this.comparisons.forget(session);
  }

  private async openNew(
    file: string,
    signal: AbortSignal | undefined,
    onProgress: OnProgress | undefined,
  ): Promise<FileSession> {
    const { createEngine, onListenerError, diskPollMilliseconds } = this.options;
    let opened: FileSession | undefined;
    // Watching starts before the file is read, so that no change falls between the two.
    const watch = watchFile(
      file,
      (disk) => {
        if (opened !== undefined) this.setDisk(opened, disk);
      },
      diskPollMilliseconds,
    );
    try {
      const id = `file-${String(this.nextId++)}`;
      const listening = onListenerError === undefined ? {} : { onListenerError };
      opened = await openFileSession({ id, file, createEngine, ...listening }, signal, onProgress);
      this.pending.delete(file);
      if (this.disposed) {
        opened.dispose();
        throw new AppError('cancelled', `${basename(file)} was not opened: Mode Inspector is closing.`);
      }
      this.add(opened);
      this.entries.get(opened.id)?.owned.add(watch);
      return opened;
    } catch (error) {
      watch.dispose();
      throw error;
    } finally {
      this.pending.delete(file);
      this.changed.fire({ kind: 'opening' });
    }
  }

  private setDisk(session: ModelSession, disk: DiskState): void {
    const entry = this.entries.get(session.id);
    // A second change after the first is news again; a reload that changes nothing is not.
    if (entry === undefined || (entry.disk === disk && disk !== 'changed')) return;
    entry.disk = disk;
    this.changed.fire({ kind: 'disk', session });
  }
}
