// The rows of models and modules: labels, words, icons, tooltips and what can be done with them.

import type { Capabilities, Problem } from '../model/description';
import { moduleName } from '../model/module';
import type { Finding } from '../model/finding';
import type { Mode, ModuleSpec } from '../model/module';
import type { DiskState } from '../sessions/diskWatch';
import type { SessionState } from '../sessions/modelSession';
import { countWords, findingLines } from './findingsModel';
import { formatShape } from './format';
import { countOf } from '../util/text';
import { formatNumber } from '../util/numbers';
import { describeMode, describeModel, switchable } from './modeModel';
import type { ModeCount, ModeSign, ModeWords } from './modeModel';
import type { Row, RowIcon } from './rowModel';

/** Filled, empty and half-filled circles; small ones where the mode changes nothing. */
const icons: Readonly<Record<ModeSign, RowIcon>> = {
  train: { id: 'circle-filled', color: 'charts.yellow' },
  eval: { id: 'circle-outline', color: 'charts.blue' },
  mixed: { id: 'color-mode', color: 'charts.purple' },
  trainFlag: { id: 'circle-small-filled', color: 'disabledForeground' },
  evalFlag: { id: 'circle-small', color: 'disabledForeground' },
  none: { id: 'circle-small', color: 'disabledForeground' },
  unknown: { id: 'question', color: 'disabledForeground' },
};

export interface ModuleRowInput {
  readonly module: ModuleSpec;
  readonly count: ModeCount;
  readonly hasChildren: boolean;
  /** Its own code calls something that has a mode. */
  readonly hasCalls?: boolean;
  readonly capabilities: Capabilities;
  readonly pinned?: Mode | undefined;
  /** How it differs from the same module in the first rank of its job; '' where it does not. */
  readonly comparison?: string;
  /** Whether other ranks hold the same model. */
  readonly isInJob?: boolean;
  /** It is one of several models in its file. */
  readonly isOneOfSeveral?: boolean;
  /** At the module itself. */
  readonly findings?: readonly Finding[];
}

/** The row of a module below the root. */
export function moduleRow(input: ModuleRowInput): Row {
  const { module, count, comparison = '' } = input;
  const words = describeMode(module, count);
  const name = moduleName(module.path);
  const type = typeWords(module);
  return {
    label: name,
    // What is out of the ordinary comes first, since a narrow column cuts the end off.
    description: join(
      ...(words.contradiction || comparison !== ''
        ? [words.text, pinnedWords(input), comparison, type]
        : [type, words.text, pinnedWords(input)]),
      urgentWords(input),
    ),
    icon: iconOf(words),
    tooltip: [
      ...moduleTooltip(module, count, words),
      ...comparisonLines(comparison),
      ...findingLines(input.findings ?? []),
    ],
    spoken: join(speak(name, type, words, count), comparison, urgentWords(input)).replaceAll(' · ', ', '),
    context: contextOf('module', input),
    children: input.hasChildren || input.hasCalls === true || hasStatistics(module) ? 'collapsed' : 'none',
  };
}

export interface RootRowInput extends ModuleRowInput {
  readonly title: string;
  /** The file, or the process in which a live model lives. */
  readonly location: string;
  readonly isLive: boolean;
  readonly state: SessionState;
  readonly disk: DiskState;
  readonly active: boolean;
}

/** The row of an open model: its file, its class, its mode and whatever is up with it. */
export function rootRow(input: RootRowInput): Row {
  const { module, count, title, comparison = '' } = input;
  const words = describeModel(module, count);
  const condition = conditionWords(input.state, input.disk);
  const { state } = input;
  const message = state.kind === 'failed' || state.kind === 'ended' ? [state.message] : [];
  return {
    label: title,
    description: join(words.text, condition, pinnedWords(input), comparison, module.type, urgentWords(input)),
    icon: state.kind === 'failed' ? { id: 'error', color: 'list.errorForeground' } : iconOf(words),
    tooltip: [
      `${input.isLive ? 'Process' : 'File'}: ${input.location}`,
      ...message,
      ...moduleTooltip(module, count, words),
      ...comparisonLines(comparison),
      ...findingLines(input.findings ?? []),
    ],
    spoken: `Model ${speak(title, module.type, words, count)}${condition === '' ? '' : `, ${condition}`}${comparison === '' ? '' : `, ${comparison.replaceAll(' · ', ', ')}`}${input.active ? ', active model' : ''}${said(urgentWords(input))}`,
    context: contextOf(input.isLive ? 'live' : 'root', input),
    children: 'expanded',
  };
}

/** True if the row unfolds into running statistics and options. */
export function hasStatistics(module: ModuleSpec): boolean {
  return module.batchNorm !== undefined || module.instanceNorm !== undefined;
}

/** Rows that say what is up with a model, above its modules. */
export function noticeRow(state: SessionState, disk: DiskState): Row | undefined {
  if (state.kind === 'failed') {
    return notice('Stopped', state.message, { id: 'error', color: 'list.errorForeground' });
  }
  if (state.kind === 'ended')
    return notice('Ended', `${state.message} What was seen last stays.`, { id: 'debug-stop' });
  if (state.kind === 'waiting') {
    return notice('Waiting', 'a forward is running; the switch comes at the start of the next one', { id: 'watch' });
  }
  if (disk === 'changed') return notice('Changed on disk', 'reload to see the new file', { id: 'sync' });
  if (disk === 'deleted') return notice('Deleted on disk', 'the model stays as it was read', { id: 'trash' });
  return undefined;
}

