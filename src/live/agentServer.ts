// Listens on this machine for agents, and turns each connection into a link that speaks typed messages.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createMessageConnection, ResponseError, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import { parseAnswer, parseNotification } from '../protocol/agent';
import type { AgentMethod, AgentNotification, AgentRequests } from '../protocol/agent';
import type { AgentLink } from '../sessions/liveProcess';
import { AppError } from '../util/errors';
import { Emitter } from '../util/event';
import type { Event } from '../util/event';
import type { Disposable } from '../util/disposable';
import type { Log } from '../util/log';
import { shakeHands } from './handshake';
import { messageGuard } from './messageGuard';

/** JSON-RPC's code of the agent's refusals, which are sentences for people. */
const refusal = -32000;
/** An agent that has not answered by then is taken for dead. */
const patienceMilliseconds = 15_000;
/** Beyond it, the sixteen ranks of sixteen jobs are connected, or somebody floods. */
const mostConnections = 256;

/** A message that has arrived is decoded and handled within two turns; so many without one mean that none is left. */
const lastTurns = 16;

export interface AgentServer extends Disposable {
  /** Both go to the agent in its environment, or in the code that starts it. */
  readonly port: number;
  readonly token: string;
  readonly onDidConnect: Event<AgentLink>;
}

/** Listens on a free port of the loopback address, with a token of its own. @throws AppError where that can't be done. */
export async function listenForAgents(log: Log): Promise<AgentServer> {
  const token = randomBytes(32).toString('hex');
  const connected = new Emitter<AgentLink>((error) => {
    log.error('A new connection could not be taken up', error);
  });
  const sockets = new Set<Socket>();
  const usedWords = new Set<string>();
  // A message goes out as two writes; gathered, the second would wait 40 ms for the first's acknowledgement.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    // Listeners that stay: an error without one would end the host.
    socket.on('error', (error) => {
      log.debug(`A connection failed: ${error.message}`);
    });
    socket.on('close', () => sockets.delete(socket));
    shakeHands(socket, token, usedWords).then(
      () => {
        connected.fire(new SocketLink(socket, log));
      },
      (error: unknown) => {
        log.warn(`A connection was refused: ${error instanceof Error ? error.message : String(error)}.`);
      },
    );
  });
  server.maxConnections = mostConnections;
  await listening(server);
  server.on('error', (error) => {
    log.error('The server for live models failed', error);
  });
  return {
    port: (server.address() as AddressInfo).port,
    token,
    onDidConnect: connected.event,
    dispose: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      connected.dispose();
    },
  };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new AppError('usage', `Mode Inspector can’t listen for live models: ${error.message}`));
    });
    server.listen(0, '127.0.0.1', resolve);
  });
}

class SocketLink implements AgentLink {
  private readonly connection: MessageConnection;
  private readonly notified: Emitter<AgentNotification>;
  private readonly closed = new Emitter<undefined>();
  private isClosed = false;
  private quietTurns = 0;

  readonly onNotification: Event<AgentNotification>;
  readonly onDidClose = this.closed.event;

  constructor(
    private readonly socket: Socket,
    private readonly log: Log,
  ) {
    this.notified = new Emitter((error) => {
      log.error('A report of an agent could not be used', error);
    });
    this.onNotification = this.notified.event;
    const guard = messageGuard();
    this.connection = createMessageConnection(
      new StreamMessageReader(guard),
      new StreamMessageWriter(socket),
      undefined,
      {
        messageStrategy: {
          handleMessage: (message, next) => {
            this.quietTurns = 0;
            return next(message);
          },
        },
      },
    );
    this.connection.onNotification((method: string, params: unknown) => {
      this.receive(method, params);
    });
    this.connection.onError(([error]) => {
      this.drop(`its messages can’t be read: ${error.message}`);
    });
    guard.on('error', (error) => {
      this.drop(error.message);
    });
    socket.on('close', () => {
      this.closeWhenQuiet();
    });
    this.connection.listen();
    socket.pipe(guard);
  }

  async request<M extends AgentMethod>(
    method: M,
    params: AgentRequests[M]['params'],
  ): Promise<AgentRequests[M]['result']> {
    if (this.isClosed) throw gone();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      // A forward takes as long as it takes, and may be long in coming.
      if (method === 'runForward' || method === 'compareModes') return;
      timer = setTimeout(() => {
        reject(new AppError('no-answer', 'The process does not answer.', 'It may be stopped, or busy outside Python.'));
      }, patienceMilliseconds);
      timer.unref();
    });
    try {
      const result: unknown = await Promise.race([this.connection.sendRequest(method, params), late]);
      const answer = parseAnswer(method, result);
      if (answer === undefined) throw new AppError('no-answer', `The agent’s answer to ${method} can’t be read.`);
      return answer;
    } catch (error) {
      if (error instanceof AppError) throw error;
      // Anything but a refusal means that the connection broke.
      if (error instanceof ResponseError && error.code === refusal) throw new AppError('refused', error.message);
      throw gone();
    } finally {
      clearTimeout(timer);
    }
  }

  dispose(): void {
    this.socket.destroy();
    this.close();
  }

  private receive(method: string, params: unknown): void {
    const notification = parseNotification(method, params);
    if (notification === undefined) this.log.warn(`An agent sent “${method.slice(0, 40)}”, which can’t be read.`);
    else this.notified.fire(notification);
  }

  private drop(reason: string): void {
    if (this.isClosed) return;
    this.log.warn(`An agent was dropped: ${reason}.`);
    this.dispose();
  }

  /** The last words of a process may have come with its end, and are handled one a turn of the event loop. */
  private closeWhenQuiet(): void {
    if (this.quietTurns++ > lastTurns) this.close();
    else
      setImmediate(() => {
        this.closeWhenQuiet();
      });
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.connection.dispose();
    this.closed.fire(undefined);
  }
}

function gone(): AppError {
  return new AppError('process-ended', 'The process is gone.', 'Start it again.');
}
