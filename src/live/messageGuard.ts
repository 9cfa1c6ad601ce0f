// Lets through messages of a bearable size only, before a reader gathers them in memory.

import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** No agent's message comes near it: large trees are sent in parts. */
export const largestMessage = 32 * 1024 * 1024;
const longestHeader = 256;

/** Passes frames (`Content-Length: n`, empty line, n bytes) on unchanged. Fails at the first that is none or is too long. */
export function messageGuard(): Transform {
  let header = Buffer.alloc(0);
  let remaining = 0;
  const check = (chunk: Buffer): void => {
    let rest = chunk;
    while (rest.length > 0) {
      if (remaining > 0) {
        const passed = Math.min(remaining, rest.length);
        remaining -= passed;
        rest = rest.subarray(passed);
        continue;
      }
      header = Buffer.concat([header, rest]);
      const end = header.indexOf('\r\n\r\n');
      if (end > longestHeader || (end < 0 && header.length > longestHeader)) throw new Error('a message has no header');
      if (end < 0) return;
      const length = /^Content-Length: ?(\d{1,10})$/i.exec(header.toString('latin1', 0, end))?.[1];
      if (length === undefined) throw new Error('a message has no length');
      remaining = Number(length);
      if (remaining > largestMessage) throw new Error(`a message of ${length} bytes is too long`);
      rest = header.subarray(end + 4);
      header = Buffer.alloc(0);
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      try {
        check(chunk);
        done(null, chunk);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}
