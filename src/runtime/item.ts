// The number in a tensor of one element.

import { AppError } from '../util/errors';
import { isFloating, readNumber } from './elements';
import type { Tensor } from './tensor';

/** The only element of a tensor as a Python number. @throws AppError as torch does where there are several. */
export function itemOf(tensor: Tensor): bigint | number | boolean {
  if (tensor.elementCount !== 1) {
    throw new AppError('program-error', `a Tensor with ${tensor.elementCount} elements cannot be converted to Scalar`);
  }
  const element = readNumber(tensor.storage.elements, tensor.dtype, tensor.offset);
  if (tensor.dtype === 'bool') return element !== 0;
  if (isFloating(tensor.dtype)) return element;
  const { elements } = tensor.storage;
  return elements instanceof BigInt64Array ? (elements[tensor.offset] as bigint) : BigInt(element);
}
