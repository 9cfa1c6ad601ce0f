// Which inputs a forward gets: what was given, else what the program suggests.

import type { InputSpec } from '../model/description';
import type { ForwardInput } from '../protocol/engine';
import { allocate, isFloating, writeNumber } from '../runtime/elements';
import type { Generator } from '../runtime/random';
import { Tensor } from '../runtime/tensor';
import { AppError } from '../util/errors';

/** Integers of random inputs stay below this: most are indices of classes or words. */
const randomIntegers = 10;

/** More elements than this in an input are a typing mistake rather than a wish. */
const maxElements = 2 ** 31 - 1;

/** @throws AppError `bad-input` where an argument has neither a value nor a suggestion nor a default. */
export function chooseInputs(specs: readonly InputSpec[], given: readonly ForwardInput[]): ForwardInput[] {
  const chosen = [...given];
  for (const spec of specs.slice(given.length)) {
    if (spec.suggestion !== undefined)
      chosen.push({ kind: 'random', shape: spec.suggestion.shape, dtype: spec.suggestion.dtype });
    else if (spec.hasDefault || spec.type.startsWith('Optional[')) break;
    else {
      throw new AppError(
        'bad-input',
        `The model's forward needs a value for '${spec.name}' (${spec.type}), and nothing in the file tells its shape`,
        'Give its shape, for example 1,3,224,224.',
      );
    }
  }
  return chosen;
}

/** A tensor of the given elements, or of random ones: standard normal, small integers, or booleans. */
export function makeInput(input: ForwardInput, generator: Generator): Tensor {
  if (input.kind === 'array') return Tensor.fromBytes(input.dtype, input.shape, input.bytes);
  const count = input.shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count) || count > maxElements || input.shape.some((size) => size < 0)) {
    throw new AppError(
      'bad-input',
      `An input of shape [${input.shape.join(', ')}] is too large`,
      'Give a smaller shape.',
    );
  }
  const elements = allocate(input.dtype, count);
  for (let i = 0; i < count; i++) {
    const value = isFloating(input.dtype)
      ? generator.normal()
      : generator.integer(0, input.dtype === 'bool' ? 2 : randomIntegers);
    writeNumber(elements, input.dtype, i, value);
  }
  return Tensor.of(input.dtype, input.shape, elements);
}
