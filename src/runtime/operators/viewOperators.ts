// The ATen operators that return views, or change a tensor's own shape in place.

import { AppError } from '../../util/errors';
import { itemSize } from '../../model/dtype';
import { Tensor } from '../tensor';
import type { Arguments } from './arguments';
import type { OperatorTable } from './registry';
import { broadcastShapes, expandTo, wrapDim } from './support';
import {
  asStrided,
  diagonal,
  expand,
  flatten,
  inferShape,
  moveDims,
  narrow,
  permute,
  reshape,
  select,
  slice,
  squeeze,
  transpose,
  unfold,
  unsqueeze,
  viewAs,
} from './view';

type MakeView = (self: Tensor, args: Arguments) => Tensor;

export function defineViews(table: OperatorTable): void {
  const view = (schema: string, make: MakeView): void => {
    table.define(schema, (args) => make(args.tensor('self'), args));
  };
  /** The tensor itself takes the shape of the view. */
  const viewInplace = (schema: string, make: MakeView): void => {
    table.define(schema, (args) => {
      const self = args.tensor('self');
      const { shape, strides, offset } = make(self, args);
      Object.assign(self, { shape, strides, offset });
      return self;
    });
  };
  defineShapes(view);
  defineOrders(view, viewInplace);
  defineParts(view);
  view('expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)', (self, args) =>
    expand(self, args.ints('size')),
  );
  view('expand_as(Tensor(a) self, Tensor other) -> Tensor(a)', (self, args) =>
    expand(self, args.tensor('other').shape),
  );
  view('broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)', (self, args) => expand(self, args.ints('size')));
  table.define('broadcast_tensors(Tensor[] tensors) -> Tensor[]', (args) => {
    const tensors = args.tensors('tensors');
    const shape = tensors.map((tensor) => tensor.shape).reduce(broadcastShapes);
    return tensors.map((tensor) => expandTo(tensor, shape));
  });
  table.define('meshgrid(Tensor[] tensors) -> Tensor[]', (args) => meshgrid(args.tensors('tensors'), 'ij'));
  table.define('meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]', (args) =>
    meshgrid(args.tensors('tensors'), args.string('indexing')),
  );
  table.define('view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)', reinterpret);
}

type Define = (schema: string, make: MakeView) => void;

function defineShapes(view: Define): void {
  view('view(Tensor(a) self, SymInt[] size) -> Tensor(a)', (self, args) => viewAs(self, args.ints('size')));
  view('_unsafe_view(Tensor self, SymInt[] size) -> Tensor', (self, args) => viewAs(self, args.ints('size')));
  view('view_as(Tensor(a) self, Tensor other) -> Tensor(a)', (self, args) => viewAs(self, args.tensor('other').shape));
  view('reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)', (self, args) => reshape(self, args.ints('shape')));
  view('reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)', (self, args) =>
    reshape(self, args.tensor('other').shape),
  );
  view('_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)', (self, args) =>
    asStrided(self, args.ints('size'), args.ints('stride'), self.offset),
  );
  view('flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)', (self, args) =>
    flatten(self, args.int('start_dim'), args.int('end_dim')),
  );
  view('ravel(Tensor(a) self) -> Tensor(a)', (self) => reshape(self, [-1]));
  view('unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)', (self, args) => {
    const dim = wrapDim(args.int('dim'), self.rank);
    const sizes = inferShape(args.ints('sizes'), self.shape[dim] ?? 1);
    return viewAs(self, [...self.shape.slice(0, dim), ...sizes, ...self.shape.slice(dim + 1)]);
  });
  view('atleast_1d(Tensor self) -> Tensor', (self) => (self.rank === 0 ? reshape(self, [1]) : self));
  view('atleast_2d(Tensor self) -> Tensor', atLeastTwo);
  view('atleast_3d(Tensor self) -> Tensor', (self) => (self.rank >= 3 ? self : unsqueeze(atLeastTwo(self), -1)));
}

function atLeastTwo(tensor: Tensor): Tensor {
  if (tensor.rank >= 2) return tensor;
  return tensor.rank === 0 ? reshape(tensor, [1, 1]) : unsqueeze(tensor, 0);
}

