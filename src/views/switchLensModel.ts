// What an editor says at a line that switched modes in a running program: the words of its lenses and of its hover.

import type { LiveSession } from '../sessions/liveSession';
import type { SwitchPlace } from '../sessions/switchPlaces';
import { countOf } from '../util/text';
import { callsWords, processTitle, switchRow } from './liveModel';
import { describeMode, describeModel, type ModeCount } from './modeModel';
import { memberName } from './ranksModel';

/** What one line switched in one model. */
export interface LineSwitches {
  readonly session: LiveSession;
  /** The latest first; at least one. */
  readonly places: readonly [SwitchPlace, ...SwitchPlace[]];
}

/** More ranks or runs than these would push the line's own text out of sight. */
const mostLenses = 3;
const mostModels = 8;
const mostPlaces = 8;

/** The models that lines of one file have switched, by the line as it is numbered now. */
export function switchesByLine(
  sessions: readonly LiveSession[],
  lineOf: (session: LiveSession, place: SwitchPlace) => number | undefined,
): ReadonlyMap<number, readonly LineSwitches[]> {
  const lines = new Map<number, LineSwitches[]>();
  for (const session of inOrder(sessions)) {
    const ofSession = new Map<number, [SwitchPlace, ...SwitchPlace[]]>();
    for (const place of session.switchPlaces) {
      const line = lineOf(session, place);
      const places = line === undefined ? undefined : ofSession.get(line);
      if (places !== undefined) places.push(place);
      else if (line !== undefined) ofSession.set(line, [place]);
    }
    for (const [line, places] of ofSession) lines.set(line, [...(lines.get(line) ?? []), { session, places }]);
  }
  return lines;
}

/** What runs comes first, and the last run before those that ended earlier: the places of lenses don't change with every call. */
function inOrder(sessions: readonly LiveSession[]): readonly LiveSession[] {
  const rankOf = ({ process }: LiveSession): number => process.introduction.rank ?? 0;
  return sessions.toReversed().sort((a, b) => Number(hasEnded(a)) - Number(hasEnded(b)) || rankOf(a) - rankOf(b));
}

export interface LensWords {
  readonly title: string;
  /** What a click shows; undefined where the lens only says something. */
  readonly target: { readonly session: LiveSession; readonly path: string } | undefined;
}

/** One lens a model: `net → eval · 12 calls, last 14:03:22`. A clock and no “a minute ago”, which would change all the time. */
export function lensesOf(models: readonly LineSwitches[]): readonly LensWords[] {
  const lenses = models.slice(0, mostLenses).map((switches): LensWords => {
    const { session, places } = switches;
    const [latest] = places;
    const [only, ...others] = pathsOf(places);
    const path = others.length === 0 ? (only ?? '') : '';
    const subject = others.length > 0 ? `: ${countOf(others.length + 1, 'module')}` : path === '' ? '' : `: ${path}`;
    const calls = places.reduce((sum, place) => sum + place.calls, 0);
    const words = [callsWords({ calls, last: latest.last }), ...(hasEnded(session) ? ['ended'] : [])].join(' · ');
    const icon = latest.training ? 'circle-filled' : 'circle-outline';
    return {
      title: `$(${icon}) ${nameAmong(models, session)}${subject} → ${latest.training ? 'train' : 'eval'} · ${words}`,
      target: { session, path },
    };
  });
  const more = models.length - lenses.length;
  return more === 0 ? lenses : [...lenses, { title: `and ${countOf(more, 'more model')}`, target: undefined }];
}

/** What a hover says of one model. */
export interface HoverWords {
  readonly session: LiveSession;
  readonly title: string;
  /** The present mode of the whole model, in the status bar's words. */
  readonly mode: string;
  /** `train.py, process 4711, ended`. */
  readonly program: string;
  /** What this line switched, the latest first: `layer1 → eval · 12 calls, last 14:03:22 · now train`. */
  readonly switches: readonly string[];
}

/** @param countAt of a module and what is below it. */
export function hoverOf(
  models: readonly LineSwitches[],
  countAt: (session: LiveSession, path: string) => ModeCount,
): { readonly models: readonly HoverWords[]; readonly more: string } {
  const shown = models.slice(0, mostModels).map(({ session, places }): HoverWords => {
    const root = session.module('');
    const left = places.length - mostPlaces;
    return {
      session,
      title: session.title,
      mode: root === undefined ? '' : describeModel(root, countAt(session, '')).text,
      program: programWords(session),
      switches: [
        ...places.slice(0, mostPlaces).map((place) => {
          const words = `${switchRow(place).label} · ${callsWords(place)}`;
          const now = place.path === '' ? '' : modeAt(session, place.path, countAt);
          return now === '' ? words : `${words} · now ${now}`;
        }),
        ...(left > 0 ? [`and ${String(left)} more`] : []),
      ],
    };
  });
  const more = models.length - shown.length;
  return { models: shown, more: more === 0 ? '' : `and ${countOf(more, 'more model')}` };
}

function modeAt(
  session: LiveSession,
  path: string,
  countAt: (session: LiveSession, path: string) => ModeCount,
): string {
  const module = session.module(path);
  return module === undefined ? 'gone' : describeMode(module, countAt(session, path)).text;
}

function programWords(session: LiveSession): string {
  const { introduction } = session.process;
  return [
    processTitle(introduction),
    ...(introduction.rank === null ? [] : [memberName(introduction)]),
    `process ${String(introduction.process)}`,
    ...(hasEnded(session) ? ['ended'] : []),
  ].join(', ');
}

/** With its rank or process, where the line ran in several. */
function nameAmong(models: readonly LineSwitches[], { title, process }: LiveSession): string {
  const isAlone = models.every(({ session }) => session.process === process);
  return isAlone ? title : `${title} (${memberName(process.introduction)})`;
}

function pathsOf(places: readonly SwitchPlace[]): readonly string[] {
  return [...new Set(places.map(({ path }) => path))];
}

function hasEnded({ state }: LiveSession): boolean {
  return state.kind === 'ended';
}
