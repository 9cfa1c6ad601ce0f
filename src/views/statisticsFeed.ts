// Follows the running statistics of one model for a panel: reads them as they come, and tells what is new since the last look.

import { groupFindings } from '../model/finding';
import type { ModuleSpec } from '../model/module';
import type { NormStatistics } from '../model/statistics';
import type { LayerDetail, LayerMark, LayerMode, ToStatisticsPanel } from '../protocol/statisticsPanel';
import type { ModelSession, SessionChange } from '../sessions/modelSession';
import type { StatisticsHistory } from '../sessions/statisticsHistory';
import type { Disposable } from '../util/disposable';
import { toAppError } from '../util/errors';
import { layerMarks } from './statisticsMarkModel';
import { layerMode, normLayers } from './statisticsPanelModel';

/** Requests to a file's engine at a time: enough to keep it busy, few enough to let others in between. */
const readAtOnce = 16;

export interface FeedOptions {
  readonly session: ModelSession;
  /** Of the model as it is now; a live model's figures are in it already. */
  readonly history: () => StatisticsHistory;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Called when {@link StatisticsFeed.takeNews} has something to tell. */
  readonly onNews: () => void;
}

export class StatisticsFeed implements Disposable {
  private readonly figures = new Map<string, NormStatistics>();
  /** Layers that could not be read; `detail` says why. */
  private readonly failures = new Set<string>();
  /** Paths of the layers and their places. */
  private indexes = new Map<string, number>();
  private readonly changedFigures = new Set<string>();
  private readonly changedModes = new Set<string>();
  private areMarksNew = false;
  private readonly queue = new Set<string>();
  private reading = 0;
  /** Counts trees: an answer about the tree before is thrown away. */
  private generation = 0;
  private isDisposed = false;

  constructor(private readonly options: FeedOptions) {
    this.readTree();
  }

  /** The layers as they are now, in the order of the model. */
  get layers(): readonly ModuleSpec[] {
    return [...this.indexes.keys()].flatMap((path) => this.options.session.module(path) ?? []);
  }

  /** What the session told. Returns whether the whole panel has to be told anew. */
  follow(change: SessionChange): boolean {
    switch (change.kind) {
      case 'tree':
        this.readTree();
        return true;
      case 'statistics':
        this.read(change.paths.filter((path) => this.indexes.has(path)));
        return false;
      case 'modes':
        for (const path of change.paths) if (this.indexes.has(path)) this.changedModes.add(path);
        this.options.onNews();
        return false;
      case 'findings':
        this.areMarksNew = true;
        this.options.onNews();
        return false;
      case 'trace':
      case 'state':
        return false;
    }
  }

  /** Figures as they are known, for a copy or a file. */
  figuresOf(path: string): NormStatistics | undefined {
    return this.figures.get(path);
  }

  /** Says everything again at the next {@link takeNews}: a page was loaded anew. */
  repeat(): void {
    for (const path of this.figures.keys()) this.changedFigures.add(path);
  }

  /** Messages about what changed since the last call. */
  takeNews(modeWords: string): readonly ToStatisticsPanel[] {
    const messages: ToStatisticsPanel[] = [];
    if (this.changedModes.size > 0) {
      const changed = [...this.changedModes].flatMap((path): (readonly [number, LayerMode])[] => {
        const module = this.options.session.module(path);
        const index = this.indexes.get(path);
        return module === undefined || index === undefined ? [] : [[index, layerMode(module)]];
      });
      messages.push({ kind: 'modes', changed, modeWords });
      this.changedModes.clear();
    }
    if (this.changedFigures.size > 0 || this.areMarksNew) {
      const changed = [...this.changedFigures].map((path) => ({
        index: this.indexes.get(path) ?? -1,
        figures: this.figures.get(path) ?? null,
      }));
      this.changedFigures.clear();
      this.areMarksNew = false;
      const marks = this.marks().flatMap((list, index) => (list.length === 0 ? [] : [[index, list] as const]));
      messages.push({ kind: 'figures', changed, marks, read: this.figures.size + this.failures.size });
    }
    return messages;
  }

  /** The marks of every layer, in their order. */
  marks(): readonly (readonly LayerMark[])[] {
    const findings = groupFindings(this.options.session.findings, ({ path }) => path);
    return layerMarks(
      this.layers.map(({ path }) => ({
        figures: this.figures.get(path) ?? null,
        findings: findings.get(path) ?? [],
      })),
    );
  }

  /** The layer's channels and history; never rejects. */
  async detail(path: string): Promise<LayerDetail> {
    const shared = { path, movement: this.options.history().points(path) };
    try {
      const statistics = await this.options.session.statistics(path, { values: true });
      const { runningMean = null, runningVar = null } = statistics ?? {};
      return { ...shared, mean: runningMean?.values ?? null, variance: runningVar?.values ?? null };
    } catch (error) {
      return { ...shared, mean: null, variance: null, problem: toAppError(error, 'program-error').oneLine };
    }
  }

  dispose(): void {
    this.isDisposed = true;
    this.queue.clear();
  }

  private readTree(): void {
    this.generation++;
    const layers = normLayers(this.options.session.modules);
    this.indexes = new Map(layers.map(({ path }, index) => [path, index]));
    this.figures.clear();
    this.failures.clear();
    this.changedFigures.clear();
    this.changedModes.clear();
    this.queue.clear();
    this.read(layers.filter(tracks).map(({ path }) => path));
  }

  private read(paths: readonly string[]): void {
    const { session } = this.options;
    for (const path of paths) {
      // A live model's figures come by themselves; to ask for each would cost its program more than reporting all.
      if (session.latestStatistics === undefined) this.queue.add(path);
      else this.keep(path, session.latestStatistics(path));
    }
    this.readNext();
  }

  private readNext(): void {
    while (this.reading < readAtOnce && this.queue.size > 0 && !this.isDisposed) {
      const [path = ''] = this.queue;
      this.queue.delete(path);
      this.reading++;
      void this.readOne(path, this.generation).finally(() => {
        this.reading--;
        this.readNext();
      });
    }
  }

  private async readOne(path: string, generation: number): Promise<void> {
    try {
      const statistics = await this.options.session.statistics(path);
      if (generation === this.generation) this.keep(path, statistics ?? undefined);
    } catch {
      if (generation !== this.generation || this.isDisposed) return;
      this.failures.add(path);
      this.changedFigures.add(path);
      this.options.onNews();
    }
  }

  private keep(path: string, statistics: NormStatistics | undefined): void {
    if (statistics === undefined || this.isDisposed) return;
    this.figures.set(path, statistics);
    this.failures.delete(path);
    const { session, history, now } = this.options;
    if (session.latestStatistics === undefined) history().add(path, now(), statistics);
    this.changedFigures.add(path);
    this.options.onNews();
  }
}

function tracks(layer: ModuleSpec): boolean {
  return (layer.batchNorm ?? layer.instanceNorm)?.trackRunningStats === true;
}
