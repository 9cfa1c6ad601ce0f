// Starts the agent in the kernel of a notebook, and again after each restart, for as long as the notebook is inspected.

import type { LiveProcess } from '../sessions/liveProcess';
import type { Launch, SessionStore } from '../sessions/sessionStore';
import { whenStored } from '../sessions/whenStored';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import { AppError } from '../util/errors';
import type { Log } from '../util/log';
import type { LiveHub } from './liveHub';

/** One output of executed code. */
export interface KernelOutput {
  readonly items: readonly { readonly mime: string; readonly data: Uint8Array }[];
}

/** What is used of a running kernel. */
export interface NotebookKernel {
  readonly language: string;
  /** `idle`, `busy`, `restarting`, `autorestarting`, `terminating`, `dead`, … */
  readonly status: string;
  readonly onDidChangeStatus: (listener: (status: string) => void) => Disposable;
  /** Waits for the cells before it. Throws where access was denied. */
  readonly execute: (code: string) => AsyncIterable<KernelOutput>;
}

/** An agent connects within milliseconds; a kernel that can't reach this machine never does. */
const patienceMilliseconds = 5000;
const endings: readonly string[] = ['restarting', 'autorestarting', 'terminating', 'dead'];
const errorMime = 'application/vnd.code.notebook.error';
const outputMime = 'application/vnd.code.notebook.stdout';

/** Whether the agent has something to connect for. It leaves no name behind and adds nothing to the history. */
const question = `exec("import sys\\nprint('torch:', 'torch' in sys.modules)", {})`;

export class NotebookInspector implements Disposable {
  private readonly owned = new DisposableStore();

  /** @param onFailure hears why the agent could not be started again after a restart. */
  constructor(
    private readonly kernel: NotebookKernel,
    /** Its title is the notebook's name. */
    private readonly launch: Launch,
    private readonly hub: Pick<LiveHub, 'code'>,
    private readonly store: SessionStore,
    private readonly log: Log,
    private readonly onFailure: (error: unknown) => void,
  ) {
    let restarts = false;
    this.owned.add(
      kernel.onDidChangeStatus((status) => {
        if (endings.includes(status)) {
          restarts ||= this.isInspected;
          store.endLaunch(launch.id);
        } else if (status === 'idle' && restarts && this.running() === undefined) {
          // The old process may be idle once more on its way out.
          restarts = false;
          this.start().catch(this.onFailure);
        }
      }),
    );
  }

  /**
   * Starts the agent, unless it is there. Resolves once it has connected, or will do so when the notebook imports torch.
   * @throws AppError where the kernel may not be used, or can't reach this machine.
   */
  async start(): Promise<void> {
    if (this.running() !== undefined) return;
    this.removeEnded();
    const code = `${await this.hub.code({ launch: this.launch })}\n${question}`;
    // Listens before the code runs, so that no connection is missed.
    const connected = whenStored(this.store, () => this.running());
    try {
      const text = await this.run(code);
      if (!text.includes('torch: True')) {
        this.log.info(`${this.launch.title}: the kernel has not imported torch yet.`);
        if (this.running() === undefined) this.store.addLaunch(this.launch);
        return;
      }
      if ((await connected.within(patienceMilliseconds)) === undefined) throw this.elsewhere();
    } finally {
      connected.dispose();
    }
  }

  dispose(): void {
    this.store.endLaunch(this.launch.id);
    this.owned.dispose();
  }

  /** The kernel's process, while an agent is in it. */
  private running(): LiveProcess | undefined {
    return this.store.processes.find((process) => process.introduction.launch === this.launch.id && !process.ended);
  }

  /** A person who detached, or closed what the kernel left behind, does not want it back after a restart. */
  private get isInspected(): boolean {
    const { id } = this.launch;
    return (
      this.store.launches.some((launch) => launch.id === id) ||
      this.store.processes.some((process) => process.introduction.launch === id)
    );
  }

  private removeEnded(): void {
    for (const process of this.store.processes) {
      if (process.ended && process.introduction.launch === this.launch.id) this.store.removeProcess(process);
    }
  }

  /** What the code printed. */
  private async run(code: string): Promise<string> {
    let text = '';
    let failure: string | undefined;
    try {
      for await (const { items } of this.kernel.execute(code)) {
        for (const { mime, data } of items) {
          if (mime === outputMime) text += Buffer.from(data).toString();
          if (mime === errorMime) failure = Buffer.from(data).toString();
        }
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AppError(
        'refused',
        `Mode Inspector may not use the kernel of ${this.launch.title} (${reason.replace(/[.\s]+$/, '')}).`,
        'The command “jupyter.manageAccessToKernels” grants access.',
        { cause: error },
      );
    }
    if (failure === undefined) return text;
    // The agent's files are on this machine only.
    if (failure.includes('ModuleNotFoundError') && failure.includes('mode_inspector')) throw this.elsewhere();
    throw new AppError('refused', `The agent could not be started in ${this.launch.title}: ${summaryOf(failure)}`);
  }

  private elsewhere(): AppError {
    return new AppError(
      'no-answer',
      `The kernel of ${this.launch.title} runs on another machine and can’t reach this one.`,
      'Remote kernels are not supported yet.',
    );
  }
}

/** Jupyter's error output is JSON with a name and a message. */
function summaryOf(failure: string): string {
  try {
    const { name, message } = JSON.parse(failure) as { readonly name?: unknown; readonly message?: unknown };
    return [name, message].filter((part) => typeof part === 'string').join(': ');
  } catch {
    return failure.slice(0, 200);
  }
}
