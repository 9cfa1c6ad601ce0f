// A kernel call that waits to be run together with others: what goes in, and what will come out.

import { contiguousStrides, sameShape, Tensor, type Shape } from '../tensor';
import type { Promised, Storage } from '../storage';
import type { KernelCall } from './graph';

/** A tensor that is there, as it was when a call took it. */
export class Snapshot {
  private readonly taken: Tensor;
  private readonly version: number;

  constructor(tensor: Tensor) {
    // The operators on metadata change a tensor's own shape and strides.
    this.taken = tensor.view(tensor.shape, tensor.strides);
    this.version = tensor.storage.version;
  }

  /** @throws Error where somebody has written to the elements since. */
  get tensor(): Tensor {
    if (this.taken.storage.version !== this.version)
      throw new Error('an operand was overwritten before its kernel ran');
    return this.taken;
  }
}

/** The result of another waiting call, seen in some shape and order of dimensions. */
export interface Link {
  readonly source: Deferred;
  readonly shape: Shape;
  readonly strides: Shape;
  readonly arrangement: Arrangement;
}

/** How a row-major array becomes a view of all of it; each part is left out where it changes nothing. */
export interface Arrangement {
  /** First, the shape whose dimensions are those of the view, in the order in which they lie in memory. */
  readonly before?: Shape;
  /** Then, this order of those dimensions. */
  readonly order?: readonly number[];
  /** Last, the shape of the view. */
  readonly after?: Shape;
}

export type DeferredInput = Snapshot | Link | null;

/** One call that waits. Calls refer to each other's results, not to storages: an in-place operator makes a new result. */
export class Deferred implements Promised {
  private result: Snapshot | undefined;

  constructor(
    readonly call: KernelCall,
    private taken: readonly DeferredInput[],
    readonly shape: Shape,
    /** Where in the program the call stands, for errors. */
    readonly place: unknown,
  ) {}

  /** The inputs, of which those that were computed in the meantime are tensors. */
  get inputs(): readonly DeferredInput[] {
    return this.taken.map((input) => {
      if (input === null || input instanceof Snapshot || input.source.result === undefined) return input;
      return new Snapshot(input.source.result.tensor.view(input.shape, input.strides));
    });
  }

  /** The elements lie in `storage` now; what they were made of can go. */
  settle(storage: Storage): void {
    this.result = new Snapshot(new Tensor(storage, this.shape, contiguousStrides(this.shape)));
    this.taken = [];
  }
}

/** What a call takes of a tensor; undefined where it waits to be computed and only a part of it is seen, or some of it repeatedly. */
export function takeInput(tensor: Tensor | null): DeferredInput | undefined {
  if (tensor === null) return null;
  const source = tensor.storage.promised;
  if (!(source instanceof Deferred)) return new Snapshot(tensor);
  const arrangement = arrangementOf(tensor, source.shape);
  const { shape, strides } = tensor;
  return arrangement === undefined ? undefined : { source, shape, strides, arrangement };
}

/** How the row-major array of shape `whole` becomes this view of it. */
function arrangementOf(tensor: Tensor, whole: Shape): Arrangement | undefined {
  if (tensor.isWhole) return sameShape(tensor.shape, whole) ? {} : { after: tensor.shape };
  if (tensor.offset !== 0 || tensor.elementCount !== tensor.storage.length) return undefined;
  const long = [...tensor.shape.keys()].filter((d) => tensor.shape[d] !== 1);
  const inMemory = [...long].sort((a, b) => (tensor.strides[b] as number) - (tensor.strides[a] as number));
  const before = inMemory.map((d) => tensor.shape[d] as number);
  const expected = contiguousStrides(before);
  if (inMemory.some((d, i) => tensor.strides[d] !== expected[i])) return undefined;
  return {
    ...(sameShape(before, whole) ? {} : { before }),
    order: long.map((d) => inMemory.indexOf(d)),
    ...(long.length === tensor.rank ? {} : { after: tensor.shape }),
  };
}
