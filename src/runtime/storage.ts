// Storage: the memory behind tensors, shared by every view, read from the file when first needed.

import { itemSize, type DType } from '../model/dtype';
import { AppError } from '../util/errors';
import { allocate, elementsFromBytes, type ElementArray } from './elements';

/**
 * Reads `byteLength` bytes from `byteOffset` of one storage in the file.
 * @param place tells which one, where a reader serves several: a large file has thousands, and a reader for each would be in the way.
 */
export type StorageReader = (byteOffset: number, byteLength: number, place: number) => Promise<Uint8Array>;

/** Stands for elements that a kernel has yet to compute; `kernels/deferred.ts` says what it knows of them. */
export interface Promised {
  readonly shape: readonly number[];
}

/** Elements were asked for that a kernel has yet to compute. */
export class NotComputed extends Error {
  override readonly name = 'NotComputed';

  constructor() {
    super('elements are used before their kernel has run');
  }
}

/** Storages of at most so many elements are copied to be remembered: running statistics, not weights. */
const keptElements = 65_536;

/** As torch's storage: a flat array that several tensors may view. Writing to it is seen by all of them. */
export class Storage {
  /** Counts writes, so that kernels which keep a copy of the elements notice. */
  version = 0;
  private loading: Promise<void> | undefined;
  private promise: Promised | undefined;

  private constructor(
    readonly dtype: DType,
    /** Number of elements. */
    readonly length: number,
    private array: ElementArray | undefined,
    private readonly reader: StorageReader | undefined,
    private readonly place = 0,
  ) {}

  static of(dtype: DType, elements: ElementArray): Storage {
    return new Storage(dtype, elements.length, elements, undefined);
  }

  static zeros(dtype: DType, length: number): Storage {
    return Storage.of(dtype, allocate(dtype, length));
  }

  /** A storage whose elements stay in the file until {@link load} or {@link readRange}. */
  static lazy(dtype: DType, length: number, reader: StorageReader, place?: number): Storage {
    return new Storage(dtype, length, undefined, reader, place);
  }

  /** A storage whose elements a kernel is yet to compute: row-major, in the shape of the promise. */
  static promised(dtype: DType, promise: Promised): Storage {
    const length = promise.shape.reduce((product, size) => product * size, 1);
    const storage = new Storage(dtype, length, undefined, undefined);
    storage.promise = promise;
    return storage;
  }

  /** What stands for the elements as long as they are not computed. */
  get promised(): Promised | undefined {
    return this.promise;
  }

  /** The promised elements have come. */
  fulfil(elements: ElementArray): void {
    if (this.promise === undefined || elements.length !== this.length)
      throw new Error('nothing of this kind was promised');
    this.array = elements;
    this.promise = undefined;
  }

  /** Takes the promise of another storage, which is given up, as its new contents: an in-place operator on the whole of it. */
  adopt(other: Storage): void {
    if (other.promise === undefined || other.length !== this.length) throw new Error('a storage keeps its length');
    this.array = undefined;
    this.promise = other.promise;
    this.version++;
  }

  get isLoaded(): boolean {
    return this.array !== undefined;
  }

  /** Reads all elements into memory; concurrent callers share one read. @throws AppError as the reader does. */
  async load(): Promise<void> {
    if (this.promise !== undefined) throw new NotComputed();
    if (this.array !== undefined) return;
    this.loading ??= this.readRange(0, this.length).then((array) => {
      this.array = array;
    });
    try {
      await this.loading;
    } finally {
      this.loading = undefined;
    }
  }

  /** Elements `start` to `start + count` without keeping them; for showing statistics of a model that never runs. */
  async readRange(start: number, count: number): Promise<ElementArray> {
    if (this.promise !== undefined) throw new NotComputed();
    if (this.array !== undefined) return this.array.subarray(start, start + count);
    const size = itemSize[this.dtype];
    if (start < 0 || start + count > this.length || this.reader === undefined) throw outside(start, count, this.length);
    const bytes = await this.reader(start * size, count * size, this.place);
    if (bytes.byteLength !== count * size) throw outside(start, count, Math.floor(bytes.byteLength / size));
    return elementsFromBytes(this.dtype, bytes);
  }

  /** The elements, which must be loaded. Call {@link markWritten} after writing to them. */
  get elements(): ElementArray {
    if (this.promise !== undefined) throw new NotComputed();
    if (this.array === undefined) throw new Error('storage is used before it was loaded');
    return this.array;
  }

  markWritten(): void {
    this.version++;
  }

  /**
   * Remembers the elements; what it returns puts them back. What the file still has, unless it is small, is read again then
   * instead of being kept. The version goes on counting: kernels may hold what was there in between.
   */
  remember(): () => Promise<void> {
    const { version, promise } = this;
    const isInFile = this.reader !== undefined && version === 0;
    const copy = isInFile && this.length > keptElements ? undefined : this.array?.slice();
    return async () => {
      if (this.version === version) return;
      this.array = copy;
      this.promise = promise;
      this.version++;
      if (copy === undefined && promise === undefined) await this.load();
    };
  }

  /** Takes `elements` as the new contents, all of them at once, without a copy. */
  replace(elements: ElementArray): void {
    if (elements.length !== this.length) throw new Error('a storage keeps its length');
    this.array = elements;
    this.promise = undefined;
    this.version++;
  }
}

function outside(start: number, count: number, length: number): AppError {
  return new AppError(
    'corrupt',
    `A tensor reads elements ${start} to ${start + count} of a storage that holds ${length}`,
    'The file is damaged or incomplete; save or download it again.',
  );
}
