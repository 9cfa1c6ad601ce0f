// Reads Python pickles of protocols 0 to 5 without executing anything: calls become values through a host.
// One switch over the opcodes is the fast and the plain way, so this file is longer than most.

import { Dict, Tuple, type Value } from '../runtime/program';
import { AppError } from '../util/errors';
import { beyondLimit, type OnRead } from './byteSource';
import { PickleCursor } from './pickleCursor';
import {
  BITS_OF_WORD,
  MEMO,
  memoryOf,
  WORD,
  WORDS_OF_CONTAINER,
  WORDS_OF_FIRST_ITEM,
  WORDS_OF_KEY,
} from './pickleMemory';
import { TensorCalls } from './tensorCalls';
import { InertHost, MarkedBoolean, PickleBytes, PickleGlobal, PickleObject, type PickleHost } from './pickleValues';

const MAX_DEPTH = 1_000_000;
/** Of {@link WORD}s. A state dict of 100,000 tensors takes four in eleven of it, a pickled model of 10,000 modules five. */
const MAX_WORDS = 24_000_000;
/** Made for a tensor: see `tensorCalls.ts`. */
const OBJECTS_OF_CALL = 4;
/** What they take, in empty lists. */
const DICT = 2;
const OBJECT = 3;
const FEW = 16;
/** Instructions between two reports: some ten milliseconds. */
const STEPS_UNHEARD = 2 ** 18;

const smallInts = Array.from({ length: 256 }, (_, value) => BigInt(value));
const emptyTuple = new Tuple([]);

/**
 * The value that the pickle holds. int becomes `bigint`, float `number`, None `null`; list, tuple and dict become an array, {@link Tuple}
 * and {@link Dict}. Cycles are possible.
 * @param what names the pickle in messages.
 * @param markBooleans turns each boolean into a {@link MarkedBoolean}, for who wants to change it in the file.
 * @param onRead told now and then how many of the bytes are read.
 * @throws AppError `corrupt` or `limit-exceeded`.
 */
export function unpickle(
  bytes: Uint8Array,
  what: string,
  host: PickleHost = new InertHost(),
  markBooleans = false,
  onRead?: OnRead,
): Value {
  return new Unpickler(new PickleCursor(bytes, what), host, markBooleans, onRead).run();
}

/** The value of the pickle that begins at `start`, and where the next one would begin; see {@link unpickle}. */
export function unpickleAt(
  bytes: Uint8Array,
  start: number,
  what: string,
  host: PickleHost = new InertHost(),
  markBooleans = false,
): { readonly value: Value; readonly end: number } {
  const cursor = new PickleCursor(bytes, what);
  cursor.position = start;
  return { value: new Unpickler(cursor, host, markBooleans).run(), end: cursor.position };
}

class Unpickler {
  private readonly stack: Value[] = [];
  private readonly marks: number[] = [];
  private readonly memo: (Value | undefined)[] = [];
  private memoized = 0;
  /** What has been made so far, in words, as {@link memoryOf} and {@link pushContainer} estimate it. */
  private words = 0;
  /** Stack size at the innermost mark: values below it are out of reach, as in Python. */
  private fence = 0;
  /** Absent where the host makes no tensors. */
  private readonly calls: TensorCalls | undefined;

  constructor(
    private readonly cursor: PickleCursor,
    private readonly host: PickleHost,
    private readonly markBooleans: boolean,
    private readonly onRead?: OnRead,
  ) {
    if (host.tensors === undefined) return;
    this.calls = new TensorCalls(cursor.bytes, cursor.texts, this.memo, host.tensors);
  }

  /**
   * Runs up to the STOP, or until the cursor stands at `end`; the value on top of the stack is taken from it. What thousands of values
   * take is done here, all else by {@link execute}: V8 compiles this loop while it runs, and sooner the smaller it is.
   */
  run(end = Infinity): Value {
    const { cursor, stack } = this;
    for (let steps = 1; cursor.position !== end; steps++) {
      if (steps % STEPS_UNHEARD === 0) this.onRead?.(cursor.position, cursor.bytes.length);
      const opcode = cursor.u8();
      if ((this.words += memoryOf[opcode]!) > MAX_WORDS) throw this.tooLarge();
      switch (opcode) {
        case 0x68: // BINGET
        case 0x6a: // LONG_BINGET
          stack.push(this.recall(this.memoIndex(opcode)));
          break;
        case 0x71: // BINPUT
        case 0x72: // LONG_BINPUT
          this.memoize(this.memoIndex(opcode));
          break;
        case 0x28: // MARK
          if (end === Infinity && this.makeTensor()) break;
          this.marks.push(stack.length);
          this.fence = stack.length;
          if (this.marks.length > MAX_DEPTH) throw beyondLimit(cursor.what, 'it is nested too deeply');
          break;
        case 0x58: // BINUNICODE
          stack.push(cursor.utf8(this.counted(cursor.u32())));
          break;
        case 0x4b: // BININT1
          stack.push(smallInts[cursor.u8()]!);
          break;
        case 0x2e: // STOP
          return this.pop();
        default:
          this.execute(opcode);
      }
    }
    return this.pop();
  }

