// New tensors: filled, counted, or spelled out in the program.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import { allocate, convertElements, isFloating } from '../elements';
import { elementCount, Tensor, type Shape } from '../tensor';
import { typeName, type Value } from '../values';
import type { Arguments, Scalar } from './arguments';
import type { OperatorBody, OperatorTable } from './registry';
import { cast, scalarTensor, shapeText } from './support';

/** The options that every creation operator takes; only the dtype matters here. */
export const creationOptions =
  '*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None';
export const likeOptions = `${creationOptions}, MemoryFormat? memory_format=None`;

/** A new tensor whose elements are all `value`. @throws AppError for a negative size. */
export function filled(dtype: DType, shape: Shape, value: Scalar): Tensor {
  checkSize(shape);
  const elements = allocate(dtype, elementCount(shape));
  const [element] = scalarTensor(value, dtype).storage.elements;
  if (Number(element) !== 0) (elements as Float32Array).fill(element as number);
  return Tensor.of(dtype, shape, elements);
}

export function checkSize(shape: Shape): void {
  const negative = shape.find((size) => size < 0);
  if (negative !== undefined) {
    throw new AppError('bad-input', `Trying to create tensor with negative dimension ${negative}: ${shapeText(shape)}`);
  }
}

/** dtype of a tensor made of one Python number. */
function dtypeOfScalar(value: Scalar): DType {
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'int64' : 'float32';
}

/** start, start + step, … before end. */
function arange(start: Scalar, end: Scalar, step: Scalar, given: DType | null): Tensor {
  const allInts = [start, end, step].every((value) => typeof value !== 'number');
  const dtype = given ?? (allInts ? 'int64' : 'float32');
  const [first, last, by] = [Number(start), Number(end), Number(step)];
  if (by === 0) throw new AppError('bad-input', 'step must be nonzero');
  if (!Number.isFinite(first) || !Number.isFinite(last))
    throw new AppError('bad-input', `unsupported range: ${first} -> ${last}`);
  if (by > 0 !== last >= first && last !== first) {
    throw new AppError('bad-input', 'upper bound and lower bound inconsistent with step sign');
  }
  const values = new Float64Array(Math.max(0, Math.ceil((last - first) / by)));
  for (let i = 0; i < values.length; i++) values[i] = first + i * by;
  return Tensor.of(dtype, [values.length], convertElements(values, 'float64', dtype));
}

/** `steps` numbers from start to end, counted from the nearer end, as torch does. */
function linspaceValues(start: number, end: number, steps: number): Float64Array {
  if (steps < 0) throw new AppError('bad-input', 'number of steps must be non-negative');
  const values = new Float64Array(steps);
  const step = (end - start) / (steps - 1);
  for (let i = 0; i < steps; i++) values[i] = i < steps / 2 ? start + step * i : end - step * (steps - 1 - i);
  if (steps === 1) values[0] = start;
  return values;
}

function eye(rows: number, columns: number, dtype: DType): Tensor {
  checkSize([rows, columns]);
  const values = new Float64Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return Tensor.of(dtype, [rows, columns], convertElements(values, 'float64', dtype));
}

/** A tensor of nested lists of numbers. @throws AppError where rows differ in length or hold something else. */
function fromNested(data: Value, given: DType | null): Tensor {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0] ?? null) shape.push(level.length);
  const leaves: Scalar[] = [];
  collect(data, shape, 0, leaves);
  const inferred = leaves.some((leaf) => typeof leaf === 'number') ? 'float32' : dtypeOfScalar(leaves[0] ?? 0.5);
  const dtype = given ?? inferred;
  const exact = leaves.every((leaf) => typeof leaf === 'bigint');
  const elements = exact
    ? convertElements(BigInt64Array.from(leaves), 'int64', dtype)
    : convertElements(Float64Array.from(leaves, Number), 'float64', dtype);
  return Tensor.of(dtype, shape, elements);
}

function collect(data: Value, shape: Shape, depth: number, leaves: Scalar[]): void {
  if (Array.isArray(data)) {
    if (data.length !== shape[depth]) {
      throw new AppError(
        'bad-input',
        `expected sequence of length ${shape[depth] ?? 0} at dim ${depth} (got ${data.length})`,
      );
    }
    for (const item of data) collect(item, shape, depth + 1, leaves);
  } else if (typeof data === 'number' || typeof data === 'bigint' || typeof data === 'boolean') {
    leaves.push(data);
  } else {
    throw new AppError('bad-input', `Input must be of ints, floats, or bools, got ${typeName(data)}`);
  }
}

