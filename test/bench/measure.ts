// Measures contenders in turns (A B A B …), so that whatever else the machine does falls on all of them alike.

export interface Contender {
  readonly name: string;
  /** One repetition; resolves to its milliseconds. */
  readonly run: () => Promise<number>;
}

/** Milliseconds over all repetitions. */
export interface Timing {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly repetitions: number;
}

/** One line of the results: ours against something public. */
export interface Comparison {
  readonly title: string;
  readonly ours: Timing;
  readonly others: readonly { readonly timing: Timing; readonly aim?: string }[];
  readonly notes?: readonly string[];
}

/** Timings in the order of the contenders. The first `warmUps` rounds are not counted. */
export async function takeTurns(
  contenders: readonly Contender[],
  { repetitions, warmUps }: { readonly repetitions: number; readonly warmUps: number },
): Promise<Timing[]> {
  const samples = contenders.map((): number[] => []);
  for (let round = -warmUps; round < repetitions; round++) {
    for (const [i, contender] of contenders.entries()) {
      const milliseconds = await contender.run();
      if (round >= 0) samples[i]?.push(milliseconds);
    }
  }
  return contenders.map(({ name }, i) => timing(name, samples[i] ?? []));
}

export function timing(name: string, samples: readonly number[]): Timing {
  if (samples.length === 0) throw new Error(`${name} was never measured`);
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { name, median, min: sorted[0]!, max: sorted.at(-1)!, repetitions: sorted.length };
}

/** Ours over theirs by the medians; below 1 is faster than theirs. */
export function ratio(ours: Timing, theirs: Timing): number {
  return ours.median / theirs.median;
}
