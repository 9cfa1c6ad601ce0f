// What a JSON document would take in memory, told from its bytes before anything is made of them.

import { beyondLimit } from './byteSource';

const WORD = 8;
/** A header of 150,000 tensors stays below. */
const MAX_WORDS = 24_000_000;
/** A call takes ten times what a tensor takes, and its stack trace has kilobytes: 20,000 of torch's stay below. */
export const wordsOfProgram = 2 * MAX_WORDS;

const CONTAINER = 10;
/** A number and its place in a list, with the room by which that grows. */
const ITEM = 5;
/** Of a byte itself: it is there as a byte, as a character of the document, and as one of a text in it. */
const BYTE = 3 / WORD;
/** The same where characters take two bytes, as they do if one of them is beyond Latin-1. */
const WIDE_BYTE = 5 / WORD;
const TEXT = 5;
/** A key that was not met before, besides its text. Others are shared, as the layouts of their objects are. */
const NEW_KEY = 35;
/** Bits by which keys are told apart. */
const HASHES = 2 ** 24;

/** @param what names the document in messages. @param most in words. @throws AppError `limit-exceeded`. */
export function checkMemory(bytes: Uint8Array, what: string, most = MAX_WORDS): void {
  const met = new Uint8Array(HASHES / 8);
  let words = bytes.length * (isAscii(bytes) ? BYTE : WIDE_BYTE);
  let hash = 0;
  for (let i = 0; i < bytes.length; i++) {
    switch (bytes[i]) {
      case 0x5b: // [
      case 0x7b: // {
        words += CONTAINER;
        break;
      case 0x2c: // ,
        words += ITEM;
        break;
      case 0x3a: // :
        words += (met[hash >>> 3]! & (1 << (hash & 7))) === 0 ? NEW_KEY : -TEXT;
        met[hash >>> 3]! |= 1 << (hash & 7);
        break;
      case 0x22: // "
        words += TEXT;
        hash = 0;
        for (i++; i < bytes.length && bytes[i] !== 0x22; i++) {
          // What is escaped does not end the text.
          if (bytes[i] === 0x5c) i++;
          hash = (Math.imul(hash, 31) + bytes[i]!) & (HASHES - 1);
        }
        break;
      default:
    }
    if (words > most) break;
  }
  if (words > most)
    throw beyondLimit(what, `its lists, objects and texts would take more than ${(most * WORD) / 1e6} MB`);
}

function isAscii(bytes: Uint8Array): boolean {
  let bits = 0;
  for (let i = 0; i < bytes.length; i++) bits |= bytes[i]!;
  return bits < 0x80;
}