export function defineCreation(table: OperatorTable): void {
  const dtypeOr = (args: Arguments, other: DType): DType => args.dtype('dtype') ?? other;
  for (const [name, value] of [
    ['zeros', 0n],
    ['ones', 1n],
    ['empty', 0n],
  ] as const) {
    const [overload, options] = name === 'empty' ? ['.memory_format', likeOptions] : ['', creationOptions];
    table.define(`${name}${overload}(SymInt[] size, ${options}) -> Tensor`, (args) =>
      filled(dtypeOr(args, 'float32'), args.ints('size'), value),
    );
    table.define(`${name}_like(Tensor self, ${likeOptions}) -> Tensor`, (args) => {
      const self = args.tensor('self');
      return filled(dtypeOr(args, self.dtype), self.shape, value);
    });
    table.define(`new_${name}(Tensor self, SymInt[] size, ${creationOptions}) -> Tensor`, (args) =>
      filled(dtypeOr(args, args.tensor('self').dtype), args.ints('size'), value),
    );
  }
  // The layout is for kernels alone: elements are found by their index here.
  for (const layout of ['physical_layout', 'stride']) {
    const [name, type] = layout === 'stride' ? ['empty_strided', 'SymInt[]'] : ['empty_permuted', 'int[]'];
    table.define(`${name}(SymInt[] size, ${type} ${layout}, ${creationOptions}) -> Tensor`, (args) =>
      filled(dtypeOr(args, 'float32'), args.ints('size'), 0n),
    );
  }
  table.define(`full(SymInt[] size, Scalar fill_value, ${creationOptions}) -> Tensor`, (args) => {
    const value = args.scalar('fill_value');
    return filled(dtypeOr(args, dtypeOfScalar(value)), args.ints('size'), value);
  });
  table.define(`full_like(Tensor self, Scalar fill_value, ${likeOptions}) -> Tensor`, (args) => {
    const self = args.tensor('self');
    return filled(dtypeOr(args, self.dtype), self.shape, args.scalar('fill_value'));
  });
  table.define(`new_full(Tensor self, SymInt[] size, Scalar fill_value, ${creationOptions}) -> Tensor`, (args) =>
    filled(dtypeOr(args, args.tensor('self').dtype), args.ints('size'), args.scalar('fill_value')),
  );
  table.define(`scalar_tensor(Scalar s, ${creationOptions}) -> Tensor`, (args) =>
    filled(dtypeOr(args, 'float32'), [], args.scalar('s')),
  );

  // The overload with most numbers comes first: the shorter ones would take a number for a dtype.
  table.define(`arange.start_step(Scalar start, Scalar end, Scalar step=1, ${creationOptions}) -> Tensor`, (args) =>
    arange(args.scalar('start'), args.scalar('end'), args.scalar('step'), args.dtype('dtype')),
  );
  table.define(`arange.start(Scalar start, Scalar end, ${creationOptions}) -> Tensor`, (args) =>
    arange(args.scalar('start'), args.scalar('end'), 1n, args.dtype('dtype')),
  );
  table.define(`arange(Scalar end, ${creationOptions}) -> Tensor`, (args) =>
    arange(0n, args.scalar('end'), 1n, args.dtype('dtype')),
  );
  const spaced =
    (power: boolean): OperatorBody =>
    (args) => {
      const values = linspaceValues(Number(args.scalar('start')), Number(args.scalar('end')), args.int('steps'));
      const dtype = dtypeOr(args, 'float32');
      const result = power ? values.map((value) => args.float('base') ** value) : values;
      return Tensor.of(dtype, [values.length], convertElements(result, 'float64', dtype));
    };
  table.define(`linspace(Scalar start, Scalar end, int steps, ${creationOptions}) -> Tensor`, spaced(false));
  table.define(
    `logspace(Scalar start, Scalar end, int steps, float base=10., ${creationOptions}) -> Tensor`,
    spaced(true),
  );
  table.define(`eye.m(SymInt n, SymInt m, ${creationOptions}) -> Tensor`, (args) =>
    eye(args.int('n'), args.int('m'), dtypeOr(args, 'float32')),
  );
  table.define(`eye(SymInt n, ${creationOptions}) -> Tensor`, (args) =>
    eye(args.int('n'), args.int('n'), dtypeOr(args, 'float32')),
  );
  table.define('vander(Tensor x, int? N=None, bool increasing=False) -> Tensor', (args) => {
    const x = args.tensor('x');
    if (x.rank !== 1) throw new AppError('bad-input', 'x must be a one-dimensional tensor.');
    const columns = args.optionalInt('N') ?? x.elementCount;
    const values = x.toNumbers();
    const result = new Float64Array(values.length * columns);
    for (let i = 0; i < values.length; i++) {
      for (let c = 0; c < columns; c++)
        result[i * columns + c] = (values[i] as number) ** (args.bool('increasing') ? c : columns - 1 - c);
    }
    return cast(Tensor.of('float64', [values.length, columns], result), x.dtype === 'bool' ? 'int64' : x.dtype);
  });
  defineLiterals(table);
  defineWindows(table);
}

