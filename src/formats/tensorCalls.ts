// Reads the call by which torch's pickles make a tensor in one go: a state dict is thousands of them, all alike.

import { OpaqueValue, type Value } from '../runtime/program';
import type { ShortTexts } from './shortTexts';

/**
 * What `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, OrderedDict())` is called with, where the storage is
 * `('storage', type, key, device, count)`. Counts and offset are in elements, and below 2 ** 31.
 */
export interface TensorCall {
  /** `torch.FloatStorage`. */
  readonly type: string;
  readonly key: string;
  readonly count: number;
  readonly offset: number;
  /** Shared with other calls, as the strides are. */
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly requiresGrad: boolean;
}

/** What a host knows of such calls. */
export interface TensorMaker {
  /** True for `_rebuild_tensor_v2`. */
  isRebuild(callable: Value): boolean;
  /** True for `OrderedDict`. */
  isOrderedDict(callable: Value): boolean;
  /** What the call returns. The object is used again for the next call. */
  make(call: TensorCall): Value;
}

/** Memo entries that a call would have filled, and where its arguments begin and end. */
export interface EmptyEntries {
  readonly first: number;
  readonly entries: number;
  readonly start: number;
  readonly end: number;
}

const MAX_RANK = 64;

/**
 * The calls in one pickle. Read opcode by opcode, each makes a dozen objects to be thrown away; read here, none. The memo entries that
 * would hold those stay empty, and whoever asks for one finds here where the call begins that fills it.
 */
