// An agent's side of a connection as data: for tests of what stands above the link.

import type {
  AgentIntroduction,
  AgentMethod,
  AgentModule,
  AgentNotification,
  AgentRequests,
  AgentTrace,
} from '../../../src/protocol/agent';
import { LiveProcess } from '../../../src/sessions/liveProcess';
import type { AgentLink } from '../../../src/sessions/liveProcess';
import { AppError } from '../../../src/util/errors';
import { Emitter } from '../../../src/util/event';

export function agentModule(path: string, type: string, rest: Partial<AgentModule> = {}): AgentModule {
  return {
    path,
    type,
    qualifiedType: `torch.nn.${type}`,
    training: true,
    kind: 'other',
    parameters: [],
    buffers: [],
    ...rest,
  };
}

export const agentNorm: AgentModule['norm'] = {
  numFeatures: 4,
  eps: 1e-5,
  momentum: 0.1,
  cumulative: false,
  affine: true,
  tracks: true,
  hasStatistics: true,
};

/** `F.dropout(x)` in the code of the root, which is in eval. */
export const tracedDropout: AgentTrace['calls'][number] = {
  ...{ function: 'dropout', p: 0.5, training: true, random: true, statistics: null, moves: false },
  ...{ path: '', flag: false, file: '/home/ada/model.py', line: 31, in: 'forward' },
};

/** Net(bn, drop), in train. */
export const liveNet: readonly AgentModule[] = [
  agentModule('', 'Net'),
  agentModule('bn', 'BatchNorm1d', { kind: 'batchNorm', norm: agentNorm }),
  agentModule('drop', 'Dropout', { kind: 'dropout', p: 0.5 }),
];

/** Answers what it is told to answer, and says what the test says. */
export class FakeLink implements AgentLink {
  readonly requests: { readonly method: AgentMethod; readonly params: unknown }[] = [];
  private readonly notified = new Emitter<AgentNotification>();
  private readonly closed = new Emitter<undefined>();
  /** The answer to a switch. */
  pending = false;
  trace: AgentTrace = { path: '', calls: [], opaque: [], failure: null, singleValue: null };
  refusal: string | undefined;

  readonly onNotification = this.notified.event;
  readonly onDidClose = this.closed.event;

  request<M extends AgentMethod>(method: M, params: AgentRequests[M]['params']): Promise<AgentRequests[M]['result']> {
    this.requests.push({ method, params });
    if (this.refusal !== undefined) return Promise.reject(new AppError('refused', this.refusal));
    const answers: { [K in AgentMethod]: AgentRequests[K]['result'] } = {
      look: {},
      setTraining: { pending: this.pending },
      setFlags: { pending: this.pending },
      pin: { pending: this.pending },
      statistics: { runningMean: null, runningVar: null, numBatchesTracked: 3 },
      findEverywhere: { models: 1 },
      compareModes: { layers: [], inputs: [], unlike: [], milliseconds: 0 },
      stopComparing: {},
      traceForward: this.trace,
      detach: {},
      runForward: { outputs: [], digest: '', moved: [], milliseconds: 1 },
    };
    return Promise.resolve(answers[method]);
  }

  say(notification: AgentNotification): void {
    this.notified.fire(notification);
  }

  close(): void {
    this.closed.fire(undefined);
  }

  dispose(): void {
    this.close();
  }
}

const introduction: AgentIntroduction = {
  process: 7,
  parent: 1,
  rank: null,
  worldSize: null,
  job: null,
  launch: null,
  python: '3.11.7',
  torch: '2.13.0',
  argv: ['/home/ada/train.py', '--epochs', '3'],
  executable: '/usr/bin/python3',
  folder: '/work',
};

export function introductionOf(rest: Partial<AgentIntroduction> = {}): AgentIntroduction {
  return { ...introduction, ...rest };
}

export function liveProcess(link: FakeLink, rest: Partial<AgentIntroduction> = {}): LiveProcess {
  return new LiveProcess(link, introductionOf(rest), undefined);
}

/** Tells a whole tree at one go. */
export function tellModel(link: FakeLink, model: number, name: string, modules: readonly AgentModule[]): void {
  link.say({ name: 'modules', params: { model, name, from: 0, last: true, modules: [...modules] } });
}
