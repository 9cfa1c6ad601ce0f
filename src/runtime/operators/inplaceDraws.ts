// Tensors that are overwritten with random draws in place.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import type { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import { bernoulli, draw, integers, type Draw } from './randomDraws';
import { refuseOverlap, type OperatorTable } from './registry';
import { cast } from './support';

/** Overwrites a tensor with draws. */
function redraw(self: Tensor, context: RunContext, one: Draw): Tensor {
  refuseOverlap(self);
  self.write(draw(self.dtype, self.shape, context, one).contiguousElements(), true);
  return self;
}

/** Largest integer, exclusive, that `random_` draws for a dtype without a limit of its own. */
const drawLimits: Readonly<Record<DType, number>> = {
  float32: 2 ** 24 + 1,
  float64: 2 ** 53,
  float16: 2 ** 11 + 1,
  bfloat16: 2 ** 8 + 1,
  int64: 2 ** 53,
  int32: 2 ** 31,
  int16: 2 ** 15,
  int8: 2 ** 7,
  uint8: 2 ** 8,
  bool: 2,
};

export function defineInplaceDraws(table: OperatorTable): void {
  const generator = '*, Generator? generator=None';
  const define = (
    name: string,
    parameters: string,
    one: (args: Arguments, self: Tensor) => Draw,
    needsFloat = true,
  ): void => {
    const list = ['Tensor(a!) self', ...(parameters === '' ? [] : [parameters]), generator].join(', ');
    table.define(`${name}(${list}) -> Tensor(a!)`, (args, context) => {
      const self = args.tensor('self');
      if (needsFloat && !isFloating(self.dtype))
        throw new AppError('bad-input', `${name} expects a floating point tensor, got ${self.dtype}`);
      return redraw(self, context, one(args, self));
    });
  };
  /** The same draws as a new tensor, as torch.export writes them. */
  const defineFunctional = (name: string, parameters: string, one: (args: Arguments) => Draw): void => {
    table.define(`${name}(Tensor self, ${parameters}, ${generator}) -> Tensor`, (args, context) => {
      const { dtype, shape } = args.tensor('self');
      return draw(dtype, shape, context, one(args));
    });
  };
  const uniform = (args: Arguments): Draw => {
    const [low, high] = [args.float('from'), args.float('to')];
    return (random) => low + random.uniform() * (high - low);
  };
  define('uniform_', 'float from=0., float to=1.', uniform);
  defineFunctional('uniform', 'float from=0., float to=1.', uniform);
  const normal = (args: Arguments): Draw => {
    const [mean, deviation] = [args.float('mean'), args.float('std')];
    return (random) => mean + deviation * random.normal();
  };
  define('normal_', 'float mean=0., float std=1.', normal);
  defineFunctional('normal_functional', 'float mean=0., float std=1.', normal);
  define('log_normal_', 'float mean=1., float std=2.', (args) => {
    const [mean, deviation] = [args.float('mean'), args.float('std')];
    return (random) => Math.exp(mean + deviation * random.normal());
  });
  const exponential =
    (args: Arguments): Draw =>
    (random) =>
      -Math.log(1 - random.uniform()) / args.float('lambd');
  define('exponential_', 'float lambd=1.', exponential);
  defineFunctional('exponential', 'float lambd=1.', exponential);
  define(
    'geometric_',
    'float p',
    (args) => (random) => Math.ceil(Math.log(1 - random.uniform()) / Math.log(1 - args.float('p'))),
    false,
  );
  define(
    'cauchy_',
    'float median=0., float sigma=1.',
    (args) => (random) => args.float('median') + args.float('sigma') * Math.tan(Math.PI * (random.uniform() - 0.5)),
  );
  define('bernoulli_.float', 'float p=0.5', (args, self) => bernoulli(args.float('p'), self.shape), false);
  define(
    'bernoulli_.Tensor',
    'Tensor p',
    (args, self) => bernoulli(cast(args.tensor('p'), 'float64'), self.shape),
    false,
  );
  // The overload with most numbers first: the others would take a number for a generator.
  define(
    'random_.from',
    'int from, int? to',
    (args, self) => integers(args.int('from'), args.optionalInt('to') ?? drawLimits[self.dtype]),
    false,
  );
  define('random_.to', 'int to', (args) => integers(0, args.int('to')), false);
  define('random_', '', (_, self) => integers(0, drawLimits[self.dtype]), false);
}
