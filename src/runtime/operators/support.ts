// What operator families share: casting, wrapping numbers, shapes, errors.

import type { DType } from '../../model/dtype';
import { AppError } from '../../util/errors';
import { convertElements, writeNumber } from '../elements';
import { contiguousStrides, Tensor, type Shape } from '../tensor';
import type { Scalar } from './arguments';

/** The tensor itself where it has the dtype, else a converted contiguous copy. */
export function cast(tensor: Tensor, dtype: DType): Tensor {
  if (tensor.dtype === dtype) return tensor;
  return Tensor.of(dtype, tensor.shape, convertElements(tensor.contiguousElements(), tensor.dtype, dtype));
}

/** A Python number as a tensor without dimensions. */
export function scalarTensor(value: Scalar, dtype: DType): Tensor {
  const tensor = Tensor.zeros(dtype, []);
  const { elements } = tensor.storage;
  if (elements instanceof BigInt64Array && typeof value === 'bigint') elements[0] = value;
  else writeNumber(elements, dtype, 0, Number(value));
  return tensor;
}

/** A tensor, or a number wrapped as one, in the dtype. */
export function operand(value: Tensor | Scalar, dtype: DType): Tensor {
  return value instanceof Tensor ? cast(value, dtype) : scalarTensor(value, dtype);
}

/** A dimension counted from the end where negative. @throws AppError with torch's message where it is out of range. */
export function wrapDim(dim: number, rank: number): number {
  const limit = Math.max(rank, 1);
  if (dim < -limit || dim >= limit) {
    throw new AppError(
      'bad-input',
      `Dimension out of range (expected to be in range of [${-limit}, ${limit - 1}], but got ${dim})`,
    );
  }
  return dim < 0 ? dim + limit : dim;
}

/** The shape that two shapes broadcast to. @throws AppError with torch's message where they don't. */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, d) => {
    const left = a[d - rank + a.length] ?? 1;
    const right = b[d - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new AppError(
        'bad-input',
        `The size of tensor a (${left}) must match the size of tensor b (${right}) at non-singleton dimension ${d}`,
      );
    }
    return left === 1 ? right : left;
  });
}

/** The tensor seen in a larger shape, with stride 0 where it repeats. */
export function expandTo(tensor: Tensor, shape: Shape): Tensor {
  const lead = shape.length - tensor.rank;
  const strides = shape.map((size, d) => {
    const own = d < lead ? 1 : (tensor.shape[d - lead] as number);
    if (own !== size && own !== 1) {
      throw new AppError(
        'bad-input',
        `A tensor of shape [${tensor.shape.join(', ')}] can't be expanded to [${shape.join(', ')}]`,
      );
    }
    return d < lead || own !== size ? 0 : (tensor.strides[d - lead] as number);
  });
  return tensor.view(shape, strides);
}

/** Python's way to write a shape. */
export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** As Python shows `tensor.shape`. */
export function sizeText(shape: Shape): string {
  return `torch.Size(${shapeText(shape)})`;
}

/** Runs `compute` on an input of `rank` dimensions; one that lacks the batch dimension gets it, and the result loses it again. */
export async function withBatch(
  input: Tensor,
  rank: number,
  compute: (batched: Tensor) => Promise<Tensor>,
): Promise<Tensor> {
  if (input.rank !== rank - 1) return compute(input);
  const result = await compute(input.view([1, ...input.shape], [0, ...input.strides]));
  return result.view(result.shape.slice(1), result.strides.slice(1));
}

/** A contiguous tensor (or a contiguous copy of it) in another shape of as many elements. */
export function reshaped(tensor: Tensor, shape: Shape): Tensor {
  const contiguous = tensor.contiguous();
  return contiguous.view(shape, contiguousStrides(shape));
}
