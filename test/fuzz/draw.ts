// Seeded choices: the same seed makes the same mutant everywhere.

/** Numbers at which sizes, offsets and counts go wrong. */
const edges: readonly bigint[] = [
  ...[0n, 1n, 2n, 7n, 8n, 16n, 64n, 127n, 128n, 255n, 256n, 1000n, 65_535n, 65_536n],
  ...[2n ** 24n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n],
  ...[2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -1n, -2n, -128n, -(2n ** 31n), -(2n ** 63n)],
];

/** Names that mean something to JavaScript, to paths or to C strings. */
const names = ['__proto__', 'constructor', 'toString', '', '.', '..', '../x', 'a\0b', '/etc/passwd', 'é'.repeat(300)];

/** Draws one mutant's choices one after the other. */
export class Draw {
  private readonly next: () => number;

  constructor(seed: number) {
    // Neighbouring seeds of mulberry32 are far apart after its first draw.
    this.next = random(seed);
  }

  /** From 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('There is nothing to pick from');
    return item;
  }

  /** Small numbers are commoner: most mutants differ in one or two places. */
  few(limit: number): number {
    return 1 + Math.floor(this.next() ** 3 * limit);
  }

  edge(): bigint {
    return this.pick(edges);
  }

  /** An edge, or a number near `value`. */
  numberNear(value: bigint): bigint {
    return this.oneIn(2) ? this.edge() : value + BigInt(this.below(17) - 8);
  }

  name(): string {
    return this.pick(names);
  }
}

/** mulberry32: small, seeded, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
