// Replays the steps of a fixture on the bundled runtime and collects what differs from torch.

import type { KernelExecutor } from '../../src/runtime/kernels/executor';
import { RunContext } from '../../src/runtime/context';
import { Dict, Tensor, Tuple } from '../../src/runtime/program';
import type { Program, Value } from '../../src/runtime/program';
import { Generator } from '../../src/runtime/random';
import { typeName } from '../../src/runtime/values';
import { toAppError } from '../../src/util/errors';
import { compareBehaviour, compareLayers, compareModules, compareStatistics, compareValues } from './compare';
import type { Rule } from './compare';
import type { DropoutShare, Fixture, ForwardStep } from './fixture';
import { withProgram } from './runtime';

/** Runs the case; an empty list is a pass. Cases that draw random numbers are run again, to see that seeds repeat. */
export async function replay(fixture: Fixture): Promise<readonly string[]> {
  const first = await run(fixture, 1, true);
  if (first.differences.length > 0 || !fixture.document.random) return first.differences;
  const again = await run(fixture, 1, false);
  const other = await run(fixture, 2, false);
  const differences: string[] = [];
  if (again.fingerprint !== first.fingerprint) differences.push('the same seed gave other outputs');
  if (other.fingerprint === first.fingerprint) differences.push('another seed gave the same outputs');
  return differences;
}

interface Run {
  readonly differences: string[];
  /** All outputs as text, to compare runs with each other. */
  readonly fingerprint: string;
}

function run(fixture: Fixture, seed: number, comparing: boolean): Promise<Run> {
  return withProgram(fixture.modelFile, (program, executor) => steps(fixture, program, executor, seed, comparing));
}

async function steps(
  fixture: Fixture,
  program: Program,
  executor: KernelExecutor,
  seed: number,
  comparing: boolean,
): Promise<Run> {
  const { document } = fixture;
  const compareTree = document.form === 'onnx' ? compareLayers : compareModules;
  const differences = comparing ? compareTree(await program.describe(), document.modules) : [];
  const outputs: string[] = [];
  let generator = new Generator(seed);
  let number = 0;
  for (const step of document.steps) {
    if ('seed' in step) generator = new Generator(step.seed + seed);
    else if ('set' in step) {
      for (const { path: module, training, recursive } of step.set) program.setTraining(module, training, recursive);
      if (step.behaviour !== undefined) differences.push(...compareBehaviour(await program.describe(), step.behaviour));
    } else {
      const where = `forward ${++number}`;
      const result = await forward(fixture, program, step.forward, new RunContext(executor, generator));
      outputs.push(result.error ?? fingerprint(result.value));
      if (!comparing) continue;
      differences.push(...checkResult(fixture, step.forward, result, where, ruleOf(step.forward, fixture, executor)));
      for (const [module, expected] of Object.entries(step.forward.statistics)) {
        const actual = await program.normStatistics(module, { values: true });
        differences.push(...compareStatistics(fixture, actual, expected, `${where} '${module}'`));
      }
      const { dropout } = step.forward;
      if (dropout === undefined) continue;
      differences.push(...(await checkDropout(fixture, program, executor, step.forward, dropout)));
    }
  }
  return { differences, fingerprint: outputs.join('\n') };
}

type Result = { readonly value: Value; readonly error?: undefined } | { readonly error: string };

async function forward(fixture: Fixture, program: Program, step: ForwardStep, context: RunContext): Promise<Result> {
  const inputs = step.inputs.map((input) => fixture.value(input));
  try {
    return { value: await program.forward(inputs, context, step.method) };
  } catch (error) {
    return { error: toAppError(error, 'program-error').oneLine };
  }
}

/** float64 has to be exact to its own precision, unless the runtime itself says that a kernel computed it in float32. */
function ruleOf(step: ForwardStep, { document }: Fixture, executor: KernelExecutor): Rule {
  if (step.compare === 'shapes') return 'shapes';
  const { tolerance } = document;
  return executor.narrowed.size === 0 ? tolerance : { ...tolerance, float64: tolerance.float32 ?? [0, 0] };
}

function checkResult(fixture: Fixture, step: ForwardStep, result: Result, where: string, rule: Rule): string[] {
  if (result.error !== undefined) {
    if (step.error !== null && result.error.includes(step.error)) return [];
    return [`${where}: ${result.error}${step.error === null ? '' : ` (torch says: ${step.error})`}`];
  }
  if (step.error !== null) return [`${where}: it ran, but torch refuses: ${step.error}`];
  return compareValues(fixture, result.value, step.outputs, `${where} output`, rule);
}

/** The share of dropped units over many draws lies within five standard deviations of p, and every value is one of two. */
async function checkDropout(
  fixture: Fixture,
  program: Program,
  executor: KernelExecutor,
  step: ForwardStep,
  { values, share, unit, draws }: DropoutShare,
): Promise<string[]> {
  const masks = new Set<string>();
  let dropped = 0;
  let units = 0;
  for (let draw = 0; draw < draws; draw++) {
    const result = await forward(fixture, program, step, new RunContext(executor, new Generator(100 + draw)));
    if (result.error !== undefined || !(result.value instanceof Tensor)) return ['a draw did not return a tensor'];
    const numbers = result.value.toNumbers();
    for (let i = 0; i < numbers.length; i += unit) {
      const value = numbers[i]!;
      for (let k = 0; k < unit; k++) {
        if (numbers[i + k] !== value)
          return [`draw ${draw}: elements ${i} to ${i + unit - 1} were not dropped together`];
      }
      const isDropped = near(value, values[0]) && share > 0;
      if (!isDropped && !near(value, values[1])) return [`draw ${draw}: got ${value}, expected ${values.join(' or ')}`];
      units++;
      if (isDropped) dropped++;
    }
    masks.add(fingerprint(result.value));
  }
  const deviation = 5 * Math.sqrt((share * (1 - share)) / units);
  if (Math.abs(dropped / units - share) > deviation) {
    return [`dropped ${dropped} of ${units}, expected a share of ${share} give or take ${deviation.toFixed(4)}`];
  }
  const varies = share > 0 && share < 1;
  return varies && masks.size < draws ? [`${draws} seeds gave only ${masks.size} different masks`] : [];
}

/** bfloat16 has three decimals. */
function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-2 * Math.max(1, Math.abs(b));
}

function fingerprint(value: Value): string {
  if (value instanceof Tensor)
    return `${value.dtype}[${value.shape.join()}]${Buffer.from(value.toBytes()).toString('base64')}`;
  if (value instanceof Tuple) return `(${value.items.map(fingerprint).join()})`;
  if (value instanceof Dict)
    return `{${[...value.entries].map(([k, v]) => `${fingerprint(k)}:${fingerprint(v)}`).join()}}`;
  if (Array.isArray(value)) return `[${value.map(fingerprint).join()}]`;
  // What is left is compared by its value; an object of the program never is an output of a random case.
  return typeof value === 'object' ? typeName(value) : String(value);
}
