// The jobs among the live processes: where each process stands in the tree, and how the ranks of each job compare, as it changes.

import { coalesce } from '../host/coalesce';
import type { LiveProcess } from '../sessions/liveProcess';
import { LiveSession } from '../sessions/liveSession';
import { RankComparison } from '../sessions/rankComparison';
import type { SessionStore, StoreChange } from '../sessions/sessionStore';
import type { Disposable } from '../util/disposable';
import { Emitter } from '../util/event';
import type { Event } from '../util/event';
import { comparisonWords, differenceRows, differencesRow } from './differencesModel';
import type { DifferenceRow, PartialModel } from './differencesModel';
import { differenceWords } from './differenceWordsModel';
import type { ModeCounts } from './modeCounts';
import { switchable } from './modeModel';
import { differencesOf } from './rankDifferences';
import type { RankedModel } from './rankDifferences';
import { currentMembers, jobRow, jobsIn, memberName, placesOf } from './ranksModel';
import type { Job, Place } from './ranksModel';
import type { Row } from './rowModel';

export type RanksChange =
  /** Processes came, went, ended or stand elsewhere. */
  | { readonly kind: 'places' }
  /** The row of a job says something else. */
  | { readonly kind: 'job'; readonly key: string }
  /** Figures below *Differences between ranks* moved. */
  | { readonly kind: 'differences'; readonly key: string }
  | { readonly kind: 'module'; readonly session: LiveSession; readonly path: string };

/** A little more than the time between two reports: every rank had its turn in between. */
const updateMilliseconds = 300;
/** After so many updates without a common batch the ranks are asked to report at the same moment. */
const patientUpdates = 4;

interface ComparedJob {
  readonly job: Job<LiveProcess>;
  readonly comparisons: readonly RankComparison[];
  readonly partial: readonly (PartialModel & RankedModel)[];
  /** The row as it was drawn last, in one string. */
  drawn: string;
  updatesOutOfStep: number;
}

export class Ranks implements Disposable {
  private readonly changed = new Emitter<RanksChange>();
  private readonly subscription: Disposable;
  private readonly updates = coalesce(() => {
    this.update();
  }, updateMilliseconds);
  private jobs: ReadonlyMap<string, ComparedJob> = new Map();
  private comparisonOf: ReadonlyMap<LiveSession, RankComparison> = new Map();
  /** By process, or by a job's key. */
  private readonly above = new Map<string | LiveProcess, Place<LiveProcess>>();
  private readonly below = new Map<string | LiveProcess, readonly Place<LiveProcess>[]>();
  private drawnPlaces = '';

  readonly onDidChange: Event<RanksChange> = this.changed.event;
  /** The rows of live processes and jobs, as they stand in the tree. */
  places: readonly Place<LiveProcess>[] = [];

  /**
   * Must subscribe before the tree does, so that it never reads old places.
   * @param align has processes report at the same moment.
   */
  constructor(
    private readonly store: SessionStore,
    private readonly counts: ModeCounts,
    private readonly align: (processes: readonly LiveProcess[]) => void,
  ) {
    this.subscription = store.onDidChange((change) => {
      this.onStoreChange(change);
    });
  }

  /** The rows below a job, or below a process beside its models. */
  rowsBelow(owner: string | LiveProcess): readonly Place<LiveProcess>[] {
    return this.below.get(owner) ?? [];
  }

  /** The row below which a job or a process stands, if it is no root. */
  placeAbove(owner: string | LiveProcess): Place<LiveProcess> | undefined {
    return this.above.get(owner);
  }

  jobRow(key: string): Row | undefined {
    const compared = this.jobs.get(key);
    return compared === undefined ? undefined : this.rowOf(compared);
  }

  /** The fold of what differs in a job; undefined where nothing does. */
  differencesRow(key: string): Row | undefined {
    const compared = this.jobs.get(key);
    return compared === undefined ? undefined : differencesRow(differencesOf(compared.comparisons), compared.partial);
  }

  differenceRows(key: string): readonly DifferenceRow<RankedModel>[] {
    const compared = this.jobs.get(key);
    return compared === undefined ? [] : differenceRows(differencesOf(compared.comparisons), compared.partial);
  }

  /** Whether other ranks hold the same model. */
  isCompared(session: LiveSession): boolean {
    return this.comparisonOf.has(session);
  }

  /** The model that stands for all of a job, where commands need one. */
  firstModel(key: string): LiveSession | undefined {
    const members = this.jobs.get(key)?.job.members ?? [];
    return [...members].sort((a, b) => Number(a.ended) - Number(b.ended)).flatMap((process) => process.sessions)[0];
  }

  /** What the row of a module says about the first rank of its job; '' where both are the same. */
  words(session: LiveSession, path: string): string {
    const comparison = this.comparisonOf.get(session);
    const difference = comparison?.difference(session, path);
    const first = comparison?.first;
    return difference === undefined || first === undefined
      ? ''
      : differenceWords(difference, memberName(first.process.introduction));
  }

  dispose(): void {
    this.updates.dispose();
    this.subscription.dispose();
    this.changed.dispose();
  }

