// The arguments of an exported program's forward: what they are called, which shapes they take, and how they become leaves.

import type { InputSpec } from '../../model/description';
import { AppError } from '../../util/errors';
import { Tensor } from '../tensor';
import { Dict, Tuple, typeName, type Value } from '../values';
import type { ExportedProgram, Size, TensorMeta, TreeSpec } from './graph';
import { flatten, leafCount, leafNames } from './pytree';

/** A leaf of `(args, kwargs)`. */
interface Leaf {
  readonly name: string;
  /** The value that the export fixed; undefined where the caller chooses. */
  readonly fixed: Value | undefined;
  readonly meta: TensorMeta | undefined;
}

/** One argument of forward, and how many leaves it has. */
interface Argument {
  readonly name: string;
  readonly tree: TreeSpec;
  readonly leaves: readonly Leaf[];
}

/** How an exported program is called. */
export class CallSignature {
  readonly specs: readonly InputSpec[];
  private readonly args: readonly Argument[];

  /** @throws AppError `corrupt` where structure and graph disagree. */
  constructor(program: ExportedProgram) {
    this.args = readArguments(program);
    this.specs = this.leaves.filter(({ fixed }) => fixed === undefined).map(inputSpec);
  }

  private get leaves(): readonly Leaf[] {
    return this.args.flatMap((argument) => argument.leaves);
  }

  /**
   * The graph's inputs for a call: one value an argument, as Python would pass them, or one an input of the list in `specs`.
   * Arguments that the export fixed may be left out. @throws AppError `bad-input`.
   */
  bind(values: readonly Value[]): Value[] {
    const bound = this.flat(values);
    const symbols = new Map<string, number>();
    this.leaves.forEach((leaf, i) => {
      checkLeaf(leaf, bound[i] as Value, symbols);
    });
    return bound;
  }

  private flat(values: readonly Value[]): Value[] {
    const free = this.leaves.filter(({ fixed }) => fixed === undefined);
    const isNested = this.args.some(({ tree }) => tree.kind !== 'leaf');
    const givesLeaves = values.length === free.length && !values.some(isContainer);
    if (givesLeaves && (isNested || free.length < this.leaves.length)) {
      const rest = values.values();
      return this.leaves.map(({ fixed }) => (fixed === undefined ? (rest.next().value as Value) : fixed));
    }
    const bound = this.args.flatMap(({ name, tree, leaves }, i) => {
      const value = values[i];
      if (value !== undefined) return flatten(tree, value, name);
      const constants = leaves.map(({ fixed }) => fixed);
      if (constants.every((constant) => constant !== undefined)) return constants;
      throw new AppError('bad-input', `forward() is missing a value for argument '${name}'`);
    });
    if (values.length > this.args.length)
      throw new AppError('bad-input', `forward() takes ${this.args.length} arguments, got ${values.length}`);
    return bound;
  }
}

function readArguments({ graph, inputs, inputTree, argumentNames }: ExportedProgram): Argument[] {
  const leaves = inputs.flatMap((binding, i): Leaf[] => {
    if (binding.kind !== 'user' && binding.kind !== 'fixed') return [];
    const input = graph.inputs[i];
    const name = input?.kind === 'reference' ? input.name : '';
    const constant = input?.kind === 'constant' ? input.value : undefined;
    return [
      {
        name,
        fixed: binding.kind === 'fixed' ? binding.value : constant,
        meta: graph.inputMetas.get(name),
      },
    ];
  });
  const [args, kwargs] = inputTree.kind === 'tuple' ? inputTree.children : [];
  if (args?.kind !== 'tuple' || kwargs?.kind !== 'dict' || leafCount(inputTree) !== leaves.length)
    throw new AppError('corrupt', 'The structure of the arguments is not that of the graph', 'Export the model again.');
  const trees = [...args.children, ...kwargs.children];
  const positional = args.children.length;
  let used = 0;
  return trees.map((tree, i) => {
    const key = i < positional ? argumentNames[i] : kwargs.keys[i - positional];
    const count = leafCount(tree);
    const own = leaves.slice(used, used + count);
    used += count;
    const name = typeof key === 'string' ? key : (own[0]?.name ?? `argument ${i}`);
    const names = leafNames(tree, name);
    return { name, tree, leaves: own.map((leaf, k) => ({ ...leaf, name: names[k] ?? name })) };
  });
}

