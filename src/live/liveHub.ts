// Takes up agents as they connect, shows their models, and asks them for no more than somebody looks at.

import type { SessionStore } from '../sessions/sessionStore';
import { introduceProcess } from '../sessions/liveProcess';
import type { AgentLink, LiveProcess, Look } from '../sessions/liveProcess';
import { DisposableStore } from '../util/disposable';
import type { Disposable } from '../util/disposable';
import { toAppError } from '../util/errors';
import type { Log } from '../util/log';
import type { AgentServer } from './agentServer';
import { agentCode, agentEnvironment } from './environment';
import type { AgentCodeOptions, AgentEnvironment } from './environment';

/** In sight: the tree follows four times a second, and the statistics panel with distributions. Out of sight: flags alone, now and then, for the status bar. */
export const looks: Readonly<Record<'panel' | 'visible' | 'hidden', Look>> = {
  panel: { watching: true, interval: 0.25, statistics: 'all', quartiles: true },
  visible: { watching: true, interval: 0.25, statistics: 'all' },
  hidden: { watching: true, interval: 2, statistics: {} },
};

export class LiveHub implements Disposable {
  private readonly owned = new DisposableStore();
  private server: Promise<AgentServer> | undefined;
  private sight: keyof typeof looks = 'hidden';

  /** @param pythonFolder the extension's folder `python`. */
  constructor(
    private readonly store: SessionStore,
    readonly pythonFolder: string,
    private readonly log: Log,
  ) {}

  /** What a process needs in its environment to start the agent. The server starts with the first call. */
  async environment(inherited: NodeJS.ProcessEnv, launch?: string): Promise<AgentEnvironment> {
    return agentEnvironment(await this.listening(), this.pythonFolder, inherited, launch);
  }

  /** Python code that starts the agent in a process that runs already; it leaves no name behind. */
  async code(options?: AgentCodeOptions): Promise<string> {
    return agentCode(await this.listening(), this.pythonFolder, options);
  }

  /** What is in sight; the panel shows more than the tree. */
  setSight(sight: keyof typeof looks): void {
    if (this.sight === sight) return;
    this.sight = sight;
    for (const process of this.store.processes) this.look(process);
  }

  /** Has processes report at the same moment, so that their statistics can be compared. */
  align(processes: readonly LiveProcess[]): void {
    for (const process of processes) this.look(process);
  }

  dispose(): void {
    this.owned.dispose();
  }

  private listening(): Promise<AgentServer> {
    this.server ??= this.listen().catch((error: unknown) => {
      // The next one may have more luck.
      this.server = undefined;
      throw error;
    });
    return this.server;
  }

  private async listen(): Promise<AgentServer> {
    // Loaded here, and not with the extension: with what it needs it is a fifth of the code.
    const { listenForAgents } = await import('./agentServer');
    const server = await listenForAgents(this.log);
    this.owned.add(server);
    this.owned.add(
      server.onDidConnect((link) => {
        void this.take(link);
      }),
    );
    return server;
  }

  private async take(link: AgentLink): Promise<void> {
    const process = await introduceProcess(link, (error) => {
      this.log.error('A view failed to follow a live model', error);
    });
    if (process === undefined) return;
    const { id, introduction } = process;
    this.log.info(`Process ${id} (${introduction.argv.join(' ')}) has an agent.`);
    process.onDidChange((change) => {
      if (change.kind === 'problem') this.log.warn(`Process ${id}: ${change.message}`);
      if (change.kind === 'ended')
        this.log.info(`Process ${id} has ${change.clean ? 'ended' : 'gone without a word'}.`);
    });
    this.store.addProcess(process);
    this.look(process);
  }

  private look(process: LiveProcess): void {
    if (process.ended) return;
    process.look(looks[this.sight]).catch((error: unknown) => {
      this.log.warn(`Process ${process.id}: ${toAppError(error, 'no-answer').oneLine}`);
    });
  }
}
