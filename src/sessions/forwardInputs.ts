// Which inputs a forward gets: what was given, else what the program suggests.

import type { InputSpec } from '../model/description';
import { itemSize } from '../model/dtype';
import type { ModuleSpec } from '../model/module';
import type { ForwardInput } from '../protocol/engine';
import type { RunContext } from '../runtime/context';
import { convertElements, isFloating } from '../runtime/elements';
import type { Generator } from '../runtime/random';
import { elementCount, Tensor } from '../runtime/tensor';
import { AppError } from '../util/errors';

/** Integers of random inputs stay below this where no embedding says more: most are indices of classes. */
const fewIntegers = 10;

/** An input of this many float32 would fill half of the heap that the kernels can have. */
const maxElements = 2 ** 29;

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
        `The model's forward needs a value for '${spec.name}' (${spec.type}), and nothing in the file suggests one`,
        spec.type === 'Tensor' ? 'Give its shape, for example 1,3,224,224.' : 'Give it as an array without dimensions.',
      );
    }
  }
  return chosen;
}

/** The smallest table of the model's embeddings: indices below it are safe for each of them. */
export function safeIndexLimit(modules: readonly ModuleSpec[]): number {
  let limit = Infinity;
  for (const { type, parameters } of modules) {
    if (!/^Embedding(Bag)?$/.test(type)) continue;
    const rows = parameters.find(({ name }) => name === 'weight')?.shape[0] ?? 0;
    if (rows > 0) limit = Math.min(limit, rows);
  }
  return Number.isFinite(limit) ? limit : fewIntegers;
}

/**
 * A tensor of the given elements, or of random ones: standard normal, integers below `indexLimit`, or booleans.
 * @throws AppError `bad-input` for a shape that can't be meant, `cancelled` while drawing.
 */
export function makeInput(input: ForwardInput, generator: Generator, indexLimit: number, context: RunContext): Tensor {
  if (input.kind === 'array') return Tensor.fromBytes(input.dtype, input.shape, input.bytes);
  const { shape, dtype } = input;
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count) || count > maxElements || shape.some((size) => size < 0)) {
    throw new AppError('bad-input', `An input of shape [${shape.join(', ')}] is too large`, 'Give a smaller shape.');
  }
  const floating = isFloating(dtype);
  // A large table has more rows than a small integer type has values.
  const limit = dtype === 'bool' ? 2 : Math.min(indexLimit, dtype === 'int8' ? 128 : 256 ** itemSize[dtype]);
  const drawn = dtype === 'float64' ? new Float64Array(count) : new Float32Array(count);
  for (let i = 0; i < count; i++) {
    if (i % 2 ** 20 === 0) context.throwIfCancelled();
    drawn[i] = floating ? generator.normal() : generator.integer(0, limit);
  }
  const from = dtype === 'float64' ? dtype : 'float32';
  return Tensor.of(dtype, shape, dtype === from ? drawn : convertElements(drawn, from, dtype));
}
