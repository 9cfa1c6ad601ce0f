// Changes to single bytes of a file, and to the checksums that a zip archive keeps of them.

import { AppError } from '../util/errors';
import { damaged } from './byteSource';
import { crc32 } from './crc32';
import type { ZipArchive } from './zip';
import { LOCAL_HEADER, STORED, type ZipEntry } from './zipDirectory';

/** Bytes that take the place of as many others. `offset` is in bytes, from the start of the file, or of the entry. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const CHUNK = 2 ** 20;
const HAS_DESCRIPTOR = 8;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
/** Places of the checksum in a local header and in a record of the directory. */
const LOCAL_CRC = 14;
const RECORD_CRC = 16;

/**
 * The patches of the file that change one entry: those of its content, which are relative to the entry, and its checksum wherever
 * the archive keeps it. @throws AppError `unsupported-format` for a deflated entry, `corrupt`, and as the source does.
 */
export async function patchEntry(zip: ZipArchive, entry: ZipEntry, content: readonly Patch[]): Promise<Patch[]> {
  const { source } = zip;
  if (entry.method !== STORED) {
    throw new AppError(
      'unsupported-format',
      `${source.name} holds ${entry.name} deflated, so that single bytes of it can't be changed`,
      'Save the model again with PyTorch, which stores its files as they are.',
    );
  }
  const start = await zip.dataOffset(entry);
  const header = viewOf(await source.read(entry.headerOffset, LOCAL_HEADER));
  const record = viewOf(await source.read(entry.recordOffset, RECORD_CRC + 4));
  const known = record.getUint32(RECORD_CRC, true);
  const crc = u32(await crcOfPatched(zip, start, entry.size, content));
  const patches = content.map(({ offset, bytes }) => ({ offset: start + offset, bytes }));
  patches.push({ offset: entry.recordOffset + RECORD_CRC, bytes: crc });
  const hasDescriptor = (header.getUint16(6, true) & HAS_DESCRIPTOR) !== 0;
  // With a descriptor behind the content, the header may leave the checksum out as 0.
  if (!hasDescriptor || header.getUint32(LOCAL_CRC, true) !== 0) {
    patches.push({ offset: entry.headerOffset + LOCAL_CRC, bytes: crc });
  }
  if (hasDescriptor) patches.push({ offset: await descriptorCrc(zip, entry, start + entry.size, known), bytes: crc });
  return patches;
}

/** The checksum stands first in the descriptor, or behind a signature that is optional. */
async function descriptorCrc({ source }: ZipArchive, entry: ZipEntry, end: number, known: number): Promise<number> {
  const view = viewOf(await source.read(end, Math.min(8, source.size - end)));
  if (view.byteLength === 8 && view.getUint32(0, true) === DESCRIPTOR_SIGNATURE && view.getUint32(4, true) === known) {
    return end + 4;
  }
  if (view.byteLength >= 4 && view.getUint32(0, true) === known) return end;
  throw damaged(source.name, `the checksum behind its entry ${entry.name} is missing`);
}

async function crcOfPatched(
  { source }: ZipArchive,
  start: number,
  size: number,
  patches: readonly Patch[],
): Promise<number> {
  let crc = 0;
  for (let at = 0; at < size; at += CHUNK) {
    const chunk = await source.read(start + at, Math.min(CHUNK, size - at));
    for (const { offset, bytes } of patches) {
      const from = Math.max(offset, at);
      const to = Math.min(offset + bytes.length, at + chunk.length);
      if (from < to) chunk.set(bytes.subarray(from - offset, to - offset), from - at);
    }
    crc = crc32(chunk, crc);
  }
  return crc;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