export class TensorCalls implements TensorCall {
  type = '';
  key = '';
  count = 0;
  offset = 0;
  shape: readonly number[] = [];
  strides: readonly number[] = [];
  requiresGrad = false;
  /** Where the arguments that were read last end: at their REDUCE. */
  end = 0;
  /** Of the same, the memo entries left empty. */
  entries = 0;
  private emptyBefore = 0;
  /** In ascending order of their entries: of each call the four numbers of {@link EmptyEntries}, in one list. */
  private readonly calls: number[] = [];
  private readonly lists = new SharedLists();
  private readonly numbers: number[] = [];
  private at = 0;
  private first = -1;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly texts: ShortTexts,
    private readonly memo: readonly Value[],
    private readonly maker: TensorMaker,
  ) {}

  /** Reads the arguments whose MARK is at `start`; false where they look in any way different, and nothing is lost then. */
  read(start: number): boolean {
    this.at = start + 1;
    this.entries = 0;
    if (!this.readStorage() || !this.readView() || this.bytes[this.at] !== REDUCE) return false;
    this.end = this.at;
    this.emptyBefore = this.first + this.entries;
    this.calls.push(this.first, this.entries, start, this.end);
    return true;
  }

  /** The call that fills this memo entry; undefined where it was not left empty. */
  callOf(entry: number): EmptyEntries | undefined {
    if (entry >= this.emptyBefore) return undefined;
    const { calls } = this;
    let [low, high] = [0, calls.length / 4];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (calls[4 * middle]! <= entry) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const [first = 0, entries = 0, start = 0, end = 0] = calls.slice(4 * (low - 1), 4 * low);
    return entry < first + entries ? { first, entries, start, end } : undefined;
  }

  /** `('storage', type, key, device, count)` as a persistent id. */
  private readStorage(): boolean {
    if (this.bytes[this.at++] !== MARK || this.recall() !== 'storage') return false;
    const type = this.recall();
    if (!(type instanceof OpaqueValue)) return false;
    this.type = type.typeName;
    return (
      this.readKey() &&
      typeof this.recall() === 'string' &&
      (this.count = this.int()) >= 0 &&
      this.bytes[this.at++] === TUPLE &&
      this.leaveEmpty() &&
      this.bytes[this.at++] === BINPERSID
    );
  }

  private readView(): boolean {
    if ((this.offset = this.int()) < 0) return false;
    const shape = this.list();
    const strides = shape === undefined ? undefined : this.list();
    if (shape === undefined || strides === undefined) return false;
    [this.shape, this.strides] = [shape, strides];
    const flag = this.bytes[this.at++];
    this.requiresGrad = flag === NEWTRUE;
    if (flag !== NEWTRUE && flag !== NEWFALSE) return false;
    const hooks = this.recall();
    return (
      hooks !== undefined &&
      this.maker.isOrderedDict(hooks) &&
      this.bytes[this.at++] === EMPTY_TUPLE &&
      this.bytes[this.at++] === REDUCE &&
      this.leaveEmpty() &&
      this.bytes[this.at++] === TUPLE &&
      this.leaveEmpty()
    );
  }

  private readKey(): boolean {
    const { bytes, at } = this;
    if (bytes[at] !== BINUNICODE) return false;
    const start = at + 5;
    const end = start + this.u32(at + 1);
    if (!(end < bytes.length)) return false;
    this.at = end;
    this.key = this.texts.decode(start, end);
    return this.leaveEmpty();
  }

  /** BINGET or LONG_BINGET; undefined where it is none, or of an empty entry. */
  private recall(): Value | undefined {
    const opcode = this.bytes[this.at++];
    if (opcode === BINGET) return this.memo[this.bytes[this.at++]!];
    if (opcode !== LONG_BINGET) return undefined;
    this.at += 4;
    return this.memo[this.u32(this.at - 4)];
  }

  /** BINPUT or LONG_BINPUT to the entry after the last one; entries that were ever filled are not left empty. */
  private leaveEmpty(): boolean {
    const opcode = this.bytes[this.at++];
    let entry = -1;
    if (opcode === BINPUT) entry = this.bytes[this.at++]!;
    else if (opcode === LONG_BINPUT) {
      entry = this.u32(this.at);
      this.at += 4;
    }
    if (this.entries === 0) {
      this.first = entry;
      if (!(entry >= this.memo.length && entry >= this.emptyBefore)) return false;
    }
    return entry === this.first + this.entries++;
  }

  /** BININT1, BININT2 or BININT; -1 for a negative one and what is none. */
  private int(): number {
    const { bytes } = this;
    const opcode = bytes[this.at++];
    if (opcode === BININT1) return bytes[this.at++] ?? -1;
    if (opcode === BININT2) {
      this.at += 2;
      return bytes[this.at - 2]! | (bytes[this.at - 1]! << 8);
    }
    if (opcode !== BININT) return -1;
    this.at += 4;
    const value = this.u32(this.at - 4);
    return value < 2 ** 31 ? value : -1;
  }

  /** A tuple of whole numbers. */
  private list(): readonly number[] | undefined {
    const { bytes, numbers } = this;
    if (bytes[this.at] === EMPTY_TUPLE) {
      this.at++;
      return this.lists.of(numbers, 0);
    }
    let length = 0;
    const marked = bytes[this.at] === MARK;
    if (marked) this.at++;
    while (length < MAX_RANK && bytes[this.at]! < TUPLE) {
      const value = this.int();
      if (value < 0) return undefined;
      numbers[length++] = value;
    }
    const opcode = bytes[this.at++];
    if (!(marked ? opcode === TUPLE : length > 0 && length <= 3 && opcode === TUPLE1 + length - 1)) return undefined;
    return this.leaveEmpty() ? this.lists.of(numbers, length) : undefined;
  }

  private u32(at: number): number {
    const { bytes } = this;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }
}

/** Makes equal lists one: a model has thousands of shapes, and a few dozen different ones. */
class SharedLists {
  private readonly byHash = new Map<number, readonly number[]>();

  /** The first `length` of the numbers as a list that nobody changes. */
  of(numbers: readonly number[], length: number): readonly number[] {
    let hash = length;
    for (let i = 0; i < length; i++) hash = (31 * hash + numbers[i]!) | 0;
    const known = this.byHash.get(hash);
    if (known?.length === length && startsWith(numbers, known)) return known;
    const made = numbers.slice(0, length);
    this.byHash.set(hash, made);
    return made;
  }
}

function startsWith(numbers: readonly number[], list: readonly number[]): boolean {
  for (let i = 0; i < list.length; i++) if (numbers[i] !== list[i]) return false;
  return true;
}

const MARK = 0x28;
const EMPTY_TUPLE = 0x29;
const BININT = 0x4a;
const BININT1 = 0x4b;
const BININT2 = 0x4d;
const BINPERSID = 0x51;
const REDUCE = 0x52;
const BINUNICODE = 0x58;
const BINGET = 0x68;
const LONG_BINGET = 0x6a;
const BINPUT = 0x71;
const LONG_BINPUT = 0x72;
const TUPLE = 0x74;
const TUPLE1 = 0x85;
const NEWTRUE = 0x88;
const NEWFALSE = 0x89;
