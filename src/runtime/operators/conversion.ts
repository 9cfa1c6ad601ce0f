// Conversions and copies: `to` in all its forms, clone, detach, writing one tensor into another.

import type { DType } from '../../model/dtype';
import { convertElements } from '../elements';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import { refuseOverlap, type OperatorBody, type OperatorTable } from './registry';
import { cast, expandTo, scalarTensor } from './support';

/** torch's numbers of memory formats. */
const channelsLast = 2;
const channelsLast3d = 3;

/** `Tensor.to`: the tensor itself where nothing changes and no copy is asked for. */
function convert(args: Arguments, dtype: DType | null): Tensor {
  const self = args.tensor('self');
  const copy = args.schema.indexOf.has('copy') && args.bool('copy');
  const converted = cast(self, dtype ?? self.dtype);
  const format = args.schema.indexOf.has('memory_format') ? args.optionalInt('memory_format') : null;
  if (converted !== self) return inFormat(converted, format, false);
  return copy ? inFormat(self, format, true) : inFormat(self, format, false);
}

/** The tensor with its elements laid out as the format asks; `copy` wants a storage of its own in any case. */
function inFormat(self: Tensor, format: number | null, copy: boolean): Tensor {
  const wanted = format === channelsLast ? 4 : format === channelsLast3d ? 5 : undefined;
  if (wanted !== self.rank) return copy ? self.clone() : self;
  if (!copy && isChannelsLast(self)) return self;
  // Channels are moved to the end, copied row by row, and moved back in the view.
  const order = [0, ...Array.from({ length: self.rank - 2 }, (_, d) => d + 2), 1];
  const moved = self
    .view(
      order.map((d) => self.shape[d] as number),
      order.map((d) => self.strides[d] as number),
    )
    .clone();
  const strides = new Array<number>(self.rank);
  order.forEach((d, i) => (strides[d] = moved.strides[i] as number));
  return moved.view(self.shape, strides);
}

