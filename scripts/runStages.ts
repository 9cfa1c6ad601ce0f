// Runs the stages of `npm test`, all or those named, and ends with one line that counts passed and failed tests.

import { stages } from './lib/stages';
import type { Stage } from './lib/stages';
import type { Counts } from './lib/report';
import { SetupError, endOnSignals } from './lib/shell';

interface Outcome extends Counts {
  readonly name: string;
  readonly seconds: number;
  readonly note: string;
}

async function main(names: readonly string[]): Promise<number> {
  endOnSignals();
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    console.error(`No stage ${unknown.join(', ')}. Stages: ${stages.map(({ name }) => name).join(', ')}.`);
    return 2;
  }
  const chosen = names.length === 0 ? stages : withBuild(names);
  const outcomes: Outcome[] = [];
  for (const stage of chosen) {
    const broken = outcomes.find(({ name, failed }) => failed > 0 && stage.after?.includes(name));
    outcomes.push(broken === undefined ? await runStage(stage) : notRun(stage, broken.name));
  }
  return summarise(outcomes);
}

/** The named stages in their usual order, and the build where one of them needs it. */
function withBuild(names: readonly string[]): readonly Stage[] {
  const needed = stages.filter(({ name }) => names.includes(name)).flatMap(({ after }) => after ?? []);
  return stages.filter(({ name }) => names.includes(name) || needed.includes(name));
}

async function runStage(stage: Stage): Promise<Outcome> {
  console.log(`\n━━ ${stage.name}: ${stage.about}`);
  const start = performance.now();
  const outcome = await stage.run().then(
    (counts) => ({ ...counts, note: '' }),
    (error: unknown) => {
      console.error(error instanceof SetupError ? error.message : error);
      return { passed: 0, failed: 1, note: 'did not run to its end' };
    },
  );
  const seconds = (performance.now() - start) / 1000;
  console.log(`━━ ${stage.name}: ${outcome.failed === 0 ? 'passed' : 'FAILED'} after ${seconds.toFixed(1)} s`);
  return { ...outcome, name: stage.name, seconds };
}

function notRun(stage: Stage, broken: string): Outcome {
  console.log(`\n━━ ${stage.name}: not run, since ${broken} failed; counts as a failure`);
  return { name: stage.name, passed: 0, failed: 1, seconds: 0, note: `not run: ${broken} failed` };
}

function summarise(outcomes: readonly Outcome[]): number {
  console.log('');
  for (const { name, passed, failed, seconds, note } of outcomes) {
    const tests = passed + failed === 0 ? '' : `${passed} passed, ${failed} failed`;
    console.log(
      `${failed === 0 ? '✔' : '✘'} ${name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s  ${tests} ${note}`.trimEnd(),
    );
  }
  const total = (key: 'passed' | 'failed'): number => outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
  console.log(`\n${total('passed')} passed, ${total('failed')} failed`);
  return total('failed') === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
