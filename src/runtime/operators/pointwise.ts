// Arithmetic, one element at a time, with torch's type promotion and broadcasting.

import { resultType } from '../scalarTypes';
import { isFloating } from '../elements';
import { kernel, kernelGraph, type KernelCall } from '../kernels/graph';
import { Tensor } from '../tensor';
import type { Arguments, Scalar } from './arguments';
import type { OperatorBody, OperatorTable } from './registry';
import { operand } from './support';

/** A binary operator of ONNX over both operands in their common dtype. */
export function binary(opType: string, self: Tensor | Scalar, other: Tensor | Scalar): KernelCall {
  const dtype = resultType([self, other]);
  return kernel(opType, [operand(self, dtype), operand(other, dtype)]);
}

/** `other` of a `.Tensor` or `.Scalar` overload. */
function otherOf(args: Arguments): Tensor | Scalar {
  return args.value('other') as Tensor | Scalar;
}

/** add and sub take `alpha`, the factor of the second operand. */
function withAlpha(opType: 'Add' | 'Sub'): OperatorBody {
  return (args) => {
    const [self, other, alpha] = [args.tensor('self'), otherOf(args), args.scalar('alpha')];
    if (Number(alpha) === 1) return binary(opType, self, other);
    const dtype = resultType([self, other]);
    const inputs = [operand(self, dtype), operand(other, dtype), operand(alpha, dtype)];
    return kernelGraph(`${opType} with alpha`, { opType }, inputs, (graph, [a = '', b = '', factor = ''], parameters) =>
      graph.node(parameters.opType, [a, graph.node('Mul', [b, factor])]),
    );
  };
}

export function definePointwise(table: OperatorTable): void {
  table.defineWithInplace('add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor', withAlpha('Add'));
  table.defineWithInplace('add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor', withAlpha('Add'));
  table.defineWithInplace('sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor', withAlpha('Sub'));
  table.defineWithInplace('sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor', withAlpha('Sub'));
  const multiply: OperatorBody = (args) => binary('Mul', args.tensor('self'), otherOf(args));
  table.defineWithInplace('mul.Tensor(Tensor self, Tensor other) -> Tensor', multiply);
  table.defineWithInplace('mul.Scalar(Tensor self, Scalar other) -> Tensor', multiply);
  const divide: OperatorBody = (args) => {
    const [self, other] = [args.tensor('self'), otherOf(args)];
    const common = resultType([self, other]);
    // True division of integers is done in the default dtype.
    const dtype = isFloating(common) ? common : 'float32';
    return kernel('Div', [operand(self, dtype), operand(other, dtype)]);
  };
  table.defineWithInplace('div.Tensor(Tensor self, Tensor other) -> Tensor', divide);
  table.defineWithInplace('div.Scalar(Tensor self, Scalar other) -> Tensor', divide);
}