/** Whether the elements lie in memory with the channels of one position side by side. */
export function isChannelsLast(self: Tensor): boolean {
  let expected = 1;
  for (const d of [1, ...Array.from({ length: self.rank - 2 }, (_, i) => self.rank - 1 - i), 0]) {
    const size = self.shape[d] as number;
    if (size !== 1 && self.strides[d] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** A view of the same elements that takes no part in gradients. */
function detach(self: Tensor): Tensor {
  const result = self.view(self.shape, self.strides);
  result.requiresGrad = false;
  return result;
}

/** Writes `source`, expanded and converted, over all elements of `self`. */
function copyInto(self: Tensor, source: Tensor): Tensor {
  refuseOverlap(self);
  const elements = expandTo(source, self.shape).contiguousElements();
  if (source.dtype === self.dtype) self.write(elements);
  else self.write(convertElements(elements, source.dtype, self.dtype), true);
  return self;
}

function fill(self: Tensor, args: Arguments): Tensor {
  const value = args.value('value');
  return copyInto(self, value instanceof Tensor ? value : scalarTensor(args.scalar('value'), self.dtype));
}

const casts: Readonly<Record<string, DType>> = {
  Byte: 'uint8',
  Char: 'int8',
  Short: 'int16',
  Int: 'int32',
  Long: 'int64',
  Half: 'float16',
  Float: 'float32',
  Double: 'float64',
};

export function defineConversion(table: OperatorTable): void {
  const toDtype: OperatorBody = (args) => convert(args, args.dtype('dtype'));
  const toOther: OperatorBody = (args) => convert(args, args.tensor('other').dtype);
  const more = 'bool non_blocking=False, bool copy=False';
  const format = 'MemoryFormat? memory_format=None';
  table.define(`to.dtype(Tensor(a) self, ScalarType dtype, ${more}, ${format}) -> Tensor(a)`, toDtype);
  table.define(`to.device(Tensor(a) self, Device device, ScalarType dtype, ${more}, ${format}) -> Tensor(a)`, toDtype);
  table.define(`to.other(Tensor(a) self, Tensor other, ${more}, ${format}) -> Tensor(a)`, toOther);
  table.define(
    `to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, ${more}, ${format}) -> Tensor(a)`,
    toDtype,
  );
  table.define(`to.prim_Device(Tensor(a) self, Device? device, int? dtype=None, ${more}) -> Tensor(b|a)`, toDtype);
  table.define(`to.prim_dtype(Tensor(a) self, int? dtype=None, ${more}) -> Tensor(b|a)`, toDtype);
  table.define(`to.prim_other(Tensor(a) self, ${more}) -> Tensor(b|a)`, (args) => convert(args, null));
  table.define('type_as(Tensor self, Tensor other) -> Tensor', toOther);
  for (const [name, dtype] of Object.entries(casts)) {
    table.define(`_cast_${name}(Tensor self, bool non_blocking=False) -> Tensor`, (args) =>
      cast(args.tensor('self'), dtype),
    );
  }
  table.define(
    '_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor',
    (args) => {
      const converted = convert(args, args.dtype('dtype'));
      return converted === args.tensor('self') ? converted.clone() : converted;
    },
  );

  // Everything runs on one device, so these change nothing.
  for (const name of ['cpu', 'cuda'])
    table.define(`${name}(Tensor(a) self) -> Tensor(b|a)`, (args) => args.tensor('self'));
  table.define('pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)', (args) => args.tensor('self'));
  for (const name of ['conj', 'real', 'resolve_conj', 'resolve_neg', 'lift_fresh']) {
    table.define(`${name}(Tensor(a) self) -> Tensor(a)`, (args) => args.tensor('self'));
  }

  table.define('clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor', (args) =>
    inFormat(args.tensor('self'), args.optionalInt('memory_format'), true),
  );
  for (const name of ['detach_copy', 'lift', 'lift_fresh_copy', 'alias_copy']) {
    table.define(`${name}(Tensor self) -> Tensor`, (args) => args.tensor('self').clone());
  }
  table.define('contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)', (args) => {
    const self = args.tensor('self');
    const format = args.int('memory_format');
    return format === 0 ? self.contiguous() : inFormat(self, format, false);
  });
  table.define('detach(Tensor(a) self) -> Tensor(a)', (args) => detach(args.tensor('self')));
  table.define('data(Tensor self) -> Tensor', (args) => detach(args.tensor('self')));
  table.define('detach_(Tensor(a!) self) -> Tensor(a!)', (args) => {
    args.tensor('self').requiresGrad = false;
    return args.tensor('self');
  });
  table.define('requires_grad_(Tensor(a!) self, bool requires_grad=True) -> Tensor(a!)', (args) => {
    args.tensor('self').requiresGrad = args.bool('requires_grad');
    return args.tensor('self');
  });

  table.define('copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)', (args) =>
    copyInto(args.tensor('self'), args.tensor('src')),
  );
  for (const type of ['int', 'float']) {
    table.define(`copy_.${type}(Tensor(a!) self, ${type} other) -> Tensor(a!)`, (args) =>
      copyInto(args.tensor('self'), scalarTensor(args.scalar('other'), args.tensor('self').dtype)),
    );
  }
  table.define('copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor', (args) =>
    copyInto(args.tensor('self').clone(), args.tensor('src')),
  );
  for (const type of ['Scalar', 'Tensor']) {
    table.define(`fill_.${type}(Tensor(a!) self, ${type} value) -> Tensor(a!)`, (args) =>
      fill(args.tensor('self'), args),
    );
    table.define(`fill.${type}(Tensor self, ${type} value) -> Tensor`, (args) =>
      fill(args.tensor('self').clone(), args),
    );
  }
  table.define('zero_(Tensor(a!) self) -> Tensor(a!)', (args) =>
    copyInto(args.tensor('self'), Tensor.zeros(args.tensor('self').dtype, [])),
  );
}