function inputSpec({ name, meta }: Leaf): InputSpec {
  if (meta === undefined) return { name, type: 'int', hasDefault: false };
  if (meta.dtype === null) return { name, type: 'Tensor', hasDefault: false };
  // A batch of two where the export fixed nothing: BatchNorm in train mode needs more than one value per channel.
  const shape = meta.sizes.map((size) => (size.kind === 'fixed' ? size.size : (size.hint ?? inRange(size))));
  return { name, type: 'Tensor', hasDefault: false, suggestion: { shape, dtype: meta.dtype, from: 'the export' } };
}

function inRange({ range }: Size & { kind: 'symbol' }): number {
  return Math.min(Math.max(2, range.min ?? 2), range.max ?? Infinity);
}

/** Compares an argument with what the export took for granted. Sizes that share a symbol have to be equal. */
function checkLeaf({ name, fixed, meta }: Leaf, value: Value, symbols: Map<string, number>): void {
  if (fixed !== undefined) {
    if (value === fixed || (Number(value) === Number(fixed) && typeof value !== 'string')) return;
    throw refused(`'${name}' was ${show(fixed)} in the export and can't be ${show(value)}`);
  }
  if (meta === undefined) return;
  if (!(value instanceof Tensor)) {
    throw new AppError(
      'bad-input',
      `'${name}' has to be a tensor, not ${typeName(value)}`,
      'Give its shape or an array.',
    );
  }
  if (meta.dtype !== null && value.dtype !== meta.dtype) {
    const words = `'${name}' was ${meta.dtype} in the export, but is ${value.dtype}`;
    throw new AppError('bad-input', words, 'Give it in the dtype of the export.');
  }
  if (value.rank !== meta.sizes.length)
    throw refused(`'${name}' has to have ${meta.sizes.length} dimensions, not ${value.rank}`);
  meta.sizes.forEach((size, d) => {
    checkSize(name, d, size, value.shape[d] as number, symbols);
  });
}

function checkSize(name: string, d: number, size: Size, actual: number, symbols: Map<string, number>): void {
  const place = `${name}.size()[${d}]`;
  if (size.kind === 'fixed') {
    if (actual !== size.size) throw refused(`Guard failed: ${place} == ${size.size}, but it is ${actual}`);
    return;
  }
  const { min, max } = size.range;
  if (min !== null && actual < min) throw outOfRange(`${place} >= ${min}, but it is ${actual}`);
  if (max !== null && actual > max) throw outOfRange(`${place} <= ${max}, but it is ${actual}`);
  const known = symbols.get(size.symbol);
  if (known !== undefined && known !== actual)
    throw new AppError(
      'bad-input',
      `Guard failed: ${place} == ${known}, as another size of the inputs, but it is ${actual}`,
      'Give the inputs the sizes that they share; the export found that they have to be equal.',
    );
  symbols.set(size.symbol, actual);
}

/** The size is dynamic already, but not without end. */
function outOfRange(words: string): AppError {
  const hint = 'Give a size in this range, or export the model with a wider one (min and max of torch.export.Dim).';
  return new AppError('bad-input', `Guard failed: ${words}`, hint);
}

function refused(words: string): AppError {
  return new AppError('bad-input', words, 'Export the model with dynamic_shapes to run it with other sizes.');
}

function isContainer(value: Value): boolean {
  return Array.isArray(value) || value instanceof Tuple || value instanceof Dict;
}

function show(value: Value): string {
  if (value === null) return 'None';
  return typeof value === 'object' ? typeName(value) : String(value);
}
