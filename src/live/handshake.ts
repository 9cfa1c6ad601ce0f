// The first line of a connection: both sides prove that they know the token, which itself is never sent.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { agentProtocol } from '../protocol/agent';

const greeting = `mode-inspector ${agentProtocol}`;
const longestLine = 256;
const patienceMilliseconds = 10_000;

/**
 * Waits for the agent's line and answers it. The socket is paused afterwards; what came behind the line is put back.
 * @param used the random words of the handshakes so far, to which this one's is added: whoever repeats what it overheard is refused
 * @throws Error, after destroying the socket, where the peer is no agent of ours.
 */
export async function shakeHands(
  socket: Socket,
  token: string,
  used: Set<string>,
  patience = patienceMilliseconds,
): Promise<void> {
  try {
    const line = await firstLine(socket, patience);
    const [name, version, nonce, signature, ...rest] = line.split(' ');
    const isGreeting = `${name ?? ''} ${version ?? ''}` === greeting && rest.length === 0;
    if (!isGreeting || nonce === undefined || !/^[0-9a-f]{32}$/.test(nonce))
      throw new Error('it sent no greeting of ours');
    if (!isSame(signature ?? '', sign(token, 'agent', nonce))) throw new Error('it does not know the token');
    if (used.has(nonce)) throw new Error('it repeats the greeting of another');
    used.add(nonce);
    socket.write(`${greeting} ${sign(token, 'host', nonce)}\n`);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function firstLine(socket: Socket, patience: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose).off('error', onClose);
    };
    const fail = (reason: string): void => {
      stop();
      reject(new Error(reason));
    };
    const onClose = (): void => {
      fail('it closed the connection');
    };
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\n');
      if (end < 0) {
        if (received.length > longestLine) fail('it sent no greeting of ours');
        return;
      }
      stop();
      socket.pause();
      if (end + 1 < received.length) socket.unshift(received.subarray(end + 1));
      resolve(received.toString('latin1', 0, end));
    };
    const timer = setTimeout(() => {
      fail('it sent no greeting in time');
    }, patience);
    timer.unref();
    socket.on('data', onData).on('close', onClose).on('error', onClose);
  });
}

function sign(token: string, role: 'agent' | 'host', nonce: string): string {
  return createHmac('sha256', token).update(`${role} ${nonce}`).digest('hex');
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
