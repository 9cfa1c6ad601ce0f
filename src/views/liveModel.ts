// The rows of live processes and of who switched modes in them.

import type { AgentIntroduction } from '../protocol/agent';
import type { SwitchPlace } from '../sessions/switchPlaces';
import { clockTime, fileName } from './format';
import { countOf } from '../util/text';
import type { Row } from './rowModel';

/** A program that was started and has no model yet. */
export interface LaunchWords {
  readonly title: string;
}

export interface ProcessRowInput {
  readonly introduction: AgentIntroduction;
  readonly models: number;
  readonly ended: boolean;
  /** What tells it from the others of its job, below whose row it stands. */
  readonly name?: string;
  /** One of so many that their models are folded away. */
  readonly isOneOfMany?: boolean;
}

/** `train.py`, `study.ipynb`, whatever tells one process from the next. */
export function processTitle({ argv, process, title }: AgentIntroduction): string {
  if (title !== undefined) return title;
  const script = argv[0] === undefined || argv[0] === '' || argv[0] === '-c' ? '' : argv[0];
  const name = fileName(script);
  return name === '' || name === '-m' ? `Python ${String(process)}` : name;
}

export function processRow({ introduction, models, ended, name, isOneOfMany }: ProcessRowInput): Row {
  const { process, rank, worldSize, python, torch, argv, folder, executable } = introduction;
  const title = name ?? processTitle(introduction);
  const rankWords =
    rank === null || name !== undefined
      ? ''
      : `rank ${String(rank)}${worldSize === null ? '' : ` of ${String(worldSize)}`}`;
  const processWords = `process ${String(process)}`;
  const condition = ended ? 'ended' : models === 0 ? 'no model yet' : 'live';
  return {
    label: title,
    description: [rankWords, condition, ...(title.endsWith(processWords) ? [] : [processWords])]
      .filter((part) => part !== '')
      .join(' · '),
    icon: ended ? { id: 'debug-stop', color: 'disabledForeground' } : { id: 'pulse', color: 'charts.green' },
    tooltip: [
      `Process: ${String(process)}`,
      `Command: ${argv.join(' ')}`,
      `Folder: ${folder}`,
      `Python: ${python} (${executable})`,
      `torch: ${torch}`,
      ...(rank === null ? [] : [`Rank: ${String(rank)}${worldSize === null ? '' : ` of ${String(worldSize)}`}`]),
    ],
    spoken: `${name === undefined ? 'Process ' : ''}${title}${rankWords === '' ? '' : `, ${rankWords}`}, ${condition}, ${countOf(models, 'model')}`,
    context: ended ? 'process ended' : 'process running',
    children: isOneOfMany === true ? 'collapsed' : 'expanded',
  };
}

/** Below a process in which no model was found yet. */
export const noModelRow: Row = {
  label: 'No model yet',
  description: 'it appears when a variable holds one',
  tooltip: ['Models are found by the names of variables. “Find All Models” asks Python for every module there is.'],
  icon: { id: 'watch' },
  spoken: 'No model yet. It appears when a variable holds one.',
  context: 'noModel',
  children: 'none',
};

export function launchRow({ title }: LaunchWords): Row {
  return {
    label: title,
    description: 'running, torch not imported yet',
    icon: { id: 'loading~spin' },
    spoken: `${title}, running, torch not imported yet`,
    children: 'none',
  };
}

export function switchesRow(places: readonly SwitchPlace[]): Row {
  const calls = places.reduce((sum, place) => sum + place.calls, 0);
  const [latest] = places;
  return {
    label: 'Mode switches',
    description: latest === undefined ? 'none yet' : `${countOf(calls, 'call')} · last: ${placeWords(latest)}`,
    icon: { id: 'history' },
    spoken: `Mode switches, ${countOf(calls, 'call')}`,
    children: places.length === 0 ? 'none' : 'collapsed',
  };
}

export function switchRow(place: SwitchPlace): Row {
  const { path, training, calls, last, file, line } = place;
  const mode = training ? 'train' : 'eval';
  const subject = path === '' ? 'model' : path;
  return {
    label: `${subject} → ${mode}`,
    description: `${placeWords(place)} · ${callsWords(place)}`,
    icon: training ? { id: 'circle-filled', color: 'charts.yellow' } : { id: 'circle-outline', color: 'charts.blue' },
    tooltip: [
      `Module: ${path === '' ? '(root)' : path}`,
      `Call: ${training ? 'train()' : 'eval()'}`,
      `Calls: ${String(calls)}`,
      ...(file === null ? ['By: Mode Inspector'] : [`Line: ${file}:${String(line ?? 0)}`]),
    ],
    spoken: `${subject} to ${mode} by ${placeWords(place)}, ${countOf(calls, 'call')}, last at ${clockTime(last)}`,
    context: file === null ? 'switch' : 'switch hasLine',
    children: 'none',
  };
}

/** `once, 14:03:22`, `12 calls, last 14:03:22`. */
export function callsWords({ calls, last }: Pick<SwitchPlace, 'calls' | 'last'>): string {
  return `${calls === 1 ? 'once,' : `${countOf(calls, 'call')}, last`} ${clockTime(last)}`;
}

/** `train.py:22 in main`. */
export function placeWords({ file, line, function: name }: SwitchPlace): string {
  if (file === null) return 'Mode Inspector';
  const where = name === null || name === '<module>' ? '' : ` in ${name}`;
  return `${fileName(file)}:${String(line ?? 0)}${where}`;
}
