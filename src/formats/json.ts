// JSON from a file, as unknown values that their readers check.

import { damaged } from './byteSource';

const decoder = new TextDecoder('utf-8');

/** @param what names the text in messages. @throws AppError `corrupt` for bytes that are no JSON. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch (error) {
    throw damaged(what, 'its JSON can’t be read', error);
  }
}

/** A JSON object; its keys are the file's and may be any. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
