// Indexing with tensors: `x[i]`, `x[mask] = y`, index_select and its relatives.

import { AppError } from '../../util/errors';
import { convertElements } from '../elements';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import { Arguments } from './arguments';
import { indexSelect, planDim, planIndex, readPlan, truePlaces, writePlan, type IndexPlan } from './indexPlan';
import type { OperatorBody, OperatorTable } from './registry';
import { cast, expandTo, scalarTensor, shapeText } from './support';

function read(args: Arguments): Tensor {
  const self = args.tensor('self');
  return readPlan(self, planIndex(self, args.optionalTensors('indices')));
}

/** `self[indices] = values`, through every alias of `self`. @throws AppError with torch's messages. */
function put(self: Tensor, args: Arguments): Tensor {
  const values = args.tensor('values');
  if (values.dtype !== self.dtype) {
    throw new AppError(
      'bad-input',
      `Index put requires the source and destination dtypes match, got ${scalarTypeName(self.dtype)} for the destination and ${scalarTypeName(values.dtype)} for the source.`,
    );
  }
  const plan = planIndex(self, args.optionalTensors('indices'));
  writePlan(self, plan, fitted(values, plan), args.bool('accumulate'));
  return self;
}

/** The values broadcast to the places, row-major; a copy where they may lie in the storage that is written. */
function fitted(values: Tensor, plan: IndexPlan): ReturnType<Tensor['contiguousElements']> {
  // Leading dimensions of one don't matter.
  let source = values;
  while (source.rank > plan.shape.length && source.shape[0] === 1)
    source = source.view(source.shape.slice(1), source.strides.slice(1));
  const fits = source.shape.every((size, d) => size === 1 || size === plan.shape[d + plan.shape.length - source.rank]);
  if (source.rank > plan.shape.length || !fits) {
    throw new AppError(
      'bad-input',
      `shape mismatch: value tensor of shape ${shapeText(values.shape)} cannot be broadcast to indexing result of shape ${shapeText(plan.shape)}`,
    );
  }
  return expandTo(source, plan.shape).clone().contiguousElements();
}

/** A vector of places along `dim` takes the rows of `source`, or gets them added. */
function writeRows(args: Arguments, accumulate: boolean): Tensor {
  const [result, index, source] = [args.tensor('self').clone(), args.tensor('index'), args.tensor('source')];
  const name = accumulate ? 'index_add()' : 'index_copy_()';
  if (source.dtype !== result.dtype) {
    throw new AppError(
      'bad-input',
      `${name}: self (${scalarTypeName(result.dtype)}) and source (${scalarTypeName(source.dtype)}) must have the same scalar type`,
    );
  }
  const plan = planDim(result, args.int('dim'), index);
  const count = plan.shape.reduce((product, size) => product * size, 1);
  if (source.elementCount !== count) {
    throw new AppError(
      'bad-input',
      `${name}: source of shape ${shapeText(source.shape)} does not fit the places of shape ${shapeText(plan.shape)}`,
    );
  }
  writePlan(result, plan, source.clone().contiguousElements(), accumulate);
  return result;
}

/** index_add with a factor: the source is multiplied first, in its own dtype. */
function addRows(args: Arguments): Tensor {
  const alpha = Number(args.scalar('alpha'));
  if (alpha === 1) return writeRows(args, true);
  const source = args.tensor('source');
  const scaled = Float64Array.from(source.toNumbers(), (value) => value * alpha);
  const factored = Tensor.of(source.dtype, source.shape, convertElements(scaled, 'float64', source.dtype));
  const at = args.schema.indexOf.get('source');
  const values = args.values.map((value, i) => (i === at ? factored : value));
  return writeRows(new Arguments(args.schema, values), true);
}

function fillRows(args: Arguments): Tensor {
  const result = args.tensor('self').clone();
  const plan = planDim(result, args.int('dim'), args.tensor('index'));
  const value = args.value('value');
  if (value instanceof Tensor && value.rank > 0) {
    throw new AppError(
      'bad-input',
      `index_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.rank} dimension(s).`,
    );
  }
  const filling = value instanceof Tensor ? cast(value, result.dtype) : scalarTensor(value as number, result.dtype);
  writePlan(result, plan, expandTo(filling, plan.shape).contiguousElements(), false);
  return result;
}

