// Softmax and its logarithm along a dimension.

import { isFloating } from '../elements';
import { kernel } from '../kernels/graph';
import type { KernelRunner } from '../context';
import type { Tensor } from '../tensor';
import { notImplemented } from './elementwise';
import type { OperatorBody, OperatorTable } from './registry';
import { cast, wrapDim } from './support';

/** exp(x) / Σ exp(x), or x - log Σ exp(x), along `dim`. */
export async function softmax(
  opType: 'Softmax' | 'LogSoftmax',
  self: Tensor,
  dim: number,
  runner: KernelRunner,
): Promise<Tensor> {
  if (!isFloating(self.dtype)) {
    throw notImplemented(
      opType === 'Softmax' ? 'softmax_lastdim_kernel_impl' : 'log_softmax_lastdim_kernel_impl',
      self.dtype,
    );
  }
  const axis = wrapDim(dim, self.rank);
  if (self.elementCount === 0) return self.clone();
  if (self.rank > 0) return runner.run(kernel(opType, [self], { axis }).giving(self.shape));
  // ONNX knows no axis of a tensor without dimensions.
  const result = await runner.run(kernel(opType, [self.view([1], [1])], { axis: 0 }).giving([1]));
  return result.view([], []);
}

export function defineSoftmax(table: OperatorTable): void {
  for (const [name, opType] of [
    ['softmax', 'Softmax'],
    ['log_softmax', 'LogSoftmax'],
  ] as const) {
    const converted: OperatorBody = (args, context) => {
      const self = args.tensor('self');
      return softmax(opType, cast(self, args.dtype('dtype') ?? self.dtype), args.int('dim'), context.later);
    };
    table.define(`${name}.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor`, converted);
    table.define(`_${name}(Tensor self, int dim, bool half_to_float) -> Tensor`, (args, context) => {
      const self = args.tensor('self');
      return softmax(
        opType,
        cast(self, args.bool('half_to_float') ? 'float32' : self.dtype),
        args.int('dim'),
        context.later,
      );
    });
    const keyword = name === 'softmax' ? '' : '*, ';
    table.define(`special_${name}(Tensor self, int dim, ${keyword}ScalarType? dtype=None) -> Tensor`, converted);
  }
}