  private execute(opcode: number): void {
    const { cursor, host, stack } = this;
    switch (opcode) {
      // Numbers and None.
      case 0x4d: // BININT2
        stack.push(BigInt(cursor.u16()));
        break;
      case 0x4a: // BININT
        stack.push(BigInt(cursor.i32()));
        break;
      case 0x47: // BINFLOAT
        stack.push(cursor.f64());
        break;
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
        stack.push(this.boolean(true));
        break;
      case 0x89: // NEWFALSE
        stack.push(this.boolean(false));
        break;

      // Containers.
      case 0x29: // EMPTY_TUPLE
        stack.push(emptyTuple);
        break;
      case 0x85: // TUPLE1
        this.pushTuple([this.pop()]);
        break;
      case 0x86: {
        // TUPLE2
        const second = this.pop();
        this.pushTuple([this.pop(), second]);
        break;
      }
      case 0x87: {
        // TUPLE3
        const third = this.pop();
        const second = this.pop();
        this.pushTuple([this.pop(), second, third]);
        break;
      }
      case 0x74: // TUPLE
        this.pushTuple(this.popToMark());
        break;
      case 0x5d: // EMPTY_LIST
        this.pushContainer([], 1);
        break;
      case 0x6c: // LIST
        this.pushContainer(this.popToMark(), 1);
        break;
      case 0x7d: // EMPTY_DICT
        this.pushContainer(new Dict(), DICT);
        break;
      case 0x64: {
        // DICT
        const items = this.popToMark();
        this.pushContainer(new Dict(), DICT);
        this.setItems(items);
        break;
      }
      case 0x8f: // EMPTY_SET
        this.pushContainer(new PickleObject(new PickleGlobal('builtins', 'set'), emptyTuple), OBJECT);
        break;
      case 0x91: {
        // FROZENSET
        const items = this.popToMark();
        this.pushContainer(new PickleObject(new PickleGlobal('builtins', 'frozenset'), emptyTuple), OBJECT);
        this.appendItems(items);
        break;
      }
      case 0x61: // APPEND
        this.appendItems([this.pop()]);
        break;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.appendItems(this.popToMark());
        break;
      case 0x73: {
        // SETITEM
        const item = this.pop();
        this.setItems([this.pop(), item]);
        break;
      }
      case 0x75: // SETITEMS
        this.setItems(this.popToMark());
        break;

      // Calls, which the host turns into values.
      case 0x63: {
        // GLOBAL
        const module = this.line();
        stack.push(host.global(module, this.line()));
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = this.pop();
        const module = this.pop();
        if (typeof module !== 'string' || typeof name !== 'string') throw cursor.error('a class has no name');
        stack.push(host.global(module, name));
        break;
      }
      case 0x82: // EXT1
      case 0x83: // EXT2
      case 0x84: {
        // EXT4: a number that copyreg's registry would turn into a class.
        const code = opcode === 0x82 ? cursor.u8() : opcode === 0x83 ? cursor.u16() : cursor.i32();
        stack.push(host.global('copyreg', `extension_${code}`));
        break;
      }
      case 0x52: {
        // REDUCE
        const args = this.pop();
        const made = host.reduce(this.pop(), args);
        this.pushContainer(made, made instanceof Dict ? DICT : OBJECT);
        break;
      }
      case 0x81: {
        // NEWOBJ
        const args = this.pop();
        this.pushContainer(host.newObject(this.pop(), args), OBJECT);
        break;
      }
      case 0x92: {
        // NEWOBJ_EX: keyword arguments are kept behind the positional ones.
        const kwargs = this.pop();
        const args = this.pop();
        this.pushContainer(host.newObject(this.pop(), new Tuple([args, kwargs])), OBJECT);
        break;
      }
      case 0x69: {
        // INST
        const module = this.line();
        const cls = host.global(module, this.line());
        this.pushContainer(host.newObject(cls, new Tuple(this.popToMark())), OBJECT);
        break;
      }
      case 0x6f: {
        // OBJ
        const [cls, ...args] = this.popToMark();
        if (cls === undefined) throw cursor.error('an object has no class');
        this.pushContainer(host.newObject(cls, new Tuple(args)), OBJECT);
        break;
      }
      case 0x62: {
        // BUILD
        const state = this.pop();
        host.build(this.top(), state);
        break;
      }
      case 0x51: // BINPERSID
        stack.push(host.persistent(this.pop()));
        break;
      case 0x50: // PERSID
        stack.push(host.persistent(this.line()));
        break;

      // Long integers, and text and bytes of every protocol.
      case 0x8a: // LONG1
        stack.push(cursor.long(cursor.u8()));
        break;
      case 0x8b: // LONG4
        stack.push(cursor.long(cursor.i32()));
        break;
      case 0x4c: // LONG
        stack.push(cursor.decimal());
        break;
      case 0x49: // INT
        stack.push(this.integerOrBool());
        break;
      case 0x46: // FLOAT
        stack.push(parseFloatText(cursor));
        break;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(cursor.utf8(this.counted(cursor.u8())));
        break;
      case 0x8d: // BINUNICODE8
        stack.push(cursor.utf8(this.counted(cursor.u64())));
        break;
      case 0x56: // UNICODE
        stack.push(unescape(this.line()));
        break;
      case 0x53: // STRING
        stack.push(unescape(this.line().replace(/^(['"])(.*)\1$/s, '$2')));
        break;
      case 0x54: // BINSTRING
        stack.push(cursor.latin1(this.counted(cursor.u32())));
        break;
      case 0x55: // SHORT_BINSTRING
        stack.push(cursor.latin1(this.counted(cursor.u8())));
        break;
      case 0x42: // BINBYTES
        stack.push(new PickleBytes(cursor.slice(cursor.u32())));
        break;
      case 0x43: // SHORT_BINBYTES
        stack.push(new PickleBytes(cursor.slice(cursor.u8())));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(new PickleBytes(cursor.slice(cursor.u64())));
        break;
      case 0x97: // NEXT_BUFFER: the buffers of protocol 5 travel outside the pickle.
        stack.push(new PickleBytes(new Uint8Array()));
        break;
      case 0x98: // READONLY_BUFFER
        break;

      // Stack, memo and framing.
      case 0x30: // POP: takes the mark if there is nothing above it.
        if (stack.length === this.fence && this.marks.length > 0) this.popToMark();
        else this.pop();
        break;
      case 0x31: // POP_MARK
        this.popToMark();
        break;
      case 0x32: // DUP
        stack.push(this.top());
        break;
      case 0x67: // GET
        stack.push(this.recall(Number(cursor.decimal())));
        break;
      case 0x70: // PUT
        this.memoize(Number(cursor.decimal()));
        break;
      case 0x94: // MEMOIZE
        this.memoize(this.memoized);
        break;
      case 0x80: {
        // PROTO
        const protocol = cursor.u8();
        if (protocol > 5) throw unknownProtocol(cursor, protocol);
        break;
      }
      case 0x95: // FRAME
        cursor.u64();
        break;
      default:
        throw cursor.error(`it holds the unknown instruction 0x${opcode.toString(16)}`);
    }
  }

  /** Reads a whole call, whose MARK is before the cursor, where it is one that makes a tensor and looks as they all do. */
  private makeTensor(): boolean {
    const { calls, cursor, stack } = this;
    const { tensors } = this.host;
    if (calls === undefined || tensors === undefined || stack.length <= this.fence) return false;
    if (!tensors.isRebuild(stack[stack.length - 1]!) || !calls.read(cursor.position - 1)) return false;
    cursor.position = calls.end + 1;
    this.memoized += calls.entries;
    stack.pop();
    this.pushContainer(tensors.make(calls), OBJECTS_OF_CALL);
    return true;
  }

  /** Makes the parts of a call that was read whole after all, for a memo entry that it left empty. */
  private fillMemo(index: number): void {
    const call = this.calls?.callOf(index);
    if (call === undefined) return;
    const { cursor, memo } = this;
    const { position } = cursor;
    // What the pickle has put into others of these entries since then stays.
    const later = memo.slice(call.first, call.first + call.entries);
    cursor.position = call.start;
    this.run(call.end);
    cursor.position = position;
    later.forEach((value, i) => {
      if (value !== undefined) memo[call.first + i] = value;
    });
  }

  private pop(): Value {
    if (this.stack.length <= this.fence) throw this.cursor.error('a value is missing');
    return this.stack.pop()!;
  }

  private top(): Value {
    if (this.stack.length <= this.fence) throw this.cursor.error('a value is missing');
    return this.stack[this.stack.length - 1]!;
  }

  private popToMark(): Value[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.cursor.error('the start of a list is missing');
    this.fence = this.marks[this.marks.length - 1] ?? 0;
    const { stack } = this;
    const items = stack.slice(mark);
    // Most marks are those of tuples, for which popping is much faster than cutting the stack.
    if (items.length > FEW) stack.length = mark;
    else while (stack.length > mark) stack.pop();
    return items;
  }

  private pushTuple(items: readonly Value[]): void {
    this.pushContainer(new Tuple(items), 1);
  }

  /** @param weight one for a list or tuple, {@link DICT} or {@link OBJECT}. */
  private pushContainer(value: Value, weight: number): void {
    this.words += weight * WORDS_OF_CONTAINER;
    this.stack.push(value);
  }

  private tooLarge(): AppError {
    return beyondLimit(this.cursor.what, `its objects would take more than ${(MAX_WORDS * WORD) / 1e6} MB`);
  }

  private appendItems(items: readonly Value[]): void {
    const target = this.top();
    const list = Array.isArray(target) ? target : target instanceof PickleObject ? target.items : undefined;
    if (list === undefined) throw this.cursor.error('items are added to something that is no list');
    if (list.length === 0) this.words += WORDS_OF_FIRST_ITEM;
    if (list.length > 0 || items.length <= FEW) {
      for (const item of items) list.push(item);
      return;
    }
    // Room for all at once: a list that grows leaves several of its size behind.
    list.length = items.length;
    for (let i = 0; i < items.length; i++) list[i] = items[i]!;
  }

  private setItems(items: Value[]): void {
    const target = this.top();
    const dict = target instanceof Dict ? target : target instanceof PickleObject ? target.dict : undefined;
    if (dict === undefined || items.length % 2 !== 0)
      throw this.cursor.error('items are set on something that is no dict');
    this.words += items.length * WORDS_OF_KEY;
    dict.setAll(items);
  }

  /** In one place for both lengths: compiled code that has only met the short one would be given up at the first long one. */
  private memoIndex(opcode: number): number {
    return opcode === 0x68 || opcode === 0x71 ? this.cursor.u8() : this.cursor.u32();
  }

  private recall(index: number): Value {
    if (this.memo[index] === undefined) this.fillMemo(index);
    const value = this.memo[index];
    if (value === undefined) throw this.cursor.error(`it refers to value ${index}, which it did not keep`);
    return value;
  }

  private memoize(index: number): void {
    if (!(index >= 0)) throw this.cursor.error('it keeps a value at a negative place');
    const value = this.top();
    if (index > this.memo.length) this.leaveEmpty(index);
    if (this.memo[index] === undefined && this.calls?.callOf(index) === undefined) this.memoized++;
    this.memo[index] = value;
  }

  /** Memo entries up to `index`, which take their place: those of calls that were read whole, or what a hostile pickle skips. */
  private leaveEmpty(index: number): void {
    const { memo } = this;
    this.words += (index - memo.length) * MEMO;
    if (!(this.words <= MAX_WORDS)) throw this.tooLarge();
    while (memo.length < index) memo.push(undefined);
  }

  /** The length of a text, whose memory is counted before it is made. */
  private counted(bytes: number): number {
    const { bytes: all, position } = this.cursor;
    // One that ends behind the pickle is refused for that, by who reads it.
    if ((this.words += Math.min(bytes, all.length - position) >>> BITS_OF_WORD) > MAX_WORDS) throw this.tooLarge();
    return bytes;
  }

  private line(): string {
    const line = this.cursor.line();
    this.counted(line.length);
    return line;
  }

  /** What the opcode before the cursor stands for. */
  private boolean(value: boolean): boolean | MarkedBoolean {
    return this.markBooleans ? new MarkedBoolean(value, this.cursor.position - 1, 0x88, 0x89) : value;
  }

  /** Protocol 0 writes booleans as the integers 00 and 01. */
  private integerOrBool(): bigint | boolean | MarkedBoolean {
    const { bytes, position } = this.cursor;
    const isBool = bytes[position] === 0x30 && bytes[position + 2] === 0x0a;
    const value = this.cursor.decimal();
    if (!isBool || value > 1n) return value;
    return this.markBooleans ? new MarkedBoolean(value === 1n, position + 1, 0x31, 0x30) : value === 1n;
  }
}

function parseFloatText(cursor: PickleCursor): number {
  const text = cursor.line();
  const named = { inf: Infinity, '-inf': -Infinity, nan: NaN }[text];
  const value = named ?? Number(text);
  if (text.trim() === '' || (named === undefined && Number.isNaN(value)))
    throw cursor.error('it has a float that is none');
  return value;
}

/** The escapes of Python's `raw-unicode-escape` and of its string literals. */
function unescape(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\\'"nrt]))/g,
    (_, unicode?: string, byte?: string, plain?: string) => {
      if (plain !== undefined) return { n: '\n', r: '\r', t: '\t' }[plain] ?? plain;
      return String.fromCharCode(parseInt(unicode ?? byte ?? '', 16));
    },
  );
}

function unknownProtocol(cursor: PickleCursor, protocol: number): AppError {
  return new AppError(
    'unsupported-format',
    `${cursor.what} is a pickle of the unknown protocol ${protocol}`,
    'Save it with pickle protocol 2 to 5.',
  );
}
