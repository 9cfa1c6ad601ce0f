// The guard before the reader of messages: whole frames pass unchanged, hostile bytes end the connection.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { largestMessage, messageGuard } from '../../../src/live/messageGuard';

interface Outcome {
  readonly passed: Buffer;
  readonly error: string | undefined;
}

/** Writes the chunks one after another, until the guard fails. */
function through(chunks: readonly Buffer[]): Promise<Outcome> {
  const guard = messageGuard();
  const passed: Buffer[] = [];
  guard.on('data', (chunk: Buffer) => passed.push(chunk));
  return new Promise((resolve) => {
    const end = (error?: Error): void => {
      resolve({ passed: Buffer.concat(passed), error: error?.message });
    };
    guard.on('error', end);
    guard.on('end', () => {
      end();
    });
    for (const chunk of chunks) guard.write(chunk);
    guard.end();
  });
}

function frame(body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`Content-Length: ${bytes.length}\r\n\r\n`), bytes]);
}

describe('the guard before messages', () => {
  it('passes frames on unchanged, however they are cut', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(bodies, cuts, async (contents, lengths) => {
        const whole = Buffer.concat(contents.map((body) => frame(Buffer.from(body))));
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < whole.length; at += lengths[i++ % lengths.length]!)
          chunks.push(whole.subarray(at, at + lengths[i % lengths.length]!));
        const { passed, error } = await through(chunks);
        assert.equal(error, undefined);
        assert.deepEqual(passed, whole);
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it('leaves what is in a message to its reader: bytes that are no text, headers in bodies', async () => {
    for (const body of [Buffer.from([0xff, 0xfe, 0x80, 0]), 'Content-Length: -1\r\n\r\n', '\r\n\r\n', '']) {
      const { passed, error } = await through([frame(body), frame('{}')]);
      assert.equal(error, undefined);
      assert.deepEqual(passed, Buffer.concat([frame(body), frame('{}')]));
    }
  });

  for (const [name, bytes, message] of [
    ['a negative length', 'Content-Length: -1\r\n\r\n{}', /no length/],
    ['a length beyond the limit', `Content-Length: ${largestMessage + 1}\r\n\r\n`, /too long/],
    ['a length of many digits', `Content-Length: ${'9'.repeat(40)}\r\n\r\n`, /no length/],
    ['a length that is no whole number', 'Content-Length: 1e3\r\n\r\n', /no length/],
    ['a length in hexadecimal', 'Content-Length: 0x10\r\n\r\n', /no length/],
    ['no length', 'Content-Type: text\r\n\r\n{}', /no length/],
    ['an empty header', '\r\n\r\n{}', /no length/],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 200\r\n\r\n{}', /no length/],
    ['another header besides', 'Content-Length: 2\r\nX: y\r\n\r\n{}', /no length/],
    ['digits of another script', 'Content-Length: ٢\r\n\r\n{}', /no length/],
    ['a header that is too long', `Content-Length: 2${' '.repeat(300)}\r\n\r\n{}`, /no header/],
    ['bytes without end and without a header', Buffer.alloc(300, 0xff), /no header/],
    ['lines that end in another way', `Content-Length: 2\n\n{}${'{}'.repeat(150)}`, /no header/],
  ] as const) {
    it(`fails at ${name}`, async () => {
      const good = frame('{"jsonrpc":"2.0"}');
      const { passed, error } = await through([good, Buffer.from(bytes)]);
      assert.match(error ?? 'it passed', message);
      assert.deepEqual(passed, good);
    });
  }

  it('fails at a header without end before it gathers more than a few hundred bytes, byte by byte', async () => {
    const chunks = Array.from({ length: 10_000 }, () => Buffer.from('x'));
    const { passed, error } = await through(chunks);
    assert.match(error ?? 'it passed', /no header/);
    assert.ok(passed.length <= 257, `${passed.length} bytes passed`);
  });

  it('lets the largest message begin', async () => {
    const { error } = await through([Buffer.from(`Content-Length: ${largestMessage}\r\n\r\n{`)]);
    assert.equal(error, undefined);
  });
});
