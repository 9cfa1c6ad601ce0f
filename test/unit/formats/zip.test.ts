// The zip reader: torch's own habits, zip64, comments, and entries read by range.

import assert from 'node:assert/strict';
import { zipSync } from 'fflate';

import { MemorySource } from '../../../src/formats/byteSource';
import { ZipArchive } from '../../../src/formats/zip';
import { ascii, u32 } from './archives';

const u16 = (value: number): string => u32(value).slice(0, 2);
const u64 = (value: number): string => u32(value) + u32(0);

interface Options {
  /** Write sizes and offsets of the entry into a zip64 field. */
  readonly wide?: boolean;
  /** Write a zip64 end record and its locator, as torch always does. */
  readonly end64?: boolean;
  readonly comment?: string;
  readonly flags?: number;
  readonly method?: number;
}

/** A zip of one stored entry, field by field. The local header has padding, as torch uses it to align storages. */
function handMade(name: string, content: string, options: Options = {}): Uint8Array {
  const { wide = false, end64 = false, comment = '', flags = 0, method = 0 } = options;
  const common = `${u16(flags)}${u16(method)}${u32(0)}${u32(0)}`;
  const sizes = wide ? u32(-1) + u32(-1) : u32(content.length) + u32(content.length);
  const extra = wide
    ? u16(0x5a4d) + u16(2) + 'ab' + u16(1) + u16(24) + u64(content.length) + u64(content.length) + u64(0)
    : '';
  const local = `PK\x03\x04${u16(45)}${common}${sizes}${u16(name.length)}${u16(8)}${name}FB\x04\0ZZZZ${content}`;
  const record = `PK\x01\x02${u16(45)}${u16(45)}${common}${sizes}${u16(name.length)}${u16(extra.length)}${u16(0).repeat(3)}${u32(0)}${wide ? u32(-1) : u32(0)}${name}${extra}`;
  const end = local.length + record.length;
  const tail = end64
    ? `PK\x06\x06${u64(44)}${u16(45)}${u16(45)}${u32(0)}${u32(0)}${u64(1)}${u64(1)}${u64(record.length)}${u64(local.length)}PK\x06\x07${u32(0)}${u64(end)}${u32(1)}`
    : '';
  return ascii(
    `${local}${record}${tail}PK\x05\x06${u32(0)}${u16(1)}${u16(1)}${u32(record.length)}${u32(local.length)}${u16(comment.length)}${comment}`,
  );
}

const open = (bytes: Uint8Array): Promise<ZipArchive> => ZipArchive.open(new MemorySource('a.zip', bytes));
const read = async (zip: ZipArchive, name: string): Promise<string> =>
  Buffer.from((await zip.read(name)) ?? []).toString('latin1');

/** Where the records of the directory begin. */
function recordsOf(bytes: Uint8Array): number[] {
  return [
    ...Buffer.from(bytes)
      .toString('latin1')
      .matchAll(/PK\x01\x02/g),
  ].map(({ index }) => index);
}

/** The same archive of two entries with the records of its directory in the other order. */
function turnedRound(bytes: Uint8Array): Uint8Array {
  const [first = 0, second = 0] = recordsOf(bytes);
  const end = Buffer.from(bytes).lastIndexOf('PK\x05\x06');
  const records = [bytes.subarray(second, end), bytes.subarray(first, second)];
  return new Uint8Array(Buffer.concat([bytes.subarray(0, first), ...records, bytes.subarray(end)]));
}

