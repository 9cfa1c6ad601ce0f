// Connections of strangers: who does not know the token is refused, whatever they send, and an agent of ours still gets in.

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { listenForAgents } from '../../../src/live/agentServer';
import type { AgentServer } from '../../../src/live/agentServer';
import { shakeHands } from '../../../src/live/handshake';
import { agentProtocol } from '../../../src/protocol/agent';
import type { AgentNotification } from '../../../src/protocol/agent';
import type { Log } from '../../../src/util/log';

const greeting = `mode-inspector ${agentProtocol}`;

function greetingOf(token: string, nonce = randomBytes(16).toString('hex'), role = 'agent'): string {
  return `${greeting} ${nonce} ${createHmac('sha256', token).update(`${role} ${nonce}`).digest('hex')}\n`;
}

describe('a handshake', () => {
  const token = 'a'.repeat(64);
  const used = new Set<string>();
  const open: (Socket | net.Server)[] = [];

  afterEach(() => {
    for (const each of open.splice(0))
      if (each instanceof net.Server) each.close();
      else each.destroy();
  });

  /** Both ends of a connection. */
  async function pair(): Promise<{ readonly host: Socket; readonly peer: Socket }> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const peer = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [host] = await accepted;
    for (const socket of [host, peer]) socket.on('error', () => undefined);
    open.push(server, host, peer);
    return { host, peer };
  }

  it('is answered by a proof that the host knows the token too, and gives back what came behind it', async () => {
    const { host, peer } = await pair();
    const nonce = randomBytes(16).toString('hex');
    peer.write(`${greetingOf(token, nonce)}rest`);
    await shakeHands(host, token, used);
    const [answer] = (await once(peer, 'data')) as [Buffer];
    assert.equal(answer.toString(), greetingOf(token, nonce, 'host').replace(`${nonce} `, ''));
    const behind = once(host, 'data') as Promise<[Buffer]>;
    host.resume();
    const [rest] = await behind;
    assert.equal(rest.toString(), 'rest');
  });

  for (const [name, bytes, reason] of [
    ['another token', greetingOf('b'.repeat(64)), /does not know the token/],
    ['no signature', `${greeting} ${'0'.repeat(32)}\n`, /does not know the token/],
    ['an empty signature', `${greeting} ${'0'.repeat(32)} \n`, /does not know the token/],
    ['a signature that is too long', greetingOf(token).replace('\n', '00\n'), /does not know the token/],
    ['a signature of other letters', `${greeting} ${'0'.repeat(32)} ${'é'.repeat(64)}\n`, /does not know the token/],
    ['the host’s own signature', greetingOf(token, undefined, 'host'), /does not know the token/],
    ['a random word of another kind', greetingOf(token, 'Z'.repeat(32)), /no greeting/],
    ['no random word', greetingOf(token, ''), /no greeting/],
    ['another version', greetingOf(token).replace(greeting, 'mode-inspector 999'), /no greeting/],
    ['a word too many', greetingOf(token).replace('\n', ' x\n'), /no greeting/],
    ['an empty line', '\n', /no greeting/],
    ['a request of the web', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', /no greeting/],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0x0a]), /no greeting/],
    ['a line without end', Buffer.alloc(100_000, 'x'), /no greeting/],
    ['zeros', Buffer.alloc(1000), /no greeting/],
  ] as const) {
    it(`is refused with ${name}`, async () => {
      const { host, peer } = await pair();
      peer.write(bytes);
      await assert.rejects(shakeHands(host, token, used), reason);
      assert.ok(host.destroyed);
    });
  }

  it('is refused when it repeats that of another', async () => {
    const overheard = greetingOf(token);
    const first = await pair();
    first.peer.write(overheard);
    await shakeHands(first.host, token, used);
    const second = await pair();
    second.peer.write(overheard);
    await assert.rejects(shakeHands(second.host, token, used), /repeats/);
  });

  it('is refused when half of it comes, and then nothing or the end', async () => {
    const half = greetingOf(token).slice(0, 40);
    const ended = await pair();
    ended.peer.end(half);
    await assert.rejects(shakeHands(ended.host, token, used), /closed the connection/);
    for (const bytes of [half, '']) {
      const silent = await pair();
      silent.peer.write(bytes);
      await assert.rejects(shakeHands(silent.host, token, used, 50), /in time/);
      assert.ok(silent.host.destroyed);
    }
  });
});

