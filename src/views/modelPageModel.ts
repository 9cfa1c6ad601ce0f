// What the page of a model file says, in each state of opening it.

import type { ModelFormat } from '../model/description';
import { behaviourOfCall, callName, distinctCalls } from '../model/functionalCall';
import type { Behaviour } from '../model/module';
import type { PageButton, PageLayerKind, PageState } from '../protocol/modelPage';
import type { DiskState } from '../sessions/diskWatch';
import type { ForwardRecord } from '../sessions/forwardHistory';
import type { ModelSession } from '../sessions/modelSession';
import { forwardSentence } from './factsModel';
import { describeModel, switchable } from './modeModel';
import type { ModeCount } from './modeModel';

const formatNames: Readonly<Record<ModelFormat, string>> = {
  torchscript: 'TorchScript',
  'exported-program': 'torch.export program',
  module: 'pickled nn.Module',
  'state-dict': 'state dict',
  safetensors: 'safetensors',
  onnx: 'ONNX',
  executorch: 'ExecuTorch',
};

export interface OpenPageInput {
  readonly session: ModelSession;
  readonly location: string;
  readonly countOf: (path: string) => ModeCount;
  readonly disk: DiskState;
  readonly lastForward: ForwardRecord | undefined;
}

export function openPage({ session, location, countOf, disk, lastForward }: OpenPageInput): PageState {
  const root = session.module('');
  if (root === undefined) return failedPage(session.title, 'The file holds no module.');
  const count = countOf('');
  const words = describeModel(root, count);
  const sign = words.sign === 'train' || words.sign === 'eval' || words.sign === 'mixed' ? words.sign : 'other';
  const kinds = layerKinds(session);
  const message = session.state.kind === 'failed' ? session.state.message : diskMessage(disk);
  return {
    title: session.title,
    subtitle: `${formatNames[session.format]} · ${root.type}`,
    mode: words.text,
    modeSign: words.contradiction ? 'warning' : sign,
    ...(root.behaviourReason === undefined ? {} : { modeReason: root.behaviourReason }),
    ...(message === undefined ? {} : { message }),
    facts: [
      ['Modules', session.modules.length.toLocaleString('en')],
      ['Mode-sensitive layers', String(kinds.reduce((sum, { layers }) => sum + layers, 0))],
      ['Parameters', parameterCount(session).toLocaleString('en')],
      ['File', location],
      ...(lastForward === undefined ? [] : [['Last forward', forwardSentence(session.title, lastForward)] as const]),
    ],
    layerKinds: kinds,
    buttons: buttonsOf(session, count, disk),
    problems: session.problems.map((problem) => problem.message),
  };
}

export function openingPage(title: string): PageState {
  return { ...emptyPage, title, subtitle: 'Opening…' };
}

/** The file can't be shown; `message` says what, where and what to do. */
export function failedPage(title: string, message: string): PageState {
  const buttons: readonly PageButton[] = [
    { action: 'open', label: 'Try Again', primary: true },
    { action: 'showLog', label: 'Show Log', primary: false },
  ];
  return { ...emptyPage, title, subtitle: 'This file can’t be shown as a model', message, buttons };
}

export function closedPage(title: string): PageState {
  return {
    ...emptyPage,
    title,
    subtitle: 'The model was closed',
    buttons: [{ action: 'open', label: 'Open Again', primary: true }],
  };
}

const emptyPage = { facts: [], layerKinds: [], buttons: [], problems: [] } as const;

/** Mode-sensitive layers by class, and calls that no layer stands for by function, in the order of their first appearance; a shared layer counts once. */
function layerKinds(session: ModelSession): readonly PageLayerKind[] {
  const kinds = new Map<string, { type: string; layers: number; runTrain: number; runEval: number }>();
  const add = (type: string, behaviour: Behaviour): void => {
    let kind = kinds.get(type);
    if (kind === undefined) kinds.set(type, (kind = { type, layers: 0, runTrain: 0, runEval: 0 }));
    kind.layers++;
    if (behaviour === 'train') kind.runTrain++;
    if (behaviour === 'eval') kind.runEval++;
  };
  for (const module of session.modules) {
    if (!module.modeSensitive || module.sharedWith !== undefined) continue;
    if (module.functionalCalls === undefined) add(module.type, module.behaviour);
    for (const { call } of distinctCalls(module.functionalCalls)) add(callName(call), behaviourOfCall(call, module));
  }
  return [...kinds.values()];
}

/** Parameters stay as they are when modes change, and there may be a hundred thousand. */
const parameterCounts = new WeakMap<ModelSession['modules'], number>();

function parameterCount({ modules }: ModelSession): number {
  const known = parameterCounts.get(modules);
  if (known !== undefined) return known;
  let total = 0;
  for (const module of modules) {
    if (module.sharedWith !== undefined) continue;
    for (const { shape } of module.parameters) total += shape.reduce((product, size) => product * size, 1);
  }
  parameterCounts.set(modules, total);
  return total;
}

function buttonsOf(session: ModelSession, count: ModeCount, disk: DiskState): readonly PageButton[] {
  const buttons: PageButton[] = [];
  if (session.state.kind === 'failed' || disk === 'changed')
    buttons.push({ action: 'reload', label: 'Reload', primary: true });
  buttons.push({ action: 'showModules', label: 'Show Modules', primary: buttons.length === 0 });
  const { toTrain, toEval } = switchable(count);
  if (session.capabilities.setTraining && toTrain + toEval > 0) {
    buttons.push(
      { action: 'setTrain', label: 'Set Train', primary: false },
      { action: 'setEval', label: 'Set Eval', primary: false },
    );
  }
  if (session.capabilities.runForward) buttons.push({ action: 'runForward', label: 'Run Forward', primary: false });
  return buttons;
}

function diskMessage(disk: DiskState): string | undefined {
  if (disk === 'changed')
    return 'The file has changed on disk since it was read. Reload to see it; modes that you switched are kept.';
  return disk === 'deleted' ? 'The file was deleted on disk; the model stays as it was read.' : undefined;
}
