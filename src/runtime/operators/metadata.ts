// What a program asks about tensors and dtypes without touching elements.

import { itemSize, type DType } from '../../model/dtype';
import { isFloating } from '../elements';
import { codeOfDtype, promoteTypes, resultType } from '../scalarTypes';
import type { Tensor } from '../tensor';
import type { Value } from '../values';
import { isChannelsLast } from './conversion';
import type { Operand } from './elementwise';
import type { OperatorTable } from './registry';
import { broadcastShapes, wrapDim } from './support';

/** bool < integer < floating: a cast may not go down. uint8 takes no signed integer. */
function canCast(from: DType, to: DType): boolean {
  if (isFloating(from) && !isFloating(to)) return false;
  if (from !== 'bool' && to === 'bool') return false;
  return !(to === 'uint8' && ['int8', 'int16', 'int32', 'int64'].includes(from));
}

export function defineMetadata(table: OperatorTable): void {
  const ask = (schema: string, answer: (self: Tensor) => Value): void => {
    table.define(schema, (args) => answer(args.tensor('self')));
  };
  ask('is_floating_point(Tensor self) -> bool', (self) => isFloating(self.dtype));
  ask('is_signed(Tensor self) -> bool', (self) => self.dtype !== 'uint8' && self.dtype !== 'bool');
  for (const name of ['is_complex', 'is_conj', 'is_neg', 'is_inference'])
    ask(`${name}(Tensor self) -> bool`, () => false);
  table.define('is_pinned(Tensor self, Device? device=None) -> bool', () => false);
  ask('is_nonzero(Tensor self) -> bool', (self) => Number(self.toNumbers()[0]) !== 0);

  ask('numel(Tensor self) -> int', (self) => BigInt(self.elementCount));
  ask('sym_numel(Tensor self) -> SymInt', (self) => BigInt(self.elementCount));
  for (const [prefix, type] of [
    ['', 'int'],
    ['sym_', 'SymInt'],
  ] as const) {
    ask(`${prefix}size(Tensor self) -> ${type}[]`, (self) => self.shape.map(BigInt));
    ask(`${prefix}stride(Tensor self) -> ${type}[]`, (self) => self.strides.map(BigInt));
    ask(`${prefix}storage_offset(Tensor self) -> ${type}`, (self) => BigInt(self.offset));
    table.define(`${prefix}size.int(Tensor self, int dim) -> ${type}`, (args) =>
      at(args.tensor('self').shape, args.int('dim')),
    );
    table.define(`${prefix}stride.int(Tensor self, int dim) -> ${type}`, (args) =>
      at(args.tensor('self').strides, args.int('dim')),
    );
  }
  ask('is_contiguous(Tensor self) -> bool', (self) => self.isContiguous);
  table.define('is_contiguous.memory_format(Tensor self, MemoryFormat memory_format) -> bool', (args) => {
    const [self, format] = [args.tensor('self'), args.int('memory_format')];
    return format === 0 ? self.isContiguous : self.rank === format + 2 && isChannelsLast(self);
  });
  table.define(
    'is_same_size(Tensor self, Tensor other) -> bool',
    (args) => args.tensor('self').shape.join() === args.tensor('other').shape.join(),
  );

  for (const name of ['broadcast_shapes', '_infer_size']) {
    table.define(`${name}(int[] a, int[] b) -> int[]`, (args) =>
      broadcastShapes(args.ints('a'), args.ints('b')).map(BigInt),
    );
  }
  ask('element_size(Tensor self) -> int', (self) => BigInt(itemSize[self.dtype]));

  const pairs = {
    Tensor: ['Tensor tensor', 'Tensor other'],
    Scalar: ['Tensor tensor', 'Scalar other'],
    Scalar_Tensor: ['Scalar scalar', 'Tensor tensor'],
    Scalar_Scalar: ['Scalar scalar1', 'Scalar scalar2'],
  };
  for (const [overload, [first = '', second = '']] of Object.entries(pairs)) {
    table.define(`result_type.${overload}(${first}, ${second}) -> ScalarType`, (args) =>
      codeOfDtype(resultType(args.values as Operand[])),
    );
  }
  table.define('promote_types(ScalarType type1, ScalarType type2) -> ScalarType', (args) =>
    codeOfDtype(promoteTypes(args.dtype('type1') as DType, args.dtype('type2') as DType)),
  );
  table.define('can_cast(ScalarType from_, ScalarType to) -> bool', (args) =>
    canCast(args.dtype('from_') as DType, args.dtype('to') as DType),
  );
}

function at(values: readonly number[], dim: number): bigint {
  return BigInt(values[wrapDim(dim, values.length)] ?? 0);
}
