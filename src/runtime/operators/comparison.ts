// Comparison, tests of single values, logic and bits, and the choice between two tensors.

import type { DType } from '../../model/dtype';
import { convertElements, isFloating } from '../elements';
import { kernelGraph, type KernelCall } from '../kernels/graph';
import { resultType } from '../scalarTypes';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import {
  arithmeticType,
  castNode,
  checkBroadcast,
  elementwise,
  notImplemented,
  single,
  type Formula,
  type Operand,
} from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { broadcastShapes, cast, expandTo, operand, scalarTensor } from './support';

const operands = (args: Arguments): [Operand, Operand] => [
  args.value('self') as Operand,
  args.value('other') as Operand,
];

/** torch's names for each comparison, and ONNX's. */
const comparisons: readonly (readonly [readonly string[], string])[] = [
  [['eq'], 'Equal'],
  [['ne', 'not_equal'], 'NotEqual'],
  [['lt', 'less'], 'Less'],
  [['le', 'less_equal'], 'LessOrEqual'],
  [['gt', 'greater'], 'Greater'],
  [['ge', 'greater_equal'], 'GreaterOrEqual'],
];

const notEqual: Formula = (graph, inputs) => graph.node('Not', [graph.node('Equal', inputs)]);

function compare(opType: string, self: Operand, other: Operand): KernelCall {
  const dtype = resultType([self, other]);
  const types = { dtype, compute: arithmeticType(dtype), result: 'bool' as const };
  return elementwise(opType, [self, other], types, opType === 'NotEqual' ? notEqual : single(opType));
}

/** A test of each element, which is false for every integer (or true, for `isfinite`). */
function test(name: string, ofIntegers: boolean, formula: Formula): OperatorBody {
  return (args) => {
    const self = args.tensor('self');
    if (isFloating(self.dtype)) return elementwise(name, [self], { dtype: self.dtype, result: 'bool' }, formula);
    return Tensor.of('bool', self.shape, new Uint8Array(self.elementCount).fill(ofIntegers ? 1 : 0));
  };
}

/** |self - other| <= atol + rtol * |other|, equal infinities, and NaN with NaN where `equal_nan` says so. */
function isClose(args: Arguments): KernelCall {
  const [self, other, equalNan] = [args.tensor('self'), args.tensor('other'), args.bool('equal_nan')];
  const dtype = isFloating(self.dtype) ? self.dtype : 'float64';
  const types = { dtype, result: 'bool' as const };
  return elementwise(
    `isclose ${String(equalNan)}`,
    [self, other, args.float('rtol'), args.float('atol'), Infinity],
    types,
    (graph, [a = '', b = '', rtol = '', atol = '', infinity = '']) => {
      const difference = graph.node('Abs', [graph.node('Sub', [a, b])]);
      const allowed = graph.node('Add', [atol, graph.node('Abs', [graph.node('Mul', [rtol, b])])]);
      const near = graph.node('And', [
        graph.node('LessOrEqual', [difference, allowed]),
        graph.node('Less', [difference, infinity]),
      ]);
      const close = graph.node('Or', [graph.node('Equal', [a, b]), near]);
      if (!equalNan) return close;
      return graph.node('Or', [close, graph.node('And', [graph.node('IsNaN', [a]), graph.node('IsNaN', [b])])]);
    },
  );
}

