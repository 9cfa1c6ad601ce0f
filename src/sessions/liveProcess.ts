// One Python process with an agent in it: its models as sessions, and who switched what, when and where.

import type {
  AgentInputs,
  AgentIntroduction,
  AgentMethod,
  AgentModule,
  AgentNotification,
  AgentRequests,
  AgentSwitch,
} from '../protocol/agent';
import { randomUUID } from 'node:crypto';
import type { Disposable } from '../util/disposable';
import { Emitter } from '../util/event';
import type { Event } from '../util/event';
import { LiveSession } from './liveSession';

/** A connection to an agent, however it came about. */
export interface AgentLink extends Disposable {
  readonly onNotification: Event<AgentNotification>;
  readonly onDidClose: Event<undefined>;
  /** Throws AppErrors: `process-ended`, `no-answer`, `refused`. */
  request<M extends AgentMethod>(method: M, params: AgentRequests[M]['params']): Promise<AgentRequests[M]['result']>;
}

/** A call of `train()` or `eval()` in a process. */
export interface LiveSwitch extends AgentSwitch {
  /** Undefined for a module of no model that is shown. */
  readonly session: LiveSession | undefined;
}

export type ProcessChange =
  | { readonly kind: 'added' | 'removed'; readonly session: LiveSession }
  | { readonly kind: 'switch'; readonly switch: LiveSwitch }
  | { readonly kind: 'problem'; readonly message: string }
  /** The process or the connection ended; `clean` if the agent said goodbye. */
  | { readonly kind: 'ended'; readonly clean: boolean };

/** What is looked at, as in the agent's `look`. */
export type Look = AgentRequests['look']['params'];

/** Waits for the agent's introduction; undefined if it leaves before. */
export function introduceProcess(
  link: AgentLink,
  onListenerError?: (error: unknown) => void,
): Promise<LiveProcess | undefined> {
  return new Promise((resolve) => {
    const settle = (process: LiveProcess | undefined): void => {
      first.dispose();
      closed.dispose();
      resolve(process);
    };
    const first = link.onNotification((notification) => {
      if (notification.name === 'connected') settle(new LiveProcess(link, notification.params, onListenerError));
    });
    const closed = link.onDidClose(() => {
      settle(undefined);
    });
  });
}

export class LiveProcess implements Disposable {
  private readonly changed: Emitter<ProcessChange>;
  private readonly byNumber = new Map<number, LiveSession>();
  private readonly parts = new Map<number, AgentModule[]>();
  private readonly subscriptions: readonly Disposable[];
  private saidGoodbye = false;
  private hasEnded = false;

  readonly onDidChange: Event<ProcessChange>;
  /** Unlike the process id, never used again. */
  readonly key = randomUUID();
  /** Milliseconds since the epoch. What it runs was read before that, but for what it imports later. */
  readonly connectedAt = Date.now();

  constructor(
    private readonly link: AgentLink,
    readonly introduction: AgentIntroduction,
    private readonly onListenerError: ((error: unknown) => void) | undefined,
  ) {
    this.changed = new Emitter(onListenerError);
    this.onDidChange = this.changed.event;
    this.subscriptions = [
      link.onNotification((notification) => {
        this.receive(notification);
      }),
      link.onDidClose(() => {
        this.end();
      }),
    ];
  }

  /** The process id. */
  get id(): number {
    return this.introduction.process;
  }

  /** In the order in which they were found. */
  get sessions(): readonly LiveSession[] {
    return [...this.byNumber.values()];
  }

  get ended(): boolean {
    return this.hasEnded;
  }

  async look(look: Look): Promise<void> {
    await this.link.request('look', look);
  }

  /** Looks for models that no name leads to. */
  async findEverywhere(): Promise<void> {
    await this.link.request('findEverywhere', {});
  }

  /** The agent leaves the process as it is, without a trace. */
  async detach(): Promise<void> {
    await this.link.request('detach', {});
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.link.dispose();
    for (const session of this.byNumber.values()) session.dispose();
    this.changed.dispose();
  }

  private receive(notification: AgentNotification): void {
    switch (notification.name) {
      case 'connected':
        return;
      case 'modules':
        this.receiveModules(notification.params);
        return;
      case 'gone':
        this.remove(notification.params.model);
        return;
      case 'modes':
        this.byNumber.get(notification.params.model)?.receiveModes(notification.params.changed);
        return;
      case 'statistics':
        this.byNumber.get(notification.params.model)?.receiveStatistics(notification.params.changed);
        return;
      case 'requiresGrad':
        this.byNumber.get(notification.params.model)?.receiveRequiresGrad(notification.params.changed);
        return;
      case 'unregistered':
        this.byNumber.get(notification.params.model)?.receiveUnregistered(notification.params.changed);
        return;
      case 'forwards':
        this.byNumber.get(notification.params.model)?.receiveForwards(notification.params.forwards);
        return;
      case 'steps': {
        const { model, own, other } = notification.params;
        this.byNumber.get(model)?.receiveEvent({ kind: 'steps', own, other });
        return;
      }
      case 'switch':
        this.receiveSwitch(notification.params);
        return;
      case 'problem':
        this.changed.fire({ kind: 'problem', message: notification.params.message });
        return;
      case 'leaving':
        this.saidGoodbye = true;
        return;
    }
  }

  private receiveModules({
    model,
    name,
    from,
    last,
    modules,
    inputs,
  }: {
    model: number;
    name: string;
    from: number;
    last: boolean;
    modules: AgentModule[];
    inputs?: AgentInputs;
  }): void {
    const known = from === 0 ? [] : this.parts.get(model);
    // A part without those before it belongs to a tree that has changed since.
    if (known?.length !== from) return;
    known.push(...modules);
    if (!last) {
      this.parts.set(model, known);
      return;
    }
    this.parts.delete(model);
    if (known[0]?.path !== '') return;
    const session = this.byNumber.get(model);
    if (session !== undefined) {
      session.receiveTree(known);
      return;
    }
    const added = new LiveSession({
      process: this,
      model,
      name,
      modules: known,
      inputs,
      link: this.link,
      onListenerError: this.onListenerError,
    });
    this.byNumber.set(model, added);
    this.changed.fire({ kind: 'added', session: added });
  }

  private receiveSwitch(call: AgentSwitch): void {
    const session = call.model === null ? undefined : this.byNumber.get(call.model);
    session?.receiveSwitch(call);
    this.changed.fire({ kind: 'switch', switch: { ...call, session } });
  }

  private remove(model: number): void {
    const session = this.byNumber.get(model);
    this.byNumber.delete(model);
    this.parts.delete(model);
    if (session === undefined) return;
    this.changed.fire({ kind: 'removed', session });
    session.dispose();
  }

  private end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    for (const session of this.byNumber.values()) session.receiveEnd(this.saidGoodbye);
    this.changed.fire({ kind: 'ended', clean: this.saidGoodbye });
  }
}