function defineOrders(view: Define, viewInplace: Define): void {
  const squeezeDim: MakeView = (self, args) => squeeze(self, [args.int('dim')]);
  const squeezeDims: MakeView = (self, args) => squeeze(self, args.ints('dim'));
  const unsqueezeDim: MakeView = (self, args) => unsqueeze(self, args.int('dim'));
  const turn: MakeView = (self) => {
    if (self.rank > 2)
      throw new AppError('bad-input', `t() expects a tensor with <= 2 dimensions, but self is ${self.rank}D`);
    return self.rank === 2 ? transpose(self, 0, 1) : self.view(self.shape, self.strides);
  };
  for (const [define, suffix, mark, result] of [
    [view, '', 'a', 'a'],
    [viewInplace, '_', 'a!', 'a!'],
  ] as const) {
    const schema = (name: string, rest: string): string => `${name}(Tensor(${mark}) self${rest}) -> Tensor(${result})`;
    define(schema(`squeeze${suffix}`, ''), (self) => squeeze(self));
    define(schema(`squeeze${suffix}.dim`, ', int dim'), squeezeDim);
    define(schema(`squeeze${suffix}.dims`, ', int[] dim'), squeezeDims);
    define(schema(`unsqueeze${suffix}`, ', int dim'), unsqueezeDim);
    define(schema(`t${suffix}`, ''), turn);
    const swap =
      (first: string, second: string): MakeView =>
      (self, args) =>
        transpose(self, args.int(first), args.int(second));
    define(schema(suffix === '' ? 'transpose.int' : 'transpose_', ', int dim0, int dim1'), swap('dim0', 'dim1'));
    define(schema(`swapdims${suffix}`, ', int dim0, int dim1'), swap('dim0', 'dim1'));
    define(schema(`swapaxes${suffix}`, ', int axis0, int axis1'), swap('axis0', 'axis1'));
  }
  viewInplace(
    'as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)',
    strided,
  );
  view('permute(Tensor(a) self, int[] dims) -> Tensor(a)', (self, args) => permute(self, args.ints('dims')));
  for (const name of ['movedim', 'moveaxis']) {
    view(`${name}.int(Tensor(a) self, int source, int destination) -> Tensor(a)`, (self, args) =>
      moveDims(self, [args.int('source')], [args.int('destination')]),
    );
    view(`${name}.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)`, (self, args) =>
      moveDims(self, args.ints('source'), args.ints('destination')),
    );
  }
  const reversed: MakeView = (self) => permute(self, [...self.shape.keys()].reverse());
  view('numpy_T(Tensor(a) self) -> Tensor(a)', reversed);
  view('numpy_T.a(Tensor(a) self) -> Tensor(a)', reversed);
  // There are no complex tensors here, so that conjugating changes nothing.
  for (const name of ['mT', 'mH', 'matrix_H', 'mT.a', 'mH.a', 'matrix_H.a', 'adjoint']) {
    view(`${name}(Tensor(a) self) -> Tensor(a)`, (self) => transpose(self, -2, -1));
  }
  view('alias(Tensor(a) self) -> Tensor(a)', (self) => self.view(self.shape, self.strides));
}

const strided: MakeView = (self, args) =>
  asStrided(self, args.ints('size'), args.ints('stride'), args.optionalInt('storage_offset') ?? self.offset);

function defineParts(view: Define): void {
  view('select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)', (self, args) =>
    select(self, args.int('dim'), args.int('index')),
  );
  view(
    'slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)',
    (self, args) => slice(self, args.int('dim'), args.optionalInt('start'), args.optionalInt('end'), args.int('step')),
  );
  view('narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)', (self, args) =>
    narrow(self, args.int('dim'), args.int('start'), args.int('length')),
  );
  view('narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)', (self, args) =>
    narrow(self, args.int('dim'), args.tensor('start').toNumbers()[0] ?? 0, args.int('length')),
  );
  view('diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)', (self, args) =>
    diagonal(self, args.int('offset'), args.int('dim1'), args.int('dim2')),
  );
  view('unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)', (self, args) =>
    unfold(self, args.int('dimension'), args.int('size'), args.int('step')),
  );
  view('as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)', strided);
}

function meshgrid(tensors: readonly Tensor[], indexing: string): Tensor[] {
  if (indexing !== 'ij' && indexing !== 'xy') {
    throw new AppError('bad-input', `torch.meshgrid: indexing must be one of "xy" or "ij", but received: ${indexing}`);
  }
  const swaps = indexing === 'xy' && tensors.length > 1;
  const ordered = swaps ? [tensors[1]!, tensors[0]!, ...tensors.slice(2)] : tensors;
  const shape = ordered.map((tensor) => tensor.elementCount);
  const grids = ordered.map((tensor, d) =>
    expandTo(
      viewAs(
        tensor,
        shape.map((_, i) => (i === d ? -1 : 1)),
      ),
      shape,
    ),
  );
  return swaps ? [grids[1]!, grids[0]!, ...grids.slice(2)] : grids;
}

/** The same bytes as another dtype. A copy: later writes to one are not seen by the other. */
function reinterpret(args: Arguments): Tensor {
  const self = args.tensor('self');
  const dtype = args.dtype('dtype') ?? self.dtype;
  if (dtype === self.dtype) return self.view(self.shape, self.strides);
  const bytes = (self.shape.at(-1) ?? 1) * itemSize[self.dtype];
  if (bytes % itemSize[dtype] !== 0 || (self.rank === 0 && itemSize[dtype] !== itemSize[self.dtype])) {
    throw new AppError('bad-input', `A tensor of ${self.dtype} with these sizes can't be viewed as ${dtype}`);
  }
  const shape = self.rank === 0 ? [] : [...self.shape.slice(0, -1), bytes / itemSize[dtype]];
  return Tensor.fromBytes(dtype, shape, self.toBytes());
}
