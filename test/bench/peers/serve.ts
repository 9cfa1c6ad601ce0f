// The other end of peer.ts, for peers written in TypeScript.

import readline from 'node:readline';

/** Says that it is ready, then runs `repeat` once for each line of the input, and ends with it. */
export async function serve(ready: object, repeat: () => Promise<void> | void): Promise<void> {
  console.log(JSON.stringify(ready));
  for await (const _line of readline.createInterface(process.stdin)) {
    const start = performance.now();
    await repeat();
    console.log(JSON.stringify({ milliseconds: performance.now() - start }));
  }
}

/** The input of every forward: a wave, which Python computes likewise. */
export function wave(elements: number): Float32Array {
  return Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 0.01));
}