describe('a server of agents', () => {
  let server: AgentServer;
  const warnings: string[] = [];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    warnings.length = 0;
    const warn = (message: string): void => {
      warnings.push(message);
    };
    const log: Log = { debug: () => undefined, info: () => undefined, warn, error: warn };
    server = await listenForAgents(log);
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.dispose();
  });

  /** A peer that knows the token. */
  async function agent(): Promise<Socket> {
    const socket = net.connect(server.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(greetingOf(server.token));
    await once(socket, 'data');
    return socket;
  }

  function message(body: string | Buffer): Buffer {
    const bytes = Buffer.from(body);
    return Buffer.concat([Buffer.from(`Content-Length: ${bytes.length}\r\n\r\n`), bytes]);
  }

  const leaving = message('{"jsonrpc":"2.0","method":"leaving","params":{}}');

  /** What the next agent says, to its end. */
  function nextAgent(): Promise<AgentNotification[]> {
    return new Promise((resolve) => {
      server.onDidConnect((link) => {
        const said: AgentNotification[] = [];
        link.onNotification((notification) => said.push(notification));
        link.onDidClose(() => {
          resolve(said);
        });
      });
    });
  }

  for (const [name, bytes] of [
    ['no JSON', message('{')],
    ['bytes that are no UTF-8', message(Buffer.from([0x22, 0xff, 0xc0, 0x22]))],
    ['JSON of a hundred thousand levels', message('['.repeat(100_000) + ']'.repeat(100_000))],
    ['objects of a hundred thousand levels', message('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000))],
    ['a batch of nothing', message('[]')],
    ['no message', message('null')],
    ['an answer that nobody asked for', message('{"jsonrpc":"2.0","id":77,"result":{}}')],
    ['a prototype', message('{"jsonrpc":"2.0","method":"__proto__","params":{"__proto__":{"polluted":1}}}')],
    ['a method of another type', message('{"jsonrpc":"2.0","method":5,"params":{}}')],
    [
      'a model of another type',
      message('{"jsonrpc":"2.0","method":"modes","params":{"model":"1","changed":[{"path":3}]}}'),
    ],
    ['no header', Buffer.alloc(1000, 'x')],
    ['a length that lies', Buffer.concat([Buffer.from('Content-Length: 3\r\n\r\n'), leaving])],
  ] as const) {
    it(`stays, unharmed, when an agent sends ${name}`, async () => {
      const said = nextAgent();
      const hostile = await agent();
      hostile.write(bytes);
      hostile.end(leaving);
      const heard = await said;
      assert.ok(heard.length <= 1 && heard.every(({ name: method }) => method === 'leaving'));
      assert.equal(({} as { polluted?: number }).polluted, undefined);

      const next = nextAgent();
      (await agent()).end(leaving);
      assert.deepEqual((await next).at(-1), { name: 'leaving', params: {} });
    });
  }

  it('hears nothing of those that it refused', async () => {
    let connected = 0;
    server.onDidConnect(() => connected++);
    const stranger = net.connect(server.port, '127.0.0.1');
    sockets.push(stranger);
    stranger.on('error', () => undefined);
    stranger.resume();
    stranger.write(Buffer.concat([Buffer.from(greetingOf('guessed')), leaving]));
    await once(stranger, 'close');
    assert.equal(connected, 0);
    assert.match(warnings.join(), /does not know the token/);
  });
});
