// What a JSON document would take in memory, told from its bytes before anything is made of them.

import { beyondLimit } from './byteSource';

const WORD = 8;
/** A program of 40,000 calls, or a header of 400,000 tensors, stays below. */
const MAX_WORDS = 48_000_000;

const CONTAINER = 10;
/** A number and its place in a list. */
const ITEM = 3;
const TEXT = 5;
/** A key that was not met before, besides its text. Others are shared, as the layouts of their objects are. */
const NEW_KEY = 35;
/** Bits by which keys are told apart. */
const HASHES = 2 ** 24;

/** @param what names the document in messages. @throws AppError `limit-exceeded`. */
export function checkMemory(bytes: Uint8Array, what: string): void {
  const met = new Uint8Array(HASHES / 8);
  let words = 0;
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
    if (words > MAX_WORDS)
      throw beyondLimit(what, `its lists, objects and texts would take more than ${(MAX_WORDS * WORD) / 1e6} MB`);
  }
}
