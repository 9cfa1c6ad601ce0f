// Mutations of the two containers that are not zip: tar archives of pickles, and safetensors with its JSON header.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { join, mutateBytes, writeInteger } from './bytes';
import { mutateJson } from './json';
import { mutatePickle } from './pickle';

const BLOCK = 512;
const SIZE_FIELD = 124;

/** Changes one entry and states its new size, or the headers, or bytes. */
export function mutateTar(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(6)) return mutateBytes(bytes, draw);
  const entries = splitTar(bytes);
  const entry = draw.pick(entries);
  if (draw.oneIn(5)) {
    const { bytes: header, script } = mutateBytes(entry.header, draw);
    entry.header = header;
    return { bytes: joinTar(entries), script: ['header', ...script] };
  }
  const { bytes: content, script } = mutatePickle(entry.content, draw);
  entry.content = content;
  // Digits in octal, which a hostile size leaves wrong.
  const size = draw.oneIn(8) ? BigInt.asUintN(33, draw.edge()) : BigInt(content.length);
  entry.header.set(new TextEncoder().encode(size.toString(8).padStart(11, '0')), SIZE_FIELD);
  return { bytes: joinTar(entries), script: [`entry of ${content.length} bytes`, ...script] };
}

interface TarEntry {
  header: Uint8Array;
  content: Uint8Array;
}

function splitTar(bytes: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const header = bytes.slice(at, at + BLOCK);
    const size = parseInt(new TextDecoder().decode(header.subarray(SIZE_FIELD, SIZE_FIELD + 11)), 8);
    entries.push({ header, content: bytes.slice(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}

function joinTar(entries: readonly TarEntry[]): Uint8Array {
  const padded = entries.flatMap(({ header, content }) => [
    header,
    content,
    new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return join(...padded, new Uint8Array(2 * BLOCK));
}

/** Changes the header and states its new length, or that length, or bytes. */
export function mutateSafetensors(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(6)) return mutateBytes(bytes, draw);
  const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const { bytes: header, script } = mutateJson(bytes.slice(8, end), draw);
  const length = new Uint8Array(8);
  writeInteger(length, 0, 8, draw.oneIn(8) ? draw.numberNear(BigInt(header.length)) : BigInt(header.length));
  return { bytes: join(length, header, bytes.subarray(end)), script };
}
