// `npm run fuzz -- [--format NAME] [--count N] [--seed N]`: many mutants of each format, or of one.

import { parseArgs } from 'node:util';

import { endOnSignals } from '../../scripts/lib/shell';
import { fuzzFormats } from './formats';
import { describeFailure, Fuzzer } from './fuzzer';

async function main(): Promise<number> {
  endOnSignals();
  const { values } = parseArgs({
    options: {
      format: { type: 'string', multiple: true },
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  if (!(Number.isSafeInteger(count) && count > 0 && Number.isSafeInteger(seed)))
    throw new Error('--count and --seed take whole numbers.');
  const unknown = (values.format ?? []).filter((name) => !fuzzFormats.has(name));
  if (unknown.length > 0)
    throw new Error(`No format ${unknown.join(', ')}. Formats: ${[...fuzzFormats.keys()].join(', ')}.`);
  const fuzzer = new Fuzzer();
  let failed = 0;
  for (const format of values.format ?? fuzzFormats.keys()) {
    const start = performance.now();
    const { mutants, outcomes, failures } = await fuzzer.run({ format, from: seed, count });
    const seconds = (performance.now() - start) / 1000;
    const shares = [...outcomes].sort(([, a], [, b]) => b - a).map(([name, number]) => `${name} ${number}`);
    console.log(`${format}: ${mutants} mutants, ${(mutants / seconds).toFixed(0)} a second; ${shares.join(', ')}`);
    for (const failure of failures) console.error(describeFailure(failure));
    failed += failures.length;
  }
  fuzzer.close();
  return failed === 0 ? 0 : 1;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  },
);
