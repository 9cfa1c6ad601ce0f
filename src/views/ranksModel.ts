// Where each live process stands in the tree: ranks of one job under a row of their own, child processes under their parents.

import type { AgentIntroduction } from '../protocol/agent';
import { countOf } from '../util/text';
import { processTitle } from './liveModel';
import type { Row } from './rowModel';

/** The part of a live process that decides on its place. */
export interface PlacedProcess {
  readonly introduction: AgentIntroduction;
  readonly ended: boolean;
  readonly sessions: readonly unknown[];
}

/** Processes that run the same program side by side. */
export interface Job<P> {
  /** The same for as long as the job is shown. */
  readonly key: string;
  /** By rank; a rank that was started again stands behind its first process. At least two. */
  readonly members: readonly P[];
  /** What started them and holds no model itself, such as `torchrun`; it has no row. */
  readonly launcher: P | undefined;
}

/** A row of the tree, with those that stand below it beside the models. */
export type Place<P> =
  | { readonly kind: 'process'; readonly process: P; readonly below: readonly Place<P>[] }
  /** Its members stand below it. */
  | { readonly kind: 'job'; readonly job: Job<P>; readonly below: readonly Place<P>[] };

/** @param processes in the order in which they were found: what started another one stands before it. */
export function placesOf<P extends PlacedProcess>(processes: readonly P[]): readonly Place<P>[] {
  const parents = parentsOf(processes);
  const jobs = new Map<P, readonly P[]>();
  for (const group of groupsOf(processes, parents)) {
    if (group.length >= 2) for (const member of group) jobs.set(member, group);
  }
  const launchers = new Set<P>();
  for (const [process, parent] of parents) {
    if (parent.sessions.length === 0 && (isRank(process, parents) || jobs.has(process))) launchers.add(parent);
  }
  const roots: Place<P>[] = [];
  const lists = new Map<P, Place<P>[]>(processes.map((process) => [process, []]));
  /** Where what this process stands below lists its rows. A launcher has none, so that its own place is taken. */
  const listAbove = (process: P): Place<P>[] => {
    const above = parents.get(process);
    if (above === undefined) return roots;
    return launchers.has(above) ? listAbove(above) : (lists.get(above) ?? roots);
  };
  const placeOf = (process: P): Place<P> => ({ kind: 'process', process, below: lists.get(process) ?? [] });
  const placed = new Set<readonly P[]>();
  for (const process of processes) {
    if (launchers.has(process)) continue;
    const group = jobs.get(process);
    if (group === undefined) {
      listAbove(process).push(placeOf(process));
    } else if (!placed.has(group)) {
      placed.add(group);
      const job = jobOf(group, parents, launchers);
      listAbove(group[0] ?? process).push({ kind: 'job', job, below: group.map(placeOf) });
    }
  }
  return roots;
}

/** A process that a rank has started inherits its number, and is none itself. */
function isRank<P extends PlacedProcess>(process: P, parents: ReadonlyMap<P, P>): boolean {
  return process.introduction.rank !== null && (parents.get(process)?.introduction.rank ?? null) === null;
}

/** The jobs among the places, those below other rows too. */
export function jobsIn<P>(places: readonly Place<P>[]): readonly Job<P>[] {
  return places.flatMap((place) => [...(place.kind === 'job' ? [place.job] : []), ...jobsIn(place.below)]);
}

/** The launcher of a rank, where nothing else that it started is shown: without the rank it would get a row that says nothing. */
export function launcherOfLast<P extends PlacedProcess>(processes: readonly P[], rank: P): P | undefined {
  const parents = parentsOf(processes);
  const launcher = isRank(rank, parents) ? parents.get(rank) : undefined;
  if (launcher === undefined || launcher.sessions.length > 0) return undefined;
  const { process } = launcher.introduction;
  return processes.some((other) => other !== rank && other.introduction.parent === process) ? undefined : launcher;
}

/** Of each rank the process that was started last. */
export function currentMembers<P extends PlacedProcess>({ members }: Job<P>): readonly P[] {
  return members.filter(({ introduction: { rank } }, index) => {
    return rank === null || !members.slice(index + 1).some((later) => later.introduction.rank === rank);
  });
}

/** What tells a process from the others of its job: `rank 0`, or `process 7` where nobody numbered them. */
export function memberName({ rank, process }: AgentIntroduction): string {
  return rank === null ? `process ${String(process)}` : `rank ${String(rank)}`;
}

/** `2 ranks`, `2 of 8 ranks` where others run on other machines or are not here yet. */
export function membersWords(job: Job<PlacedProcess>): string {
  const members = currentMembers(job);
  const worldSize = members[0]?.introduction.worldSize ?? null;
  if (members.some(({ introduction }) => introduction.rank === null))
    return countOf(members.length, 'process', 'processes');
  const of = worldSize === null || worldSize === members.length ? '' : ` of ${String(worldSize)}`;
  return `${String(members.length)}${of} ranks`;
}