/** `torch.tensor` and `torch.as_tensor` of what the program spells out. */
function defineLiterals(table: OperatorTable): void {
  const literal =
    (name: string): OperatorBody =>
    (args) =>
      fromNested(args.value(name), args.dtype('dtype'));
  for (const [name, grad] of [
    ['tensor', ', bool requires_grad=False'],
    ['as_tensor', ''],
  ] as const) {
    const options = `*, ScalarType? dtype=None, Device? device=None${grad}`;
    for (const type of ['bool', 'float', 'int'])
      table.define(`${name}.${type}(${type} t, ${options}) -> Tensor`, literal('t'));
    if (name === 'as_tensor') {
      table.define(`as_tensor(Tensor(a) data, ${options}) -> Tensor(b|a)`, (args) =>
        cast(args.tensor('data'), args.dtype('dtype') ?? args.tensor('data').dtype),
      );
    }
    table.define(`${name}${name === 'tensor' ? '' : '.list'}(t[] data, ${options}) -> Tensor`, literal('data'));
  }
}

/** Raised cosines, and the triangle of Bartlett. A periodic window is a symmetric one of one more point, without its last. */
function defineWindows(table: OperatorTable): void {
  const define = (
    name: string,
    at: (phase: number, args: Arguments) => number,
    extras: readonly [string, string][] = [],
  ): void => {
    const body: OperatorBody = (args) => {
      const length = args.int('window_length');
      const periodic = !args.schema.indexOf.has('periodic') || args.bool('periodic');
      const points = periodic ? length : length - 1;
      const dtype = args.dtype('dtype') ?? 'float32';
      if (!isFloating(dtype)) throw new AppError('bad-input', `${name} expects floating point dtypes, got: ${dtype}`);
      const values = Float64Array.from({ length }, (_, i) => (length === 1 ? 1 : at(i / points, args)));
      return Tensor.of(dtype, [length], convertElements(values, 'float64', dtype));
    };
    table.define(`${name}(int window_length, ${creationOptions}) -> Tensor`, body);
    table.define(`${name}.periodic(int window_length, bool periodic, ${creationOptions}) -> Tensor`, body);
    for (const [overload, more] of extras)
      table.define(
        `${name}.${overload}(int window_length, bool periodic, ${more}, ${creationOptions}) -> Tensor`,
        body,
      );
  };
  const cosine = (phase: number): number => Math.cos(2 * Math.PI * phase);
  const optional = (args: Arguments, name: string, other: number): number =>
    args.schema.indexOf.has(name) ? args.float(name) : other;
  define('hann_window', (phase) => 0.5 - 0.5 * cosine(phase));
  define(
    'hamming_window',
    (phase, args) => optional(args, 'alpha', 0.54) - optional(args, 'beta', 0.46) * cosine(phase),
    [
      ['periodic_alpha', 'float alpha'],
      ['periodic_alpha_beta', 'float alpha, float beta'],
    ],
  );
  define('blackman_window', (phase) => 0.42 - 0.5 * cosine(phase) + 0.08 * cosine(2 * phase));
  define('bartlett_window', (phase) => 1 - Math.abs(2 * phase - 1));
}
