// Random tensors, drawn from the forward's own generator in the order of the elements. Not torch's stream: numbers differ.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { convertElements } from '../elements';
import type { Generator } from '../random';
import { elementCount, Tensor, type Shape } from '../tensor';
import type { Arguments } from './arguments';
import { checkSize, creationOptions, likeOptions } from './creation';
import type { OperatorBody, OperatorTable } from './registry';
import { broadcastShapes, expandTo } from './support';

export type Draw = (generator: Generator, index: number) => number;

export function draw(dtype: DType, shape: Shape, context: RunContext, one: Draw): Tensor {
  checkSize(shape);
  const values = new Float64Array(elementCount(shape));
  for (let i = 0; i < values.length; i++) values[i] = one(context.generator, i);
  return Tensor.of(dtype, shape, convertElements(values, 'float64', dtype));
}

const uniform: Draw = (generator) => generator.uniform();
const normal: Draw = (generator) => generator.normal();

export function integers(low: number, high: number): Draw {
  if (low >= high)
    throw new AppError('bad-input', `random_ expects 'from' to be less than 'to', but got from=${low} >= to=${high}`);
  return (generator) => generator.integer(low, high);
}

/** A permutation of 0 … n - 1, by Fisher and Yates. */
function permutation(count: number, dtype: DType, generator: Generator): Tensor {
  checkSize([count]);
  const values = Float64Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = generator.integer(0, i + 1);
    [values[i], values[j]] = [values[j] as number, values[i] as number];
  }
  return Tensor.of(dtype, [count], convertElements(values, 'float64', dtype));
}

/** Indices drawn by the weights of each row. */
function multinomial(self: Tensor, samples: number, replacement: boolean, generator: Generator): Tensor {
  const categories = self.shape.at(-1) ?? 0;
  if (samples <= 0) throw new AppError('bad-input', 'cannot sample n_sample <= 0 samples');
  if (!replacement && samples > categories) {
    throw new AppError('bad-input', 'cannot sample n_sample > prob_dist.size(-1) samples without replacement');
  }
  const weights = self.toNumbers();
  const rows = self.elementCount / categories;
  const result = new BigInt64Array(rows * samples);
  for (let row = 0; row < rows; row++) {
    const chosen = chooseByWeight(weights, row * categories, categories, samples, replacement, generator);
    chosen.forEach((index, i) => (result[row * samples + i] = BigInt(index)));
  }
  return Tensor.of('int64', [...self.shape.slice(0, -1), samples], result);
}

function chooseByWeight(
  weights: ArrayLike<number>,
  start: number,
  categories: number,
  samples: number,
  replacement: boolean,
  generator: Generator,
): number[] {
  const left = Array.from({ length: categories }, (_, i) => weights[start + i] as number);
  if (left.some((weight) => !(weight >= 0 && weight < Infinity))) {
    throw new AppError('bad-input', 'probability tensor contains either `inf`, `nan` or element < 0');
  }
  const chosen: number[] = [];
  while (chosen.length < samples) {
    const total = left.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) throw new AppError('bad-input', 'invalid multinomial distribution (sum of probabilities <= 0)');
    let rest = generator.uniform() * total;
    let index = left.findIndex((weight) => (rest -= weight) < 0);
    // Rounding may leave a rest behind the last weight.
    if (index < 0) index = left.findLastIndex((weight) => weight > 0);
    chosen.push(index);
    if (!replacement) left[index] = 0;
  }
  return chosen;
}

/** A parameter of a distribution for each element: a number for all, or a tensor. */
function parameter(value: Tensor | number, shape: Shape): (index: number) => number {
  if (typeof value === 'number') return () => value;
  const values = expandTo(value, shape).toNumbers();
  return (index) => values[index] as number;
}

export function bernoulli(p: Tensor | number, shape: Shape): Draw {
  const probability = parameter(p, shape);
  return (generator, index) => {
    const chance = probability(index);
    if (!(chance >= 0 && chance <= 1))
      throw new AppError('bad-input', `Expected p_in >= 0 && p_in <= 1 to be true, but got ${chance}`);
    return generator.uniform() < chance ? 1 : 0;
  };
}

/** Defines an overload, and its twin that takes a generator of the program; there is one generator here. */
function defineWithGenerator(
  table: OperatorTable,
  name: string,
  [plain, twin]: readonly [string, string],
  args: string,
  options: string,
  body: OperatorBody,
): void {
  table.define(`${name}${plain}(${args}, ${options}) -> Tensor`, body);
  table.define(`${name}${twin}(${args}, *, Generator? generator, ${options.replace('*, ', '')}) -> Tensor`, body);
}