export interface JobRowInput {
  readonly job: Job<PlacedProcess>;
  /** How its processes stand to each other, in a few words each. */
  readonly comparison: readonly string[];
  /** Whether some module of a living process would change if all were switched. */
  readonly canTrain: boolean;
  readonly canEval: boolean;
}

/** The row above the ranks of a job. */
export function jobRow({ job, comparison, canTrain, canEval }: JobRowInput): Row {
  const { members, launcher } = job;
  const title = titleOf(job);
  const current = currentMembers(job);
  const ended = current.filter((member) => member.ended).length;
  const condition = ended === 0 ? '' : ended === current.length ? 'ended' : `${String(ended)} ended`;
  const words = [membersWords(job), condition, ...comparison].filter((part) => part !== '');
  const running = ended < current.length;
  return {
    label: title,
    description: words.join(' · '),
    icon: { id: 'server-process', color: running ? 'charts.green' : 'disabledForeground' },
    tooltip: [
      ...words,
      ...members.map((member) => {
        const { process, argv } = member.introduction;
        return `${memberName(member.introduction)}: process ${String(process)}${member.ended ? ', ended' : ''}, ${argv.join(' ')}`;
      }),
      ...(launcher === undefined ? [] : [`Started by: process ${String(launcher.introduction.process)}`]),
    ],
    spoken: `Job ${title}, ${words.join(', ')}`,
    context: [
      'job',
      running ? 'running' : 'ended',
      ...(canTrain ? ['canTrain'] : []),
      ...(canEval ? ['canEval'] : []),
    ].join(' '),
    children: 'expanded',
  };
}

/** What runs: the base name of its file. */
export function titleOf({ members }: Job<PlacedProcess>): string {
  const [first] = members;
  return first === undefined ? '' : processTitle(first.introduction);
}

/** The shown process that started each. Process ids are used again, so that only what was there before counts, the latest first. */
function parentsOf<P extends PlacedProcess>(processes: readonly P[]): ReadonlyMap<P, P> {
  const parents = new Map<P, P>();
  processes.forEach((process, index) => {
    const { parent } = process.introduction;
    const found = processes.slice(0, index).findLast((other) => other.introduction.process === parent);
    if (found !== undefined) parents.set(process, found);
  });
  return parents;
}

function groupsOf<P extends PlacedProcess>(
  processes: readonly P[],
  parents: ReadonlyMap<P, P>,
): readonly (readonly P[])[] {
  const [ranked, others]: [P[][], P[][]] = [[], []];
  for (const process of processes) {
    const isRanked = isRank(process, parents);
    const group = isRanked
      ? ranked.find((members) => isSameJob(members, process))
      : others.find((members) => isFamily(members, process, parents));
    if (group === undefined) (isRanked ? ranked : others).push([process]);
    else group.push(process);
  }
  for (const members of ranked) members.sort((a, b) => (a.introduction.rank ?? 0) - (b.introduction.rank ?? 0));
  return [...ranked, ...others];
}

/**
 * Ranks of one launcher are one job. So are those of several launchers that share an id, as long as no rank comes twice: `torchrun`
 * can be told the same id again for the next run.
 */
function isSameJob(members: readonly PlacedProcess[], { introduction }: PlacedProcess): boolean {
  const { rank, job, parent, worldSize } = introduction;
  const others = members.map((member) => member.introduction).filter((other) => other.job === job);
  if (others.some((other) => other.parent === parent)) return true;
  // Older versions of torchrun call every run “none”.
  if (others.length === 0 || job === null || job === 'none') return false;
  return others.every((other) => other.rank !== rank && other.worldSize === worldSize);
}

/**
 * Who starts processes without numbering them, as `torch.multiprocessing.spawn` does, has them run its own command. Together with it
 * they are one job as far as they hold models; other child processes only stand below their parent.
 */
function isFamily<P extends PlacedProcess>(members: readonly P[], process: P, parents: ReadonlyMap<P, P>): boolean {
  const parent = parents.get(process);
  const [first] = members;
  if (parent === undefined || first === undefined || !hasModels(first) || !hasModels(process)) return false;
  if (parent.introduction.rank !== null) return false;
  const isRelated = first === parent || parents.get(first) === parent;
  return isRelated && isSameCommand(parent, process) && isSameCommand(first, process);
}

function hasModels({ sessions }: PlacedProcess): boolean {
  return sessions.length > 0;
}

function isSameCommand(one: PlacedProcess, other: PlacedProcess): boolean {
  return JSON.stringify(one.introduction.argv) === JSON.stringify(other.introduction.argv);
}

function jobOf<P extends PlacedProcess>(
  members: readonly P[],
  parents: ReadonlyMap<P, P>,
  launchers: ReadonlySet<P>,
): Job<P> {
  const [first] = members;
  const above = first === undefined ? undefined : parents.get(first);
  const { job, parent } = first?.introduction ?? { job: null, parent: 0 };
  return {
    key:
      first?.introduction.rank === null
        ? `family/${String(first.introduction.process)}`
        : `${job ?? ''}/${String(parent)}`,
    members,
    launcher: above !== undefined && launchers.has(above) ? above : undefined,
  };
}
