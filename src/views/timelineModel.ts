// The calls of train() and eval() of a live model as a picture of bounded size: lanes by line of code, and the mode in between.

import type { AgentSwitch } from '../protocol/agent';
import type { Timeline, TimelineLane, TimelineStretch } from '../protocol/statisticsPanel';
import { switchPlaces } from '../sessions/switchPlaces';
import type { SwitchPlace } from '../sessions/switchPlaces';
import { placeWords } from './liveModel';

/** Moments across the whole time: finer than the picture has pixels helps nobody. */
const moments = 300;
const mostLanes = 12;

/** A line of code that switched a module, by the key of its lane. */
export function placeOfLane(switches: readonly AgentSwitch[], key: string): SwitchPlace | undefined {
  return switchPlaces(switches).find((place) => keyOf(place) === key);
}

/** @param now seconds since the epoch: the picture ends there. */
export function timelineOf(switches: readonly AgentSwitch[], now: number): Timeline {
  const from = switches[0]?.time ?? now;
  const to = Math.max(now, from + 1);
  const binOf = (time: number): number => Math.min(moments - 1, Math.floor(((time - from) / (to - from)) * moments));
  const places = switchPlaces(switches);
  const shown = places.slice(0, mostLanes);
  const bins = new Map(shown.map((place) => [keyOf(place), new Map<number, [time: number, calls: number]>()]));
  for (const call of switches) {
    const lane = bins.get(keyOf(call));
    const moment = lane?.get(binOf(call.time));
    if (moment === undefined) lane?.set(binOf(call.time), [call.time, 1]);
    else moment[1]++;
  }
  return {
    from,
    to,
    calls: switches.length,
    stretches: stretchesOf(switches, binOf, (bin) => from + (bin * (to - from)) / moments),
    lanes: shown.map((place) => laneOf(place, [...(bins.get(keyOf(place))?.values() ?? [])])),
    omitted: places.length - shown.length,
  };
}

function laneOf(place: SwitchPlace, calls: TimelineLane['moments']): TimelineLane {
  return {
    key: keyOf(place),
    subject: place.path === '' ? 'model' : place.path,
    training: place.training,
    place: placeWords(place),
    hasLine: place.file !== null,
    calls: place.calls,
    moments: calls,
  };
}

/** The root's mode from call to call, by moments: one in which it changed several times is mixed. */
function stretchesOf(
  switches: readonly AgentSwitch[],
  binOf: (time: number) => number,
  timeOf: (bin: number) => number,
): readonly TimelineStretch[] {
  const calls = switches.filter(({ path }) => path === '');
  const modes: (TimelineStretch['mode'] | undefined)[] = new Array<undefined>(moments).fill(undefined);
  const changes = new Array<number>(moments).fill(0);
  calls.forEach(({ time, training }, index) => {
    const next = calls[index + 1];
    const last = next === undefined ? moments - 1 : binOf(next.time);
    const first = binOf(time);
    if (training !== calls[index - 1]?.training) changes[first] = (changes[first] ?? 0) + 1;
    modes.fill(training ? 'train' : 'eval', first, last + 1);
  });
  changes.forEach((count, bin) => {
    if (count > 1) modes[bin] = 'mixed';
  });
  const stretches: { from: number; to: number; mode: TimelineStretch['mode'] }[] = [];
  modes.forEach((mode, bin) => {
    if (mode === undefined) return;
    const before = stretches.at(-1);
    if (before?.mode === mode) before.to = timeOf(bin + 1);
    else stretches.push({ from: timeOf(bin), to: timeOf(bin + 1), mode });
  });
  return stretches;
}

function keyOf({ path, training, file, line }: Pick<AgentSwitch, 'path' | 'training' | 'file' | 'line'>): string {
  return JSON.stringify([path ?? '', training, file, line]);
}
