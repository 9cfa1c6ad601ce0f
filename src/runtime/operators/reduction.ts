// Sums, means, products, variances, norms over all elements or along dimensions.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import type { RunContext } from '../context';
import { isFloating } from '../elements';
import { kernelGraph, type Attributes, type GraphBuilder, type GraphValue, type KernelCall } from '../kernels/graph';
import { scalarTypeName } from '../scalarTypes';
import { Tensor } from '../tensor';
import { Tuple } from '../values';
import type { Arguments } from './arguments';
import { filled } from './creation';
import { binary, floatType } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { reducedDims, reducedShape, reshaped, rowsOf } from './rows';
import { cast } from './support';

/** One ONNX reduction node over the axes; a tensor without dimensions has none. */
export function reduceNode(
  graph: GraphBuilder,
  opType: string,
  value: GraphValue,
  axes: readonly number[],
  keepdims = 1,
): GraphValue {
  const attributes: Attributes = { keepdims, noop_with_empty_axes: 1 };
  return graph.node(opType, [value, graph.ints(axes)], attributes);
}

/** A reduction by one ONNX node; `identity` is the result over no elements. */
export function reduce(
  opType: string,
  self: Tensor,
  dims: readonly number[] | null,
  keepdim: boolean,
  identity: number,
): Tensor | KernelCall {
  const axes = reducedDims(dims, self.rank);
  if (self.elementCount === 0) return filled(self.dtype, reducedShape(self.shape, axes, keepdim), identity);
  if (axes.length === 0) return self.clone();
  return kernelGraph(opType, { opType, axes, keepdim }, [self], (graph, [x = ''], parameters) =>
    reduceNode(graph, parameters.opType, x, parameters.axes, parameters.keepdim ? 1 : 0),
  );
}

/** The dimensions that a call names, whatever its overload; null for all. */
function dimsOf(args: Arguments): readonly number[] | null {
  if (!args.schema.indexOf.has('dim') || !args.has('dim')) return null;
  const dim = args.value('dim');
  return Array.isArray(dim) ? dim.map(Number) : [Number(dim)];
}

function keeps(args: Arguments): boolean {
  return args.schema.indexOf.has('keepdim') && args.bool('keepdim');
}

/** Integers and booleans are summed and multiplied in int64. */
function summable(self: Tensor, dtype: DType | null): Tensor {
  return cast(self, dtype ?? (isFloating(self.dtype) ? self.dtype : 'int64'));
}

const sum: OperatorBody = (args) =>
  reduce('ReduceSum', summable(args.tensor('self'), args.dtype('dtype')), dimsOf(args), keeps(args), 0);
const product: OperatorBody = (args) =>
  reduce('ReduceProd', summable(args.tensor('self'), args.dtype('dtype')), dimsOf(args), keeps(args), 1);

const mean: OperatorBody = (args) => {
  const self = args.tensor('self');
  const dtype = args.dtype('dtype') ?? self.dtype;
  if (!isFloating(dtype)) {
    const which = args.dtype('dtype') === null ? 'Input' : 'Optional';
    throw new AppError(
      'bad-input',
      `mean(): could not infer output dtype. ${which} dtype must be either a floating point or complex dtype. Got: ${scalarTypeName(dtype)}`,
    );
  }
  return reduce('ReduceMean', cast(self, dtype), dimsOf(args), keeps(args), NaN);
};

/** Elements that are NaN count as nothing. */
function withoutNan(self: Tensor, dtype: DType | null): Tensor {
  const copy = cast(self, dtype ?? (isFloating(self.dtype) ? self.dtype : 'int64'));
  if (!isFloating(copy.dtype)) return copy;
  const numbers = copy.toNumbers();
  return cast(
    Tensor.of(
      'float64',
      copy.shape,
      Float64Array.from(numbers, (value) => (Number.isNaN(value) ? 0 : value)),
    ),
    copy.dtype,
  );
}

function countNumbers(self: Tensor): Tensor {
  return Tensor.of(
    'float32',
    self.shape,
    Float32Array.from(self.toNumbers(), (value) => (Number.isNaN(value) ? 0 : 1)),
  );
}

/** Whether any, or all, elements along the dimensions are true; uint8 stays uint8. */
function quantifier(all: boolean): OperatorBody {
  return (args) => {
    const self = args.tensor('self');
    const dims = reducedDims(dimsOf(args), self.rank);
    const { elements, count, length } = rowsOf(cast(self, 'bool'), dims);
    const result = new Uint8Array(count);
    for (let row = 0; row < count; row++) {
      const part = (elements as Uint8Array).subarray(row * length, (row + 1) * length);
      result[row] = (all ? !part.includes(0) : part.includes(1)) ? 1 : 0;
    }
    return Tensor.of(self.dtype === 'uint8' ? 'uint8' : 'bool', reducedShape(self.shape, dims, keeps(args)), result);
  };
}

