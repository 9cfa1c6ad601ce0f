// Compares what the runtime returned with what torch returned, and says where they part.

import type { ModuleSpec, NormSpec } from '../../src/model/module';
import type { NormStatistics, TensorSummary } from '../../src/model/statistics';
import { Dict, Tensor, Tuple } from '../../src/runtime/program';
import type { Value } from '../../src/runtime/program';
import { typeName } from '../../src/runtime/values';
import { toFloat } from './fixture';
import type {
  Fixture,
  FixtureModule,
  FixtureStatistics,
  FixtureValue,
  NormOptions,
  TensorRef,
  Tolerances,
} from './fixture';

type Tolerance = readonly [rtol: number, atol: number];

/** How numbers are compared: within tolerances, or not at all. */
export type Rule = Tolerances | 'shapes';

/** Differences between a returned value and torch's, as sentences. */
export function compareValues(
  fixture: Fixture,
  actual: Value,
  expected: FixtureValue,
  where: string,
  rule: Rule,
): string[] {
  const differs = (what: string): string[] => [`${where}: got ${what}, expected ${describeExpected(expected)}`];
  if (expected === null || typeof expected === 'boolean' || typeof expected === 'string') {
    return actual === expected ? [] : differs(describe(actual));
  }
  if ('tensor' in expected) {
    if (!(actual instanceof Tensor)) return differs(describe(actual));
    return compareTensor(fixture, actual, expected.tensor, where, rule);
  }
  if ('int' in expected) {
    if (typeof actual !== 'bigint') return differs(describe(actual));
    return rule === 'shapes' || actual === BigInt(expected.int) ? [] : differs(describe(actual));
  }
  if ('float' in expected) {
    if (typeof actual !== 'number') return differs(describe(actual));
    if (rule === 'shapes') return [];
    // A float may be an item of a float32 tensor.
    return isClose(actual, toFloat(expected.float), rule.float32 ?? [0, 0]) ? [] : differs(describe(actual));
  }
  if ('dict' in expected) {
    if (!(actual instanceof Dict)) return differs(describe(actual));
    return compareDict(fixture, actual, expected.dict, where, rule);
  }
  const [items, others] =
    'list' in expected
      ? [Array.isArray(actual) ? actual : undefined, expected.list]
      : [actual instanceof Tuple ? actual.items : undefined, expected.tuple];
  if (items === undefined) return differs(describe(actual));
  if (items.length !== others.length) return differs(`${typeName(actual)} of ${items.length} items`);
  return others.flatMap((item, i) => compareValues(fixture, items[i] as Value, item, `${where}[${i}]`, rule));
}

/** Entries in order, as Python's dicts have one. */
function compareDict(
  fixture: Fixture,
  actual: Dict,
  expected: readonly (readonly [FixtureValue, FixtureValue])[],
  where: string,
  rule: Rule,
): string[] {
  const entries = [...actual.entries];
  if (entries.length !== expected.length) {
    return [`${where}: got a dict of ${entries.length} entries, expected ${expected.length}`];
  }
  return expected.flatMap(([key, item], i) => {
    const [actualKey, actualItem] = entries[i]!;
    return [
      ...compareValues(fixture, actualKey, key, `${where} key ${i}`, rule),
      ...compareValues(fixture, actualItem, item, `${where}[${describeExpected(key)}]`, rule),
    ];
  });
}

function compareTensor(fixture: Fixture, actual: Tensor, expected: TensorRef, where: string, rule: Rule): string[] {
  if (actual.dtype !== expected.dtype || actual.shape.join() !== expected.shape.join()) {
    return [`${where}: got ${describe(actual)}, expected ${describeExpected({ tensor: expected })}`];
  }
  if (rule === 'shapes') return [];
  const reference = fixture.tensor(expected);
  const tolerance = rule[expected.dtype];
  if (tolerance === undefined) return compareExactly(actual, reference, where);
  return compareNumbers(actual.toNumbers(), reference.toNumbers(), expected.shape, tolerance, where);
}

