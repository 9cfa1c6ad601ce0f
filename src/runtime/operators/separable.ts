// Linear maps along one dimension: adaptive averages and filtered resizing are products with small matrices.

import type { KernelRunner } from '../context';
import { convertElements } from '../elements';
import { kernel } from '../kernels/graph';
import { Tensor } from '../tensor';
import { reshaped } from './support';

/** Multiplies dimension `dim` of size `in` by a row-major matrix [out, in]; the others stay as they are. */
export async function mapAlong(
  input: Tensor,
  dim: number,
  matrix: Float64Array,
  runner: KernelRunner,
): Promise<Tensor> {
  const size = input.shape[dim] as number;
  const target = matrix.length / size;
  const weights = Tensor.of(input.dtype, [target, size], convertElements(matrix, 'float64', input.dtype));
  const lead = input.shape.slice(0, dim);
  const tail = input.shape.slice(dim + 1);
  const joined = (sizes: readonly number[]): number => sizes.reduce((product, value) => product * value, 1);
  const call = kernel('MatMul', [weights, reshaped(input, [joined(lead), size, joined(tail)])]);
  const product = await runner.run(call.giving([joined(lead), target, joined(tail)]));
  return reshaped(product, [...lead, target, ...tail]);
}