describe('ZipArchive', () => {
  it('reads what torch writes: padded local headers, and a zip64 end record without need', async () => {
    // With a name of 30 characters the record is as long as the zip64 end, and guesses at the directory's place go wrong.
    for (const name of ['n/data/0', `${'n'.repeat(23)}/data/0`]) {
      assert.equal(await read(await open(handMade(name, 'content', { end64: true })), name), 'content');
    }
  });

  it('reads zip64 sizes and offsets, and a comment at the end', async () => {
    assert.equal(await read(await open(handMade('a', 'content', { wide: true, end64: true })), 'a'), 'content');
    assert.equal(await read(await open(handMade('a', 'content', { comment: 'PK\x05\x06 is no end' })), 'a'), 'content');
  });

  it('reads deflated entries whole and stored ones by range', async () => {
    const zip = await open(
      zipSync({ deflated: [ascii('x'.repeat(1000)), { level: 9 }], stored: [ascii('0123456789'), { level: 0 }] }),
    );
    assert.equal(await read(zip, 'deflated'), 'x'.repeat(1000));
    const range = zip.rangeReader(zip.entries.get('stored')!);
    assert.deepEqual(await range(3, 4), ascii('3456'));
    await assert.rejects(range(8, 3), { code: 'corrupt' });
    await assert.rejects(range(-1, 3), { code: 'corrupt' });
    assert.deepEqual(await zip.rangeReader(zip.entries.get('deflated')!)(998, 2), ascii('xx'));
    assert.equal(await zip.read('missing'), undefined);
    await assert.rejects(zip.read('stored', 9), { code: 'limit-exceeded' });
  });

  it('reads deflated storages by turns, and refuses one that unpacks to many times its bytes', async () => {
    const size = 65 * 2 ** 20;
    const zip = await open(
      zipSync({ a: ascii('aaa'.repeat(100)), b: ascii('bbb'.repeat(100)), bomb: new Uint8Array(size) }, { level: 1 }),
    );
    const [a, b, bomb] = ['a', 'b', 'bomb'].map((name) => zip.rangeReader(zip.entries.get(name)!));
    const turns = await Promise.all([a?.(0, 2), b?.(298, 2), a?.(298, 2), b?.(0, 2)]);
    assert.deepEqual(turns, ['aa', 'bb', 'aa', 'bb'].map(ascii));
    const expected = { code: 'limit-exceeded', message: /entry bomb would unpack from \d+ bytes to 68157440/ };
    await assert.rejects(async () => bomb?.(0, 2), expected);
  });

  it('refuses encryption and foreign compression by name', async () => {
    await assert.rejects(open(handMade('a', 'x', { flags: 1 })), {
      code: 'unsupported-format',
      message: 'a.zip is encrypted',
    });
    await assert.rejects(open(handMade('a', 'x', { method: 93 })), {
      code: 'unsupported-format',
      message: /zip method 93/,
    });
  });

  it('takes entries in any order, and none that share bytes', async () => {
    const turned = turnedRound(zipSync({ a: ascii('first'), b: ascii('second') }, { level: 0 }));
    const zip = await open(turned);
    assert.deepEqual(zip.entries.keys(), ['b', 'a']);
    assert.deepEqual([await read(zip, 'a'), await read(zip, 'b')], ['first', 'second']);
    // The record of `a`, which is the second now, points into `b`.
    const view = new DataView(turned.buffer);
    const [b = 0, a = 0] = recordsOf(turned);
    view.setUint32(a + 42, view.getUint32(b + 42, true) - 1, true);
    await assert.rejects(open(turned), { code: 'corrupt', message: /overlaps/ });
  });

  it('finds an entry in its folder, with a wrong guess too', async () => {
    const { entries } = await open(zipSync({ 'n/0': ascii('x'), 'n/1': ascii('y'), 'm/1': ascii('z') }, { level: 0 }));
    for (let guess = 0; guess < 5; guess++) {
      assert.deepEqual(
        [entries.find('n/', '1', guess), entries.find('m/', '1', guess), entries.find('n/', '2', guess)],
        [1, 2, undefined],
      );
    }
  });

  it('opens an archive of many entries', async () => {
    const files = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`net/data/${i}`, ascii(String(i))]));
    const zip = await open(zipSync(files, { level: 0 }));
    assert.deepEqual([zip.entries.size, await read(zip, 'net/data/4321')], [5000, '4321']);
  });
});