export function problemsRow(problems: readonly Problem[]): Row {
  const label = countOf(problems.length, 'problem');
  return {
    label,
    icon: { id: 'warning', color: 'list.warningForeground' },
    spoken: `${label} with this file`,
    children: 'collapsed',
  };
}

export function problemRow(problem: Problem): Row {
  const place = problem.path === undefined || problem.path === '' ? '' : ` (${problem.path})`;
  const label = `${problem.message}${place}`;
  return { label, tooltip: [label], spoken: label, icon: { id: 'info' }, children: 'none' };
}

export function openingRow(title: string): Row {
  return {
    label: title,
    description: 'opening…',
    icon: { id: 'loading~spin' },
    spoken: `${title}, opening`,
    children: 'none',
  };
}

/** An error in place of rows that could not be read. */
export function errorRow(message: string): Row {
  return notice('Not available', message, { id: 'error', color: 'list.errorForeground' });
}

function notice(label: string, description: string, icon: RowIcon): Row {
  return {
    label,
    description,
    icon,
    tooltip: [description],
    spoken: `${label}: ${description}`,
    context: 'notice',
    children: 'none',
  };
}

function pinnedWords({ pinned }: ModuleRowInput): string {
  return pinned === undefined ? '' : `pinned to ${pinned}`;
}

function comparisonLines(comparison: string): readonly string[] {
  return comparison === '' ? [] : [`Beside the first rank: ${comparison}`];
}

function typeWords(module: ModuleSpec): string {
  const p = module.dropout?.p;
  return p === undefined || p === null ? module.type : `${module.type} p=${formatNumber(p)}`;
}

/** Where flag and behaviour disagree, the words beside it say how; a circle of either kind would be half a lie. */
export function iconOf(words: ModeWords): RowIcon {
  return words.contradiction ? { id: 'warning', color: 'list.warningForeground' } : icons[words.sign];
}

function conditionWords(state: SessionState, disk: DiskState): string {
  if (state.kind === 'running') return 'running…';
  if (state.kind === 'failed') return 'stopped';
  if (state.kind === 'ended') return 'ended';
  if (state.kind === 'waiting') return 'waiting…';
  if (disk === 'changed') return 'changed on disk';
  return disk === 'deleted' ? 'deleted on disk' : '';
}

function moduleTooltip(module: ModuleSpec, count: ModeCount, words: ModeWords): readonly string[] {
  const lines = [
    `Path: ${module.path === '' ? '(root)' : module.path}`,
    `Class: ${module.qualifiedType === '' ? module.type : module.qualifiedType}`,
    `Training flag: ${module.training === null ? 'not stored' : String(module.training)}`,
  ];
  const total = count.runTrain + count.runEval;
  if (total > 0) {
    const layers =
      total === 1 && module.modeSensitive
        ? words.text
        : `${String(count.runTrain)} of ${countOf(total, 'mode-sensitive layer')} in train`;
    lines.push(`Behaviour: ${layers}`);
  } else {
    lines.push(`Behaviour: ${module.behaviour === 'unknown' ? 'not stored' : 'the same in train and eval'}`);
  }
  if (module.behaviourReason !== undefined) lines.push(`Why: ${module.behaviourReason}`);
  if (module.dropout !== undefined)
    lines.push(`p: ${module.dropout.p === null ? 'unknown' : formatNumber(module.dropout.p)}`);
  for (const tensor of [...module.parameters, ...module.buffers].slice(0, 12)) {
    lines.push(`${tensor.name}: ${tensor.dtype} ${formatShape(tensor.shape)}`);
  }
  if (module.sharedWith !== undefined)
    lines.push(`Shared with: ${module.sharedWith === '' ? '(root)' : module.sharedWith}`);
  if (module.source !== undefined) lines.push(`Source: ${module.source.file}:${String(module.source.line)}`);
  return lines;
}

function speak(name: string, type: string, words: ModeWords, count: ModeCount): string {
  const total = count.runTrain + count.runEval;
  const mode =
    words.sign === 'mixed'
      ? `mixed, ${String(count.runTrain)} of ${String(total)} layers in train`
      : words.text.replace(' · ', ', ');
  return [name, type, mode].filter((part) => part !== '').join(', ');
}

/** Only what would change something is offered. */
function contextOf(
  kind: 'root' | 'live' | 'module',
  { module, count, capabilities, hasChildren, pinned, isInJob, isOneOfSeveral }: ModuleRowInput,
): string {
  const words: string[] = [kind];
  const { toTrain, toEval } = switchable(count);
  if (capabilities.setTraining && toTrain > 0) words.push('canTrain');
  if (capabilities.setTraining && toEval > 0) words.push('canEval');
  if (capabilities.setTraining && hasChildren && module.training !== null) words.push('hasFlag');
  if (capabilities.runForward) words.push('canRun');
  if (capabilities.compareModes ?? capabilities.runForward) words.push('canCompare');
  if (capabilities.saveCopy === true) words.push('canSave');
  if (capabilities.pin === true) words.push(pinned === undefined ? 'canPin' : 'canUnpin');
  if (module.source !== undefined) words.push('hasSource');
  if (isInJob === true) words.push('inJob');
  if (isOneOfSeveral === true) words.push('oneOfSeveral');
  if (hasStatistics(module)) words.push('keepsStatistics');
  return words.join(' ');
}

/** Notes are told in the tooltip alone: a row has no room for what is not urgent. */
function urgentWords({ findings }: ModuleRowInput): string {
  return countWords(findings ?? [], 'warning');
}

function said(words: string): string {
  return words === '' ? '' : `, ${words}`;
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}
