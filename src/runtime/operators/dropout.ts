// The Dropout family: masks are drawn here, from the forward's own generator.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { convertElements } from '../elements';
import { binary } from './elementwise';
import { kernelGraph } from '../kernels/graph';
import { Tensor, type Shape } from '../tensor';
import { Tuple } from '../values';
import type { OperatorBody, OperatorTable } from './registry';
import { operand, shapeText } from './support';

/** Elements kept with probability 1 - p hold `kept`, the others 0. Draws in order of the elements. */
export function dropoutMask(context: RunContext, shape: Shape, dtype: DType, p: number, kept: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = context.generator.uniform() < p ? 0 : kept;
  return Tensor.of(dtype, shape, convertElements(values, 'float64', dtype));
}

/** Shape of a mask that drops whole channels: [N, C, 1, …]. */
function featureShape(input: Tensor): number[] {
  if (input.rank < 2)
    throw new AppError(
      'bad-input',
      `Feature dropout requires at least 2 dimensions in the input, got ${shapeText(input.shape)}`,
    );
  return input.shape.map((size, d) => (d < 2 ? size : 1));
}

/** y = x * mask / (1 - p). */
export async function drop(input: Tensor, maskShape: Shape, p: number, context: RunContext): Promise<Tensor> {
  const mask = dropoutMask(context, maskShape, input.dtype, p, p === 1 ? 0 : 1 / (1 - p));
  return context.later.run(binary('Mul', input, mask));
}

/** SELU's limit for large negative inputs, -scale * alpha, which alpha dropout puts in place of dropped elements. */
const negativeSaturation = -1.7580993408473766;

/**
 * Dropped elements become SELU's negative saturation; then an affine map restores mean 0 and variance 1:
 * y = a * (x * mask + saturation * (1 - mask)) + b.
 */
async function alphaDrop(input: Tensor, maskShape: Shape, p: number, context: RunContext): Promise<Tensor> {
  if (p === 1) return context.later.run(binary('Mul', input, Tensor.zeros(input.dtype, [])));
  const a = 1 / Math.sqrt((negativeSaturation ** 2 * p + 1) * (1 - p));
  const mask = dropoutMask(context, maskShape, input.dtype, p, a);
  const b = -a * negativeSaturation * p;
  const shift = dropShift(mask, a, b);
  return context.later.run(
    kernelGraph('alpha dropout', {}, [input, mask, operand(shift, input.dtype)], (graph, [x = '', m = '', s = '']) =>
      graph.node('Add', [graph.node('Mul', [x, m]), s]),
    ).giving(input.shape),
  );
}

/** What is added to each element: `b` where it is kept, `a * saturation + b` where it is dropped. */
function dropShift(mask: Tensor, a: number, b: number): Tensor {
  const kept = mask.toNumbers();
  const values = Float64Array.from(kept, (value) => (value === 0 ? a * negativeSaturation + b : b));
  return Tensor.of(mask.dtype, mask.shape, convertElements(values, 'float64', mask.dtype));
}

function checkProbability(p: number): void {
  if (!(p >= 0 && p <= 1))
    throw new AppError('bad-input', `dropout probability has to be between 0 and 1, but got ${p}`);
}

type Drop = (input: Tensor, maskShape: Shape, p: number, context: RunContext) => Promise<Tensor>;

function family(compute: Drop, maskShape: (input: Tensor) => Shape): OperatorBody {
  return (args, context) => {
    // The in-place twins call it `self`.
    const [input, p] = [args.values[0] as Tensor, args.float('p')];
    checkProbability(p);
    if (!args.bool('train') || p === 0 || input.elementCount === 0) return input;
    return compute(input, maskShape(input), p, context);
  };
}

export function defineDropout(table: OperatorTable): void {
  const elementwise = (input: Tensor): Shape => input.shape;
  const members: readonly [string, OperatorBody][] = [
    ['dropout', family(drop, elementwise)],
    ['feature_dropout', family(drop, featureShape)],
    ['alpha_dropout', family(alphaDrop, elementwise)],
    ['feature_alpha_dropout', family(alphaDrop, featureShape)],
  ];
  for (const [name, body] of members) {
    table.define(`${name}(Tensor input, float p, bool train) -> Tensor`, body);
    table.defineInplace(`${name}_(Tensor(a!) self, float p, bool train) -> Tensor(a!)`, body);
  }
  table.define('native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)', async (args, context) => {
    const [input, p] = [args.tensor('input'), args.float('p')];
    checkProbability(p);
    if (args.value('train') === false || p === 0) {
      return new Tuple([input.clone(), Tensor.of('bool', input.shape, new Uint8Array(input.elementCount).fill(1))]);
    }
    const mask = dropoutMask(context, input.shape, 'bool', p, 1);
    const scaled = operand(mask, input.dtype);
    const kept = await context.later.run(binary('Mul', input, scaled));
    return new Tuple([await context.later.run(binary('Mul', kept, p === 1 ? 0 : 1 / (1 - p))), mask]);
  });
}
