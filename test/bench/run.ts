// `npm run bench [-- part…]`: measures the parts, all or those named. A run of all of them rewrites results.md.

import fs from 'node:fs';
import path from 'node:path';
import { endOnSignals, SetupError } from '../../scripts/lib/shell';
import { activation } from './activation';
import { checkpoint, forward, opening, switching } from './fileParts';
import { host } from './host';
import { live } from './live';
import type { Comparison } from './measure';
import { panel } from './panel';
import { describeMachine, formatComparison, load } from './report';
import { setUp, versions } from './setup';
import type { Setup } from './setup';

const parts: Readonly<Record<string, (setup: Setup) => Promise<Comparison[]>>> = {
  open: opening,
  checkpoint,
  switch: switching,
  forward,
  activation,
  host,
  live: () => live(),
  panel: () => panel(),
};

/** Parts that need none of the models: alone they make none, and tell each comparison at once. */
const withoutModels: Readonly<Record<string, typeof live>> = { live, panel };

async function main(names: readonly string[]): Promise<void> {
  endOnSignals();
  const unknown = names.filter((name) => !(name in parts));
  if (unknown.length > 0) {
    throw new SetupError(`No part ${unknown.join(', ')}. Parts: ${Object.keys(parts).join(', ')}.`);
  }
  const [name = '', ...others] = names;
  const alone = others.length === 0 ? withoutModels[name] : undefined;
  if (alone !== undefined) {
    await alone((comparison) => {
      console.log(formatComparison(comparison));
    });
    console.log(`Load average now: ${load()}.`);
    return;
  }
  const setup = await setUp();
  const loads = [load()];
  const texts: string[] = [];
  for (const [name, measure] of Object.entries(parts)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const text = (await measure(setup)).map(formatComparison).join('\n');
    console.log(`\n${text}`);
    texts.push(text);
    loads.push(load());
  }
  if (names.length > 0) return;
  const machine = describeMachine(await versions(setup));
  const file = path.join(__dirname, 'results.md');
  fs.writeFileSync(
    file,
    [heading, `${machine}\n- load average during the run: ${loads.join(', ')}\n`, ...texts].join('\n'),
  );
  console.log(`Written to ${path.relative(process.cwd(), file)}.`);
}

const heading = `# Benchmark

Written by \`npm run bench\`. Contenders take turns within one run; the ratios are those of the medians, and below 1 ours is faster.
They are measurements, not tests: nothing fails by its time. The machine:
`;

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error);
    process.exit(1);
  },
);
