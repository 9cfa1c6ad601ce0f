// What is said after a switch: that it is done, or that it waits for the model's next forward.

import type { ModelSession } from '../sessions/modelSession';

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

function withState({ state }: Pick<ModelSession, 'state'>, icon: string, done: string): string {
  return state.kind === 'waiting' ? `$(clock) ${done}: waits for the model’s next forward` : `$(${icon}) ${done}`;
}
