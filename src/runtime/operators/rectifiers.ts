// Rectifiers with a slope: fixed, learned, or drawn at random in training.

import { AppError } from '../../util/errors';
import { convertElements, isFloating } from '../elements';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import { activation } from './activation';
import { elementwise, notImplemented, type Formula } from './elementwise';
import { Arguments } from './arguments';
import { finish, type OperatorBody, type OperatorTable } from './registry';

/** x > 0 ? x : slope * x */
const leakyRelu: Formula = (graph, [x = '', slope = '', zero = '']) =>
  graph.node('Where', [graph.node('Greater', [x, zero]), x, graph.node('Mul', [x, slope])]);

/** max(0, x) + weight * min(0, x), with a weight for all channels or one for each (dimension 1). */
const prelu: OperatorBody = (args) => {
  const [self, weight] = [args.tensor('self'), args.tensor('weight')];
  const channels = self.rank < 2 ? 1 : (self.shape[1] as number);
  if (weight.elementCount !== 1 && weight.elementCount !== channels && weight.rank < 2) {
    throw new AppError(
      'bad-input',
      `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${weight.elementCount} and channel size = ${channels}.`,
    );
  }
  const perChannel = weight.rank <= 1 && weight.elementCount > 1;
  const slopes = perChannel
    ? weight
        .contiguous()
        .view([channels, ...self.shape.slice(2).map(() => 1)], [1, ...self.shape.slice(2).map(() => 0)])
    : weight;
  return elementwise(
    'leaky_relu',
    [self, slopes.elementCount === 1 ? slopes.view([], []) : slopes, 0],
    { dtype: self.dtype },
    leakyRelu,
  );
};

/** In training each negative element has a slope of its own, drawn from [lower, upper); otherwise their mean. */
const rrelu: OperatorBody = (args, context) => {
  const [self, lower, upper] = [args.tensor('self'), Number(args.scalar('lower')), Number(args.scalar('upper'))];
  if (!isFloating(self.dtype)) throw notImplemented('rrelu_with_noise_out_cpu', self.dtype);
  if (!args.bool('training'))
    return elementwise('leaky_relu', [self, (lower + upper) / 2, 0], { dtype: self.dtype }, leakyRelu);
  const values = self.toNumbers();
  const slopes = new Float64Array(values.length);
  for (let i = 0; i < slopes.length; i++)
    slopes[i] = (values[i] as number) <= 0 ? lower + context.generator.uniform() * (upper - lower) : 1;
  const noise = Tensor.of(self.dtype, self.shape, convertElements(slopes, 'float64', self.dtype));
  if (args.schema.indexOf.has('noise')) args.tensor('noise').write(noise.contiguousElements());
  return elementwise('leaky_relu', [self, noise, 0], { dtype: self.dtype }, leakyRelu);
};

/** Hands back the noise that it drew instead of writing it. */
const rreluFunctional: OperatorBody = async (args, context) => {
  const noise = args.tensor('noise').clone();
  const values = args.values.map((value) => (value === args.tensor('noise') ? noise : value));
  const result = await finish(await rrelu(new Arguments(args.schema, values), context), context);
  return new Tuple([result, noise]);
};

export function defineRectifiers(table: OperatorTable): void {
  table.defineWithInplace(
    'leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor',
    activation('leaky_relu', leakyRelu, ['negative_slope'], [0]),
  );
  table.define('prelu(Tensor self, Tensor weight) -> Tensor', prelu);
  table.define('_prelu_kernel(Tensor self, Tensor weight) -> Tensor', prelu);
  const slopes = 'Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None';
  table.defineWithInplace(`rrelu(Tensor self, ${slopes}) -> Tensor`, rrelu);
  table.define(`rrelu_with_noise(Tensor self, Tensor(b!) noise, ${slopes}) -> Tensor`, rrelu);
  table.define(
    `rrelu_with_noise_functional(Tensor self, Tensor noise, ${slopes}) -> (Tensor, Tensor noise_out)`,
    rreluFunctional,
  );
  table.defineInplace(`rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, ${slopes}) -> Tensor(a!)`, rrelu);
}