export function defineRandomDraws(table: OperatorTable): void {
  const dtypeOr = (args: Arguments, other: DType): DType => args.dtype('dtype') ?? other;
  for (const [name, one] of [
    ['rand', uniform],
    ['randn', normal],
  ] as const) {
    defineWithGenerator(table, name, ['', '.generator'], 'SymInt[] size', creationOptions, (args, context) =>
      draw(dtypeOr(args, 'float32'), args.ints('size'), context, one),
    );
    defineWithGenerator(table, `${name}_like`, ['', '.generator'], 'Tensor self', likeOptions, (args, context) =>
      draw(dtypeOr(args, args.tensor('self').dtype), args.tensor('self').shape, context, one),
    );
  }
  const inInt64 = creationOptions.replace('dtype=None', 'dtype=4');
  const range = (args: Arguments): Draw =>
    integers(args.schema.indexOf.has('low') ? args.int('low') : 0, args.int('high'));
  // The default is int64, but a None that is written out gives floats: torch 1.8 wrote every argument out.
  const ofInts: OperatorBody = (args, context) =>
    draw(dtypeOr(args, 'float32'), args.ints('size'), context, range(args));
  defineWithGenerator(table, 'randint', ['', '.generator'], 'SymInt high, SymInt[] size', inInt64, ofInts);
  defineWithGenerator(
    table,
    'randint',
    ['.low', '.low_generator'],
    'SymInt low, SymInt high, SymInt[] size',
    inInt64,
    ofInts,
  );
  const likeInts: OperatorBody = (args, context) =>
    draw(dtypeOr(args, args.tensor('self').dtype), args.tensor('self').shape, context, range(args));
  defineWithGenerator(table, 'randint_like', ['', '.generator'], 'Tensor self, SymInt high', likeOptions, likeInts);
  defineWithGenerator(
    table,
    'randint_like',
    ['.low_dtype', '.low_generator_dtype'],
    'Tensor self, SymInt low, SymInt high',
    likeOptions,
    likeInts,
  );
  defineWithGenerator(table, 'randperm', ['', '.generator'], 'SymInt n', inInt64, (args, context) =>
    permutation(args.int('n'), dtypeOr(args, 'int64'), context.generator),
  );

  const generator = '*, Generator? generator=None';
  table.define(`bernoulli(Tensor self, ${generator}) -> Tensor`, ({ values: [self] }, context) => {
    const given = self as Tensor;
    return draw(given.dtype, given.shape, context, bernoulli(given, given.shape));
  });
  for (const [type, overload, fallback] of [
    ['float', 'p', ''],
    ['Tensor', 'Tensor', ''],
  ] as const) {
    table.define(
      `bernoulli.${overload}(Tensor self, ${type} p${fallback}, ${generator}) -> Tensor`,
      (args, context) => {
        const self = args.tensor('self');
        return draw(self.dtype, self.shape, context, bernoulli(args.value('p') as Tensor | number, self.shape));
      },
    );
  }
  defineNormal(table, generator);
  table.define(
    `multinomial(Tensor self, SymInt num_samples, bool replacement=False, ${generator}) -> Tensor`,
    (args, context) =>
      multinomial(args.tensor('self'), args.int('num_samples'), args.bool('replacement'), context.generator),
  );
}

function defineNormal(table: OperatorTable, generator: string): void {
  for (const [overload, types] of [
    ['Tensor_float', 'Tensor mean, float std=1.'],
    ['float_Tensor', 'float mean, Tensor std'],
    ['Tensor_Tensor', 'Tensor mean, Tensor std'],
  ] as const) {
    table.define(`normal.${overload}(${types}, ${generator}) -> Tensor`, (args, context) => {
      const [mean, deviation] = [args.value('mean'), args.value('std')] as [Tensor | number, Tensor | number];
      const tensors = [mean, deviation].filter((value) => value instanceof Tensor);
      const shape = tensors.map((tensor) => tensor.shape).reduce(broadcastShapes);
      const [center, spread] = [parameter(mean, shape), parameter(deviation, shape)];
      const dtype = (tensors[0] as Tensor).dtype;
      return draw(dtype, shape, context, (random, index) => center(index) + spread(index) * random.normal());
    });
  }
  table.define(
    `normal.float_float(float mean, float std, SymInt[] size, ${generator}, ${creationOptions.replace('*, ', '')}) -> Tensor`,
    (args, context) => {
      const [mean, deviation] = [args.float('mean'), args.float('std')];
      return draw(
        args.dtype('dtype') ?? 'float32',
        args.ints('size'),
        context,
        (random) => mean + deviation * random.normal(),
      );
    },
  );
}
