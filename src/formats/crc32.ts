// CRC-32 as zip has it (ISO 3309, reflected, polynomial 0xedb88320), over bytes that come piece by piece.

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0xedb88320 : 0);
  return crc;
});

/** The checksum of what `before` is the checksum of, followed by `bytes`. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ (table[(crc ^ bytes[i]!) & 0xff] as number);
  return ~crc >>> 0;
}