/** ints and bools; int64 is compared in full, not as doubles. */
function compareExactly(actual: Tensor, expected: Tensor, where: string): string[] {
  const [got, wanted] = [actual.contiguousElements(), expected.contiguousElements()];
  for (let i = 0; i < wanted.length; i++) {
    if (got[i] !== wanted[i]) {
      return [`${where}: at [${unravel(i, actual.shape)}] got ${String(got[i])}, expected ${String(wanted[i])}`];
    }
  }
  return [];
}

/** Names the first index that differs and the largest error. */
export function compareNumbers(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  shape: readonly number[],
  tolerance: Tolerance,
  where: string,
): string[] {
  let first = -1;
  let count = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    if (isClose(a, b, tolerance)) continue;
    count++;
    if (first < 0) first = i;
    const error = Math.abs(a - b);
    if (Number.isNaN(error) || error > largest) largest = error;
  }
  if (first < 0) return [];
  const [a, b] = [actual[first]!, expected[first]!];
  return [
    `${where}: ${count} of ${expected.length} elements differ, the first at [${unravel(first, shape)}]: ` +
      `got ${a}, expected ${b}; the largest error is ${largest} (rtol ${tolerance[0]}, atol ${tolerance[1]})`,
  ];
}

function isClose(actual: number, expected: number, [rtol, atol]: Tolerance): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (!Number.isFinite(expected)) return actual === expected;
  return Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}

/** Differences of one layer's running statistics after a forward. */
export function compareStatistics(
  fixture: Fixture,
  actual: NormStatistics | null,
  expected: FixtureStatistics,
  where: string,
): string[] {
  if (actual === null) return [`${where}: got no running statistics`];
  const differences: string[] = [];
  if (expected.numBatchesTracked !== null && actual.numBatchesTracked !== expected.numBatchesTracked) {
    differences.push(
      `${where}.num_batches_tracked: got ${String(actual.numBatchesTracked)}, expected ${expected.numBatchesTracked}`,
    );
  }
  const compare = (summary: TensorSummary | null, reference: { readonly tensor: TensorRef } | null, name: string) => {
    if (reference === null) return;
    const values = summary?.values;
    if (values === undefined) {
      differences.push(`${where}.${name}: got none`);
      return;
    }
    const { dtype, shape } = reference.tensor;
    // The summary says null for what is not finite.
    const numbers = Array.from(fixture.tensor(reference.tensor).toNumbers(), (x) => (Number.isFinite(x) ? x : NaN));
    const got = values.map((x) => x ?? NaN);
    const tolerance = fixture.document.statisticsTolerance[dtype] ?? [0, 0];
    if (got.length !== numbers.length)
      differences.push(`${where}.${name}: got ${got.length} of ${numbers.length} values`);
    else differences.push(...compareNumbers(got, numbers, shape, tolerance, `${where}.${name}`));
  };
  compare(actual.runningMean, expected.runningMean, 'running_mean');
  compare(actual.runningVar, expected.runningVar, 'running_var');
  return differences;
}

/** Differences between the module tree that was read and torch's own. */
export function compareModules(actual: readonly ModuleSpec[], expected: readonly FixtureModule[]): string[] {
  const paths = (modules: readonly { path: string }[]): string => modules.map((module) => `'${module.path}'`).join(' ');
  if (paths(actual) !== paths(expected)) return [`modules: got ${paths(actual)}, expected ${paths(expected)}`];
  return expected.flatMap((module, i) => {
    const spec = actual[i]!;
    const differences: string[] = [];
    const check = (name: string, got: unknown, wanted: unknown): void => {
      if (got === wanted) return;
      differences.push(`module '${module.path}' ${name}: got ${String(got)}, expected ${String(wanted)}`);
    };
    if (module.type !== null) check('type', spec.type, module.type);
    check('training', spec.training, module.training);
    check('sharedWith', spec.sharedWith, module.sharedWith);
    compareNorm('batchNorm', spec.batchNorm, module.batchNorm, check);
    compareNorm('instanceNorm', spec.instanceNorm, module.instanceNorm, check);
    // What a trace doesn't store may be unknown (null), never wrong.
    const { dropout } = module;
    if (dropout === undefined) check('dropout', spec.dropout, undefined);
    else if (dropout.stored || (spec.dropout?.p ?? null) !== null) check('dropout.p', spec.dropout?.p, dropout.p);
    return differences;
  });
}