/** Σ (x - mean)² / (n - correction) and the mean, by two passes. */
async function moments(args: Arguments, context: RunContext): Promise<readonly [Tensor, Tensor]> {
  const self = args.tensor('self');
  if (!isFloating(self.dtype))
    throw new AppError('bad-input', `${args.schema.name}: only support floating point and complex dtypes`);
  const axes = reducedDims(dimsOf(args), self.rank);
  const shape = reducedShape(self.shape, axes, keeps(args));
  const count = axes.reduce((product, d) => product * (self.shape[d] as number), 1);
  if (self.elementCount === 0) return [filled(self.dtype, shape, NaN), filled(self.dtype, shape, NaN)];
  const freedom = Tensor.of('float64', [], Float64Array.of(Math.max(0, count - correctionOf(args))));
  const divisor = cast(freedom, floatDivisor(self.dtype));
  const [variance, average] = (await context.runAll(
    kernelGraph('var_mean', { axes }, [self, divisor], (graph, [x = '', n = ''], parameters) => {
      const center = reduceNode(graph, 'ReduceMean', x, parameters.axes);
      const difference = graph.node('Sub', [x, center]);
      const squares = reduceNode(graph, 'ReduceSum', graph.node('Mul', [difference, difference]), parameters.axes);
      return [graph.node('Div', [squares, n]), graph.node('Identity', [center])];
    }),
  )) as [Tensor, Tensor];
  return [reshaped(variance, shape), reshaped(average, shape)];
}

function floatDivisor(dtype: DType): DType {
  return dtype === 'float64' ? 'float64' : 'float32';
}

function correctionOf(args: Arguments): number {
  if (args.schema.indexOf.has('unbiased')) return args.bool('unbiased') ? 1 : 0;
  return Number(args.optionalScalar('correction') ?? 1);
}

function variance(root: boolean, withMean: boolean): OperatorBody {
  return async (args, context) => {
    const [squared, average] = await moments(args, context);
    const first = root
      ? await context.run(kernelGraph('Sqrt', {}, [squared], (graph, inputs) => graph.node('Sqrt', inputs)))
      : squared;
    return withMean ? new Tuple([first, average]) : first;
  };
}

/** log Σ exp(x), with the largest x taken out so that nothing overflows. */
function logSumExp(self: Tensor, dims: readonly number[], keepdim: boolean): KernelCall | Tensor {
  const x = cast(self, floatType(self.dtype));
  const axes = reducedDims(dims, x.rank);
  if (x.elementCount === 0) return filled(x.dtype, reducedShape(x.shape, axes, keepdim), -Infinity);
  const zero = cast(Tensor.zeros('float32', []), floatDivisor(x.dtype));
  return kernelGraph('logsumexp', { axes, keepdim }, [x, zero], (graph, [value = '', zero = ''], parameters) => {
    const largest = reduceNode(graph, 'ReduceMax', value, parameters.axes);
    // An infinite maximum would make infinity - infinity.
    const shift = graph.node('Where', [graph.node('IsInf', [largest]), zero, largest]);
    const total = reduceNode(
      graph,
      'ReduceSum',
      graph.node('Exp', [graph.node('Sub', [value, shift])]),
      parameters.axes,
    );
    const result = graph.node('Add', [graph.node('Log', [total]), shift]);
    return parameters.keepdim || parameters.axes.length === 0
      ? result
      : graph.node('Squeeze', [result, graph.ints(parameters.axes)]);
  });
}

export function defineReduction(table: OperatorTable): void {
  const dim = 'int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None';
  table.define('sum(Tensor self, *, ScalarType? dtype=None) -> Tensor', sum);
  table.define(`sum.dim_IntList(Tensor self, ${dim}) -> Tensor`, sum);
  table.define('mean(Tensor self, *, ScalarType? dtype=None) -> Tensor', mean);
  table.define(`mean.dim(Tensor self, ${dim}) -> Tensor`, mean);
  // First, since the other overload would take the dimension for a dtype.
  table.define('prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor', product);
  table.define('prod(Tensor self, *, ScalarType? dtype=None) -> Tensor', product);
  table.define(`nansum(Tensor self, ${dim.replace('dim,', 'dim=None,')}) -> Tensor`, (args) =>
    reduce('ReduceSum', withoutNan(args.tensor('self'), args.dtype('dtype')), dimsOf(args), keeps(args), 0),
  );
  table.define(`nanmean(Tensor self, ${dim.replace('dim,', 'dim=None,')}) -> Tensor`, async (args, context) => {
    const self = args.tensor('self');
    const run = async (tensor: Tensor): Promise<Tensor> => {
      const result = reduce('ReduceSum', tensor, dimsOf(args), keeps(args), 0);
      return result instanceof Tensor ? result : context.run(result);
    };
    const total = await run(withoutNan(self, args.dtype('dtype')));
    return binary('Div', total, cast(await run(countNumbers(self)), total.dtype));
  });
  for (const name of ['all', 'any']) {
    const body = quantifier(name === 'all');
    table.define(`${name}(Tensor self) -> Tensor`, body);
    table.define(`${name}.dim(Tensor self, int dim, bool keepdim=False) -> Tensor`, body);
    table.define(`${name}.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor`, body);
  }
  for (const [name, root, withMean] of [
    ['var', false, false],
    ['std', true, false],
    ['var_mean', false, true],
    ['std_mean', true, true],
  ] as const) {
    const result = withMean ? '(Tensor, Tensor)' : 'Tensor';
    const body = variance(root, withMean);
    table.define(`${name}(Tensor self, bool unbiased=True) -> ${result}`, body);
    table.define(`${name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> ${result}`, body);
    table.define(
      `${name}.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> ${result}`,
      body,
    );
  }
  table.define('logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor', (args) =>
    logSumExp(args.tensor('self'), args.ints('dim'), args.bool('keepdim')),
  );
}
