// What is said after a switch: that it is done, or that it waits for the model's next forward.

import type { Preset } from '../model/presets';
import type { ModelSession } from '../sessions/modelSession';
import { countOf } from '../util/text';

/** The status bar's words after modules of a model were switched, or asked to be. */
export function switchedWords(
  name: string,
  session: Pick<ModelSession, 'state'>,
  training: boolean,
  recursive: boolean,
): string {
  const only = recursive ? '' : ' (this flag only)';
  return withState(session, 'check', `${name} → ${training ? 'train' : 'eval'}${only}`);
}

/** The same after a module was pinned to a mode, or let go. */
export function pinnedWords(name: string, session: Pick<ModelSession, 'state'>, training: boolean | null): string {
  if (training === null) return `$(pin) ${name}: no longer pinned`;
  return withState(session, 'pin', `${name}: pinned to ${training ? 'train' : 'eval'}`);
}

/** The same after a model's first modes were put back. */
export function restoredWords({ title, kind, state }: Pick<ModelSession, 'title' | 'kind' | 'state'>): string {
  const origin = kind === 'file' ? 'in the file' : 'they were found';
  if (state.kind === 'waiting') return withState({ state }, 'discard', `${title} → as ${origin}`);
  return `$(discard) ${title}: modes are as ${origin}`;
}

/** The same after a preset. */
export function presetWords(
  preset: Preset,
  name: string,
  { kind, state }: Pick<ModelSession, 'kind' | 'state'>,
  layers: number,
): string {
  if (preset === 'monteCarloDropout')
    return withState({ state }, 'check', `${name}: only ${countOf(layers, 'dropout layer')} in train`);
  const held = kind === 'live' ? ' and pinned' : '';
  return withState({ state }, 'check', `${name}: ${countOf(layers, 'BatchNorm layer')} frozen in eval${held}`);
}

/** Why a preset can't be. */
export function noLayerWords(preset: Preset, name: string): string {
  return `${name} has no ${preset === 'freezeBatchNorm' ? 'BatchNorm' : 'dropout'} layer.`;
}

/** The same after a switch was undone. */
export function undoneWords(title: string, session: Pick<ModelSession, 'state'>): string {
  return withState(session, 'discard', `${title}: the last switch is undone`);
}

function withState({ state }: Pick<ModelSession, 'state'>, icon: string, done: string): string {
  return state.kind === 'waiting' ? `$(clock) ${done}: waits for the model’s next forward` : `$(${icon}) ${done}`;
}