/** Coordinates of what is not zero, one row each. */
function nonzero(self: Tensor): Tensor {
  const places = truePlaces(self);
  const count = places[0]?.elementCount ?? (Number(self.toNumbers()[0]) === 0 ? 0 : 1);
  const result = new BigInt64Array(count * self.rank);
  places.forEach((place, d) => {
    const column = place.storage.elements as BigInt64Array;
    for (let i = 0; i < count; i++) result[i * self.rank + d] = column[i]!;
  });
  return Tensor.of('int64', [count, self.rank], result);
}

function oneHot(args: Arguments): Tensor {
  const self = args.tensor('self');
  if (self.dtype !== 'int64')
    throw new AppError('bad-input', 'one_hot is only applicable to index tensor of type LongTensor.');
  const given = args.int('num_classes');
  const numbers = self.toNumbers();
  let largest = -1;
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i]! < 0) throw new AppError('bad-input', 'Class values must be non-negative.');
    if (numbers[i]! > largest) largest = numbers[i]!;
  }
  if (given === -1 && numbers.length === 0) {
    throw new AppError('bad-input', 'Can not infer total number of classes from empty tensor.');
  }
  const classes = given === -1 ? largest + 1 : given;
  if (largest >= classes) throw new AppError('bad-input', 'Class values must be smaller than num_classes.');
  const result = new BigInt64Array(numbers.length * classes);
  for (let i = 0; i < numbers.length; i++) result[i * classes + numbers[i]!] = 1n;
  return Tensor.of('int64', [...self.shape, classes], result);
}

export function defineIndexing(table: OperatorTable): void {
  for (const [suffix, type] of [
    ['', 'Tensor?[]'],
    ['hacked_twin', 'Tensor[]'],
  ] as const) {
    const dotted = suffix === '' ? '' : `.${suffix}`;
    const tensor = suffix === '' ? '.Tensor' : '.Tensor_hacked_twin';
    table.define(`index${tensor}(Tensor self, ${type} indices) -> Tensor`, read);
    table.define(`_unsafe_index${tensor}(Tensor self, ${type} indices) -> Tensor`, read);
    const tail = `${type} indices, Tensor values, bool accumulate=False`;
    const putCopy: OperatorBody = (args) => put(args.tensor('self').clone(), args);
    const putHere: OperatorBody = (args) => put(args.tensor('self'), args);
    table.define(`index_put${dotted}(Tensor self, ${tail}) -> Tensor`, putCopy);
    table.define(`_unsafe_index_put${dotted}(Tensor self, ${tail}) -> Tensor`, putCopy);
    table.define(`index_put_${dotted}(Tensor(a!) self, ${tail}) -> Tensor(a!)`, putHere);
    table.define(`_index_put_impl_${dotted}(Tensor(a!) self, ${tail}, bool unsafe=False) -> Tensor(a!)`, putHere);
  }
  table.define('index_select(Tensor self, int dim, Tensor index) -> Tensor', (args) =>
    indexSelect(args.tensor('self'), args.int('dim'), args.tensor('index')),
  );
  table.defineWithInplace(
    'index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor',
    addRows,
  );
  table.defineWithInplace('index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor', (args) =>
    writeRows(args, false),
  );
  table.defineWithInplace(
    'index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor',
    fillRows,
  );
  table.defineWithInplace(
    'index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor',
    fillRows,
  );
  table.define('nonzero(Tensor self) -> Tensor', (args) => nonzero(args.tensor('self')));
  table.define('argwhere(Tensor self) -> Tensor', (args) => nonzero(args.tensor('self')));
  for (const schema of ['nonzero_numpy(Tensor self) -> Tensor[]', 'where(Tensor condition) -> Tensor[]']) {
    table.define(schema, ({ values: [given] }) => {
      const self = given as Tensor;
      return truePlaces(self.rank === 0 ? self.view([1], [1]) : self);
    });
  }
  table.define('one_hot(Tensor self, int num_classes=-1) -> Tensor', oneHot);
}
