// The text in which a person gives the inputs of a forward: `1,3,224,224` or `1,16:int64; 1,16:bool`.

import { itemSize } from '../model/dtype';
import type { DType } from '../model/dtype';
import type { InputSpec } from '../model/description';
import { AppError } from '../util/errors';

/** One input that shall be made up. */
export interface InputShape {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** What torch users also write. */
const dtypeNames: Readonly<Record<string, DType>> = {
  float: 'float32',
  double: 'float64',
  half: 'float16',
  long: 'int64',
  int: 'int32',
};

/** More elements than this are a slip of the keyboard rather than a wish. */
const maxElements = 2 ** 26;

/** Reads the text; throws `bad-input` with a sentence that says which input is wrong and how to write it. */
export function parseInputs(text: string, inputs: readonly InputSpec[]): readonly InputShape[] {
  const parts = text.trim() === '' ? [] : text.split(';');
  const required = inputs.filter(isRequired).length;
  if (parts.length < required || parts.length > inputs.length) {
    const wanted = required === inputs.length ? String(required) : `${String(required)} to ${String(inputs.length)}`;
    const names = inputs.map((input) => input.name).join('; ');
    throw new AppError(
      'bad-input',
      `The forward takes ${wanted} inputs (${names}), separated by “;”; here are ${String(parts.length)}.`,
    );
  }
  return parts.map((part, index) => parseInput(part, inputs[index]));
}

/** The message for an input box, or undefined where the text is fine. */
export function validateInputs(text: string, inputs: readonly InputSpec[]): string | undefined {
  try {
    parseInputs(text, inputs);
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.oneLine : String(error);
  }
}

export function formatInputs(shapes: readonly InputShape[]): string {
  return shapes
    .map(({ shape, dtype }) => {
      // A scalar's shape has no sizes; an empty text would be no shape at all.
      const sizes = shape.length === 0 ? '[]' : shape.join(',');
      return `${sizes}${dtype === 'float32' ? '' : `:${dtype}`}`;
    })
    .join('; ');
}

/** The text for every input that must be given, or undefined where one of them has no suggestion: then a person is asked. */
export function suggestedInputs(inputs: readonly InputSpec[]): string | undefined {
  const required = inputs.filter(isRequired);
  const shapes = required.flatMap((input) => input.suggestion ?? []);
  return shapes.length === required.length ? formatInputs(shapes) : undefined;
}

/** What an input box starts with: suggestions where there are some, an image batch elsewhere. */
export function prefilledInputs(inputs: readonly InputSpec[]): string {
  const fallback: InputShape = { shape: [1, 3, 224, 224], dtype: 'float32' };
  return formatInputs(inputs.filter(isRequired).map((input) => input.suggestion ?? fallback));
}

/** One line above the box: names of the inputs, and where the suggestion comes from. */
export function inputPrompt(inputs: readonly InputSpec[]): string {
  const names = inputs.map((input) => {
    const from = input.suggestion === undefined ? '' : ` (${input.suggestion.from})`;
    return `${input.name}${isRequired(input) ? '' : ' (optional)'}${from}`;
  });
  return `Shape of ${names.join('; ')}. Sizes with commas, another dtype after a colon: 1,16:int64. Values are random.`;
}

function isRequired(input: InputSpec): boolean {
  return !input.hasDefault && !input.type.startsWith('Optional[');
}

function parseInput(part: string, spec: InputSpec | undefined): InputShape {
  const name = spec?.name ?? 'input';
  const [sizes = '', type, ...rest] = part.split(':');
  if (rest.length > 0) throw new AppError('bad-input', `${name}: “${part.trim()}” has more than one colon.`, example);
  const dtype =
    type === undefined ? (spec?.suggestion?.dtype ?? 'float32') : parseDType(name, type.trim().toLowerCase());
  const bare = sizes.replace(/[[\]()]/g, ' ').trim();
  const shape = bare === '' ? [] : bare.split(/\s*[,x×]\s*|\s+/).map((size) => parseSize(name, size));
  if (bare === '' && !/[[(]/.test(sizes)) throw new AppError('bad-input', `${name}: no shape given.`, example);
  if (shape.reduce((product, size) => product * size, 1) > maxElements) {
    throw new AppError('bad-input', `${name}: ${shape.join('×')} is too large.`, 'Try a smaller batch.');
  }
  return { shape, dtype };
}

const example = 'Write it like 1,3,224,224 or 1,16:int64.';

function parseSize(name: string, text: string): number {
  const size = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(size)) {
    throw new AppError('bad-input', `${name}: “${text}” is not a size.`, example);
  }
  return size;
}

function parseDType(name: string, text: string): DType {
  const bare = text.replace(/^torch\./, '');
  if (isDType(bare)) return bare;
  const known = dtypeNames[bare];
  if (known !== undefined) return known;
  throw new AppError('bad-input', `${name}: “${text}” is no dtype.`, `Use one of ${Object.keys(itemSize).join(', ')}.`);
}

function isDType(text: string): text is DType {
  return Object.hasOwn(itemSize, text);
}
