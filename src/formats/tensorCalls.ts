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
    private readonly memo: readonly (Value | undefined)[],
    private readonly maker: TensorMaker,
  ) {}

  /**
   * Reads the arguments whose MARK is at `start`; false where they look in any way different, and nothing is lost then. In one function,
   * since V8 compiles each function that thousands of calls go through, and copies small ones into every caller.
   */
  read(start: number): boolean {
    const { bytes } = this;
    this.at = start + 1;
    this.entries = 0;
    // ('storage', type, key, device, count), which BINPERSID makes a storage of.
    if (bytes[this.at++] !== MARK || this.recall() !== 'storage') return false;
    const type = this.recall();
    if (!(type instanceof OpaqueValue) || bytes[this.at] !== BINUNICODE) return false;
    const keyStart = this.at + 5;
    const keyEnd = keyStart + this.u32(this.at + 1);
    if (!(keyEnd < bytes.length)) return false;
    this.at = keyEnd;
    if (!this.leaveEmpty() || typeof this.recall() !== 'string') return false;
    const count = this.int();
    if (count < 0 || bytes[this.at++] !== TUPLE || !this.leaveEmpty() || bytes[this.at++] !== BINPERSID) return false;
    // offset, shape, strides, requires_grad, OrderedDict().
    const offset = this.int();
    const shape = offset < 0 ? undefined : this.list();
    const strides = shape === undefined ? undefined : this.list();
    if (shape === undefined || strides === undefined) return false;
    const flag = bytes[this.at++];
    if (flag !== NEWTRUE && flag !== NEWFALSE) return false;
    const hooks = this.recall();
    if (hooks === undefined || !this.maker.isOrderedDict(hooks)) return false;
    if (bytes[this.at++] !== EMPTY_TUPLE || bytes[this.at++] !== REDUCE || !this.leaveEmpty()) return false;
    if (bytes[this.at++] !== TUPLE || !this.leaveEmpty() || bytes[this.at] !== REDUCE) return false;

    this.type = type.typeName;
    this.key = this.texts.decode(keyStart, keyEnd);
    this.count = count;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
    this.requiresGrad = flag === NEWTRUE;
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