/** `torch.equal`: the same shape and the same elements. */
function equal(a: Tensor, b: Tensor): boolean {
  if (a.rank !== b.rank || a.shape.some((size, d) => size !== b.shape[d])) return false;
  const dtype = resultType([a, b]);
  const [left, right] = [cast(a, dtype), cast(b, dtype)].map((tensor) => tensor.contiguousElements()) as [
    Float32Array,
    Float32Array,
  ];
  if (isFloating(dtype)) {
    const [x, y] = [cast(a, dtype).toNumbers(), cast(b, dtype).toNumbers()];
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
    return true;
  }
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** Bits of integers, or logic of booleans. */
function bitwise(name: 'and' | 'or' | 'xor'): OperatorBody {
  const opType = { and: 'And', or: 'Or', xor: 'Xor' }[name];
  return (args) => {
    const [self, other] = operands(args);
    const dtype = resultType([self, other]);
    if (isFloating(dtype)) throw notImplemented(`bitwise_${name}_cpu`, dtype);
    const node = dtype === 'bool' ? opType : `Bitwise${opType}`;
    return elementwise(node, [self, other], { dtype }, single(node));
  };
}

/** Shifts are done here: ONNX shifts unsigned numbers only. Bits that leave the type are lost; the sign stays. */
function shift(name: string, compute: (a: bigint, b: bigint) => bigint): OperatorBody {
  return (args) => {
    const [self, other] = operands(args);
    const dtype = resultType([self, other]);
    if (isFloating(dtype)) throw notImplemented(`${name}_cpu`, dtype);
    const [a, b] = [operand(self, 'int64'), operand(other, 'int64')];
    const shape = broadcastShapes(a.shape, b.shape);
    const [left, right] = [a, b].map((tensor) => expandTo(tensor, shape).contiguousElements()) as [
      BigInt64Array,
      BigInt64Array,
    ];
    const result = BigInt64Array.from(left, (value, i) => BigInt.asIntN(64, compute(value, right[i] as bigint)));
    return Tensor.of(dtype, shape, convertElements(result, 'int64', dtype));
  };
}

function choose(condition: Tensor, self: Operand, other: Operand): KernelCall {
  const dtype = resultType([self, other]);
  checkBroadcast([condition, self, other]);
  const wide = arithmeticType(dtype);
  const value = (given: Operand): Tensor => (given instanceof Tensor ? cast(given, dtype) : scalarTensor(given, dtype));
  return kernelGraph(
    'where',
    { dtype, wide },
    [cast(condition, 'bool'), value(self), value(other)],
    (graph, [test = '', a = '', b = ''], types) => {
      if (types.wide === types.dtype) return graph.node('Where', [test, a, b]);
      const chosen = graph.node('Where', [test, castNode(graph, a, types.wide), castNode(graph, b, types.wide)]);
      return castNode(graph, chosen, types.dtype);
    },
  );
}

export function defineComparison(table: OperatorTable): void {
  for (const [names, opType] of comparisons) {
    for (const name of names) {
      const body: OperatorBody = (args) => compare(opType, ...operands(args));
      table.defineWithInplace(`${name}.Tensor(Tensor self, Tensor other) -> Tensor`, body);
      table.defineWithInplace(`${name}.Scalar(Tensor self, Scalar other) -> Tensor`, body);
    }
  }
  table.define('isnan(Tensor self) -> Tensor', test('isnan', false, single('IsNaN')));
  table.define('isinf(Tensor self) -> Tensor', test('isinf', false, single('IsInf')));
  table.define(
    'isfinite(Tensor self) -> Tensor',
    test('isfinite', true, (graph, inputs) =>
      graph.node('Not', [graph.node('Or', [graph.node('IsNaN', inputs), graph.node('IsInf', inputs)])]),
    ),
  );
  table.define(
    'isposinf(Tensor self) -> Tensor',
    test('isposinf', false, (graph, inputs) => graph.node('IsInf', inputs, { detect_negative: 0 })),
  );
  table.define(
    'isneginf(Tensor self) -> Tensor',
    test('isneginf', false, (graph, inputs) => graph.node('IsInf', inputs, { detect_positive: 0 })),
  );
  const closeness = 'float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False';
  table.define(`isclose(Tensor self, Tensor other, ${closeness}) -> Tensor`, isClose);
  table.define(`allclose(Tensor self, Tensor other, ${closeness}) -> bool`, async (args, context) => {
    const close = await context.run(isClose(args));
    return (close.contiguousElements() as Uint8Array).every((element) => element !== 0);
  });
  table.define('equal(Tensor self, Tensor other) -> bool', (args) => equal(args.tensor('self'), args.tensor('other')));
  defineLogic(table);

  const where: OperatorBody = (args) => choose(args.tensor('condition'), ...operands(args));
  table.define('where.self(Tensor condition, Tensor self, Tensor other) -> Tensor', where);
  table.define('where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor', where);
  table.define('where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor', where);
  table.define('where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor', where);
}

function defineLogic(table: OperatorTable): void {
  const bool = { dtype: 'bool' as DType };
  for (const name of ['And', 'Or', 'Xor']) {
    table.defineWithInplace(`logical_${name.toLowerCase()}(Tensor self, Tensor other) -> Tensor`, (args) =>
      elementwise(name, operands(args), bool, single(name)),
    );
  }
  table.defineWithInplace('logical_not(Tensor self) -> Tensor', (args) =>
    elementwise('Not', [args.tensor('self')], bool, single('Not')),
  );
  table.defineWithInplace('bitwise_not(Tensor self) -> Tensor', (args) => {
    const { dtype } = args.tensor('self');
    if (isFloating(dtype)) throw notImplemented('bitwise_not_cpu', dtype);
    const node = dtype === 'bool' ? 'Not' : 'BitwiseNot';
    return elementwise(node, [args.tensor('self')], { dtype }, single(node));
  });
  for (const name of ['and', 'or', 'xor'] as const) {
    const body = bitwise(name);
    for (const type of ['Tensor', 'Scalar']) {
      table.defineWithInplace(`bitwise_${name}.${type}(Tensor self, ${type} other) -> Tensor`, body);
      table.define(`__${name}__.${type}(Tensor self, ${type} other) -> Tensor`, body);
      table.defineInplace(`__i${name}__.${type}(Tensor(a!) self, ${type} other) -> Tensor(a!)`, body);
    }
    table.define(`bitwise_${name}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor`, body);
  }
  const shifts = { lshift: shift('lshift', (a, b) => a << b), rshift: shift('rshift', (a, b) => a >> b) };
  for (const [name, body] of Object.entries(shifts)) {
    const full = name === 'lshift' ? 'bitwise_left_shift' : 'bitwise_right_shift';
    table.defineWithInplace(`${full}.Tensor(Tensor self, Tensor other) -> Tensor`, body);
    table.defineWithInplace(`${full}.Tensor_Scalar(Tensor self, Scalar other) -> Tensor`, body);
    for (const type of ['Tensor', 'Scalar']) {
      table.define(`__${name}__.${type}(Tensor self, ${type} other) -> Tensor`, body);
      table.defineInplace(`__i${name}__.${type}(Tensor(a!) self, ${type} other) -> Tensor(a!)`, body);
    }
  }
}
