// Messages between the host and the page that a model file opens as.

/** What the page may ask for. */
export const pageActions = ['showModules', 'setTrain', 'setEval', 'runForward', 'open', 'reload', 'showLog'] as const;

export type PageAction = (typeof pageActions)[number];

/** One kind of mode-sensitive layer. */
export interface PageLayerKind {
  readonly type: string;
  readonly layers: number;
  readonly runTrain: number;
  readonly runEval: number;
}

export interface PageButton {
  readonly action: PageAction;
  readonly label: string;
  readonly primary: boolean;
}

/** Everything that the page shows, as words. */
export interface PageState {
  readonly title: string;
  /** Format and class, or what is being done. */
  readonly subtitle: string;
  /** The model's mode in words; absent where no model is open. */
  readonly mode?: string;
  readonly modeSign?: 'train' | 'eval' | 'mixed' | 'warning' | 'other';
  /** Why the mode is what it is, or is not known, in one sentence. */
  readonly modeReason?: string;
  /** An error or a notice, in one sentence. */
  readonly message?: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly layerKinds: readonly PageLayerKind[];
  readonly buttons: readonly PageButton[];
  readonly problems: readonly string[];
}

export interface ToModelPage {
  readonly kind: 'state';
  readonly state: PageState;
}

export type FromModelPage = { readonly kind: 'ready' } | { readonly kind: 'action'; readonly action: PageAction };

/** Checks a message from the page; undefined if it is none of ours. */
export function parseFromModelPage(message: unknown): FromModelPage | undefined {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return undefined;
  if (message.kind === 'ready') return { kind: 'ready' };
  if (message.kind !== 'action' || !('action' in message)) return undefined;
  const action = pageActions.find((known) => known === message.action);
  return action === undefined ? undefined : { kind: 'action', action };
}