/** Differences of the layers that the mode changes in an ONNX file, which tells no classes of the other modules. */
export function compareLayers(actual: readonly ModuleSpec[], expected: readonly FixtureModule[]): string[] {
  const specs = new Map(actual.map((spec) => [spec.path, spec]));
  const wanted = new Map(expected.map((module) => [module.path, module]));
  const differences = expected.flatMap((module) => {
    const spec = specs.get(module.path);
    return spec === undefined ? [`module '${module.path}' (${module.type}) is missing`] : compareLayer(spec, module);
  });
  for (const { path, batchNorm } of actual) {
    if (batchNorm !== undefined && wanted.get(path)?.batchNorm === undefined) {
      differences.push(`module '${path}' is no BatchNorm`);
    }
  }
  return differences;
}

function compareLayer(spec: ModuleSpec, { path, batchNorm, dropout }: FixtureModule): string[] {
  const pairs: (readonly [string, unknown, unknown])[] = [['training', spec.training, null]];
  if (batchNorm !== undefined) {
    for (const key of ['numFeatures', 'eps', 'momentum', 'trackRunningStats'] as const) {
      pairs.push([key, spec.batchNorm?.[key], batchNorm[key]]);
    }
  }
  if (dropout !== undefined) pairs.push(['p', spec.dropout?.p, dropout.p]);
  return pairs.flatMap(([key, got, wanted]) =>
    got === wanted ? [] : [`module '${path}' ${key}: got ${String(got)}, expected ${String(wanted)}`],
  );
}

/** Differences between what layers are said to do and what torch has switched them to. */
export function compareBehaviour(
  actual: readonly ModuleSpec[],
  expected: Readonly<Record<string, 'train' | 'eval'>>,
): string[] {
  return actual.flatMap(({ path, behaviour }) => {
    const wanted = Object.hasOwn(expected, path) ? expected[path] : undefined;
    return wanted === undefined || wanted === behaviour
      ? []
      : [`'${path}' behaves as ${behaviour}, expected ${wanted}`];
  });
}

function compareNorm(
  name: string,
  spec: NormSpec | undefined,
  expected: NormOptions | undefined,
  check: (name: string, got: unknown, wanted: unknown) => void,
): void {
  if (expected === undefined) {
    check(name, spec, undefined);
    return;
  }
  if (spec === undefined) {
    // Without buffers, parameters or constants a traced layer can't be told from any other.
    if (expected.stored || expected.trackRunningStats) check(name, 'nothing', 'its options');
    return;
  }
  const pairs = [
    ['numFeatures', spec.numFeatures, expected.numFeatures],
    ['eps', spec.eps, expected.eps],
    ['momentum', spec.momentum, expected.momentum],
    ['affine', spec.affine, expected.affine],
  ] as const;
  for (const [key, got, wanted] of pairs) if (expected.stored || got !== null) check(`${name}.${key}`, got, wanted);
  if (expected.stored) check(`${name}.cumulative`, spec.cumulative, expected.cumulative ?? expected.momentum === null);
  check(`${name}.trackRunningStats`, spec.trackRunningStats, expected.trackRunningStats);
}

function describe(value: Value): string {
  if (value instanceof Tensor) return `${value.dtype} [${value.shape.join(', ')}]`;
  const isPlain = value === null || typeof value !== 'object';
  return isPlain ? `${String(value)} (${typeName(value)})` : typeName(value);
}

function describeExpected(value: FixtureValue): string {
  if (value === null || typeof value !== 'object') return String(value);
  if ('tensor' in value) return `${value.tensor.dtype} [${value.tensor.shape.join(', ')}]`;
  if ('int' in value) return `${value.int} (int)`;
  if ('float' in value) return `${value.float} (float)`;
  if ('list' in value) return `a list of ${value.list.length}`;
  if ('tuple' in value) return `a tuple of ${value.tuple.length}`;
  return `a dict of ${value.dict.length}`;
}

function unravel(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return place.join(', ');
}
