// What the values of a pickle take in memory, by the instruction that makes them: one byte of it may become hundreds.

/** Bytes. */
export const WORD = 8;
/** A list with nothing in it; a dict takes twice as much, and any other object three times. */
export const WORDS_OF_CONTAINER = 8;
/** JavaScript makes room for many at once. */
export const WORDS_OF_FIRST_ITEM = 16;
/** A key and a value in a dict take twice this, besides what they are themselves. */
export const WORDS_OF_KEY = 6;

/** Of an instruction that only moves something: none is free, so that their number has an end too. */
const STEP = 1;
/** A place on the stack, with the room by which it grows, and in the list that the value ends in. */
const PLACE = 4;
export const MEMO = 3;
/** Shifts the length of a text to the words that it takes: it is there in the bytes of the pickle too. */
export const BITS_OF_WORD = 2;
const INTEGER = PLACE + 5;
/** As a hundred bytes, which are read word by word. */
const LONG_INTEGER = 24;
const FLOAT = PLACE + 5;
const TEXT = PLACE + 8;
const BYTES = PLACE + 57;
/** A class is looked up and remembered by name; a file of 40,000 classes has a place in the limit many times over. */
const CLASS = 200;

/** In words, by opcode. Containers are left to those who make them. */
export const memoryOf: Uint8Array = new Uint8Array(256).fill(STEP);

function set(words: number, opcodes: readonly number[]): void {
  for (const opcode of opcodes) memoryOf[opcode] = words;
}

set(PLACE, [0x68, 0x6a, 0x67, 0x4b, 0x4e, 0x88, 0x89, 0x28, 0x29, 0x32]); // BINGET to GET, BININT1, None, booleans, MARK, (), DUP
set(PLACE, [0x85, 0x86, 0x87, 0x74, 0x5d, 0x6c, 0x7d, 0x64, 0x8f, 0x91, 0x52, 0x81, 0x92, 0x6f]); // containers and calls
set(MEMO, [0x71, 0x72, 0x70, 0x94]); // BINPUT to MEMOIZE
set(INTEGER, [0x4d, 0x4a]); // BININT2, BININT
set(LONG_INTEGER, [0x8a, 0x8b, 0x4c, 0x49]); // LONG1, LONG4, LONG, INT
set(FLOAT, [0x47, 0x46]); // BINFLOAT, FLOAT
set(TEXT, [0x58, 0x8c, 0x8d, 0x56, 0x53, 0x54, 0x55]); // every kind of text
set(BYTES, [0x42, 0x43, 0x8e, 0x96, 0x97, 0x51, 0x50]); // every kind of bytes, and persistent ids
set(CLASS, [0x63, 0x93, 0x69, 0x82, 0x83, 0x84]); // GLOBAL, STACK_GLOBAL, INST, EXT1 to EXT4
