// Mutations of zip archives: entries with other contents under right checksums, and directories that lie.

import { unzipSync, zipSync } from 'fflate';

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { mutateBytes, writeInteger } from './bytes';
import { mutateJson } from './json';
import { mutatePickle } from './pickle';
import { mutateCode } from './code';

/** Changes one or two entries and packs them anew, or edits the directory, or the bytes as they are. */
export function mutateArchive(bytes: Uint8Array, draw: Draw, other: Uint8Array = bytes): Mutated {
  const choice = draw.below(10);
  if (choice === 0) return mutateBytes(bytes, draw, other);
  return choice < 3 ? editDirectory(bytes, draw) : changeEntries(bytes, draw);
}

function changeEntries(bytes: Uint8Array, draw: Draw): Mutated {
  const entries: Record<string, Uint8Array> = unzipSync(bytes);
  const changed = new Set<string>();
  const script: string[] = [];
  for (let left = draw.few(3); left > 0; left--) {
    const names = Object.keys(entries).filter((name) => !changed.has(name));
    if (names.length === 0) break;
    const meaningful = names.filter((name) => /\.(pkl|py|json|pt)$|version$|byteorder$|archive_format$/.test(name));
    const name = draw.oneIn(10) || meaningful.length === 0 ? draw.pick(names) : draw.pick(meaningful);
    const content = entries[name] ?? new Uint8Array();
    const manner = draw.below(16);
    if (manner === 0) Reflect.deleteProperty(entries, name);
    else if (manner === 1) {
      const renamed = (draw.oneIn(2) ? draw.name() : name.replace(/[^/]*$/, draw.name())).replace(
        '__proto__',
        STAND_IN,
      );
      Reflect.deleteProperty(entries, name);
      entries[renamed] = content;
      changed.add(renamed);
      script.push(`renamed to ${JSON.stringify(renamed)}`);
    } else if (manner === 2) entries[name] = entries[draw.pick(names)] ?? content;
    else {
      const mutated = changeEntry(name, content, draw);
      entries[name] = mutated.bytes;
      script.push(...mutated.script);
    }
    changed.add(name);
    script.push(`${['removed', 'renamed', 'replaced by another'][manner] ?? 'changed'}: entry ${name}`);
  }
  return { bytes: withProtoNames(zipSync(entries, { level: draw.oneIn(6) ? 6 : 0 })), script };
}

/** fflate keeps entries in an object, where `__proto__` is no name; a name is no part of any checksum. */
const STAND_IN = '__PROTO__';

function withProtoNames(bytes: Uint8Array): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(STAND_IN); at >= 0; at = buffer.indexOf(STAND_IN, at)) buffer.write('__proto__', at);
  return bytes;
}

function changeEntry(name: string, content: Uint8Array, draw: Draw): Mutated {
  if (name.endsWith('.json')) return mutateJson(content, draw);
  if (name.endsWith('.py')) return mutateCode(content, draw);
  if (name.endsWith('.pt')) return mutateArchive(content, draw);
  if (name.endsWith('pkl')) return mutatePickle(content, draw);
  if (/version$|byteorder$|archive_format$/.test(name)) {
    const text = draw.pick([
      '',
      '0',
      '1',
      '-1',
      '99',
      '1e9',
      'big',
      'little',
      'nonsense',
      '0.1',
      '8.99',
      'pt3',
      '\0\0',
    ]);
    return { bytes: new TextEncoder().encode(text), script: [JSON.stringify(text)] };
  }
  return mutateBytes(content, draw);
}

/** Fields of a directory record, by place and width in bytes. */
type Fields = Readonly<Record<string, readonly [place: number, width: number]>>;

const recordFields: Fields = {
  ...{ flags: [8, 2], method: [10, 2], crc: [16, 4], compressed: [20, 4], size: [24, 4] },
  ...{ nameLength: [28, 2], extraLength: [30, 2], commentLength: [32, 2], offset: [42, 4] },
};
const endFields: Fields = { count: [10, 2], size: [12, 4], offset: [16, 4], comment: [20, 2] };
const end64Fields: Fields = { recordSize: [4, 8], count: [32, 8], size: [40, 8], offset: [48, 8] };
const locatorFields: Fields = { offset: [8, 8], disks: [16, 4] };
const localFields: Fields = { method: [8, 2], compressed: [18, 4], nameLength: [26, 2], extraLength: [28, 2] };

/** By the last two bytes of their signature. */
const structures: readonly (readonly [signature: number, fields: Fields])[] = [
  [0x0201, recordFields],
  [0x0201, recordFields],
  [0x0605, endFields],
  [0x0606, end64Fields],
  [0x0607, locatorFields],
  [0x0403, localFields],
];

function editDirectory(bytes: Uint8Array, draw: Draw): Mutated {
  const mutant = bytes.slice();
  const script: string[] = [];
  for (let left = draw.few(4); left > 0; left--) {
    const [signature, fields] = draw.pick(structures);
    const found = findAll(mutant, signature);
    if (found.length === 0) continue;
    const at = draw.pick(found);
    const other = draw.pick(found);
    const [field, [place, width]] = draw.pick(Object.entries(fields));
    script.push(`zip field ${field} of 0x${signature.toString(16)} at ${at}`);
    const old = mutant.slice(at + place, at + place + width).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (draw.oneIn(3)) mutant.copyWithin(at + place, other + place, other + place + width);
    else writeInteger(mutant, at + place, width, draw.numberNear(old));
    // The name of another entry, as far as the space goes.
    if (signature === 0x0201 && draw.oneIn(4)) mutant.copyWithin(at + 46, other + 46, other + 46 + draw.below(30));
  }
  return { bytes: mutant, script };
}

function findAll(bytes: Uint8Array, signature: number): number[] {
  const found: number[] = [];
  for (let i = 0; i + 4 <= bytes.length; i++) {
    const is = bytes[i] === 0x50 && bytes[i + 1] === 0x4b;
    if (is && bytes[i + 2] === (signature & 255) && bytes[i + 3] === signature >> 8) found.push(i);
  }
  return found;
}