  private onStoreChange(change: StoreChange): void {
    if (change.kind === 'process' || change.kind === 'added' || change.kind === 'removed') {
      this.place();
      return;
    }
    if (change.kind !== 'session' || !(change.session instanceof LiveSession)) return;
    const { session, change: what } = change;
    const comparison = this.comparisonOf.get(session);
    if (comparison === undefined) return;
    if (what.kind === 'statistics') comparison.takeStatistics(session, what.paths);
    else if (what.kind === 'modes') comparison.takeModes();
    else if (what.kind === 'tree') comparison.takeTree(session);
    else return;
    this.updates.request();
  }

  private place(): void {
    this.places = placesOf(this.store.processes);
    this.above.clear();
    this.below.clear();
    this.notePlaces(this.places);
    const jobs = jobsIn(this.places);
    this.jobs = new Map(jobs.map((job) => [job.key, this.compared(job)]));
    this.comparisonOf = new Map(
      [...this.jobs.values()].flatMap(({ comparisons }) =>
        comparisons.flatMap((comparison) => comparison.sessions.map((session) => [session, comparison] as const)),
      ),
    );
    if (this.jobs.size > 0) this.updates.request();
    const drawn = drawnPlaces(this.places);
    if (drawn === this.drawnPlaces) return;
    this.drawnPlaces = drawn;
    this.changed.fire({ kind: 'places' });
  }

  private notePlaces(places: readonly Place<LiveProcess>[], parent?: Place<LiveProcess>): void {
    for (const place of places) {
      const owner = place.kind === 'job' ? place.job.key : place.process;
      if (parent !== undefined) this.above.set(owner, parent);
      this.below.set(owner, place.below);
      this.notePlaces(place.below, place);
    }
  }

  /** A job with its comparisons; those over the same models go on. Ranks that have ended are compared once all have. */
  private compared(job: Job<LiveProcess>): ComparedJob {
    const before = this.jobs.get(job.key);
    const current = currentMembers(job);
    const running = current.filter((process) => !process.ended);
    const ranks = (running.length > 0 ? running : current).filter((process) => process.sessions.length > 0);
    const byTitle = new Map<string, LiveSession[]>();
    for (const session of ranks.flatMap((process) => process.sessions)) {
      const found = byTitle.get(session.title);
      if (found === undefined) byTitle.set(session.title, [session]);
      else found.push(session);
    }
    const comparisons: RankComparison[] = [];
    const partial: (PartialModel & RankedModel)[] = [];
    for (const [title, sessions] of byTitle) {
      if (sessions.length < ranks.length) {
        partial.push({ title, ranks: sessions.map(({ process }) => memberName(process.introduction)), sessions });
      }
      if (sessions.length < 2) continue;
      const known = before?.comparisons.find(
        (comparison) =>
          comparison.sessions.length === sessions.length &&
          comparison.sessions.every((session, index) => session === sessions[index]),
      );
      comparisons.push(known ?? new RankComparison(sessions));
    }
    return { job, comparisons, partial, drawn: before?.drawn ?? '', updatesOutOfStep: before?.updatesOutOfStep ?? 0 };
  }

  private update(): void {
    let isPending = false;
    for (const [key, compared] of this.jobs) {
      let [isOutOfStep, hasMoved] = [false, false];
      for (const comparison of compared.comparisons) {
        const result = comparison.update();
        isPending ||= result.isPending;
        isOutOfStep ||= result.isOutOfStep;
        hasMoved ||= result.hasMoved;
        for (const { session, path } of result.changed) this.changed.fire({ kind: 'module', session, path });
      }
      this.keepInStep(compared, isOutOfStep, hasMoved);
      const drawn = JSON.stringify(this.rowOf(compared));
      if (drawn !== compared.drawn) this.changed.fire({ kind: 'job', key });
      else if (hasMoved) this.changed.fire({ kind: 'differences', key });
      compared.drawn = drawn;
    }
    if (isPending) this.updates.request();
  }

  private keepInStep(compared: ComparedJob, isOutOfStep: boolean, hasMoved: boolean): void {
    if (isOutOfStep) compared.updatesOutOfStep++;
    else if (hasMoved) compared.updatesOutOfStep = 0;
    if (compared.updatesOutOfStep < patientUpdates) return;
    compared.updatesOutOfStep = 0;
    this.align(compared.job.members.filter((process) => !process.ended));
  }

  private rowOf({ job, comparisons, partial }: ComparedJob): Row {
    const running = job.members.filter((process) => !process.ended).flatMap((process) => process.sessions);
    const changes = running.map((session) => switchable(this.counts.of(session, '')));
    return jobRow({
      job,
      comparison: comparisonWords(comparisons, partial),
      canTrain: changes.some(({ toTrain }) => toTrain > 0),
      canEval: changes.some(({ toEval }) => toEval > 0),
    });
  }
}

/** All that decides which rows there are, in one string. */
function drawnPlaces(places: readonly Place<LiveProcess>[]): string {
  return places
    .map((place) => {
      const own = place.kind === 'job' ? place.job.key : `${place.process.key}${place.process.ended ? ' ended' : ''}`;
      return `${own}(${drawnPlaces(place.below)})`;
    })
    .join();
}
