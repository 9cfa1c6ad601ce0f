// Every opcode becomes the right value, and no pickle does anything but describe itself.

import assert from 'node:assert/strict';

import { unpickle } from '../../../src/formats/pickle';
import type { PickleBytes } from '../../../src/formats/pickleValues';
import { PickleGlobal, PickleObject } from '../../../src/formats/pickleValues';
import { Dict, Tuple, type Value } from '../../../src/runtime/program';
import { AppError, type AppErrorCode } from '../../../src/util/errors';
import { ascii, text, u32 } from './archives';

/** Tells how far it is each 65,536 instructions. */
function progressOf(opcodes: string): (readonly [number, number])[] {
  const told: (readonly [number, number])[] = [];
  unpickle(ascii(opcodes), 'test.pkl', undefined, false, (...progress) => told.push(progress));
  return told;
}

const load = (opcodes: string): Value => unpickle(ascii(opcodes), 'test.pkl');
const list = (...opcodes: string[]): Value => load(`](${opcodes.join('')}e.`);

function fails(opcodes: string, code: AppErrorCode): void {
  assert.throws(
    () => load(opcodes),
    (error) => error instanceof AppError && error.code === code && error.message.includes('test.pkl'),
    JSON.stringify(opcodes),
  );
}

describe('unpickle', () => {
  it('tells how far it is, now and then', () => {
    const long = `(${'N'.repeat(560_000)}l.`;
    const [first, second, ...more] = progressOf(long);
    assert.deepEqual(
      [first, second],
      [
        [262_143, long.length],
        [524_287, long.length],
      ],
    );
    assert.deepEqual(more, []);
    assert.deepEqual(progressOf('N.'), []);
  });

  it('keeps int, float, bool and None apart', () => {
    assert.deepEqual(list('K\x01', 'M\x00\x01', 'J\xff\xff\xff\xff', 'G\x3f\xf8\0\0\0\0\0\0', '\x88', '\x89', 'N'), [
      1n,
      256n,
      -1n,
      1.5,
      true,
      false,
      null,
    ]);
    assert.deepEqual(list('I01\n', 'I00\n', 'I12\n', 'L-5L\n', 'F2.5\n', 'Finf\n'), [
      true,
      false,
      12n,
      -5n,
      2.5,
      Infinity,
    ]);
  });

  it('reads long integers of any size', () => {
    assert.deepEqual(list('\x8a\x00', '\x8a\x01\xff', `\x8a\x09${'\0'.repeat(8)}\x01`, `\x8b${u32(2)}\x00\x80`), [
      0n,
      -1n,
      2n ** 64n,
      -32768n,
    ]);
    fails(`\x8b${u32(1 << 20)}${'\x01'.repeat(1 << 20)}.`, 'limit-exceeded');
    fails('\x8b\xff\xff\xff\xff.', 'corrupt');
  });

  it('reads text and bytes of every protocol', () => {
    assert.deepEqual(
      list(
        `X${u32(3)}n\xc3\xa9`,
        '\x8c\x01a',
        `\x8d\x01${'\0'.repeat(7)}b`,
        'Vx\\u00e9\n',
        "S'it\\'s'\n",
        'U\x01c',
        `T${u32(1)}d`,
      ),
      ['né', 'a', 'b', 'xé', "it's", 'c', 'd'],
    );
    for (const opcodes of ['C\x02\x01\x02', `B${u32(2)}\x01\x02`, `\x8e\x02${'\0'.repeat(7)}\x01\x02`]) {
      assert.deepEqual((load(`${opcodes}.`) as PickleBytes).bytes, Uint8Array.of(1, 2));
    }
  });

  it('builds tuples, lists and dicts, with shared parts and cycles', () => {
    const value = load(`(K\x01K\x02t\x85\x94](h\x00K\x03e\x94}(${text('a')}h\x01us.`.replace('us.', 'u.'));
    assert.ok(value instanceof Dict);
    assert.deepEqual(value.entries.get('a'), [new Tuple([new Tuple([1n, 2n])]), 3n]);
    const cycle = load(']q\x00h\x00a.') as Value[];
    assert.equal(cycle[0], cycle);
    assert.deepEqual((load(`(${text('k')}K\x01d.`) as Dict).entries, new Map([['k', 1n]]));
    assert.deepEqual(load('(K\x01K\x02l0(K\x07t.'), new Tuple([7n]));
  });

  it('never resolves or calls what the pickle names', () => {
    const value = load(`cos\nsystem\n${text('touch /tmp/owned')}\x85R.`);
    assert.ok(value instanceof PickleObject && value.callable instanceof PickleGlobal);
    assert.equal(value.typeName, 'os.system');
    assert.deepEqual(value.args, new Tuple(['touch /tmp/owned']));
    const built = load(`\x80\x04\x8c\x01m\x8c\x01C\x93)\x81}(${text('x')}K\x01ub.`) as PickleObject;
    assert.deepEqual([built.typeName, (built.state as Dict).entries.get('x')], ['m.C', 1n]);
    assert.equal((load('(im\nC\n.') as PickleObject).typeName, 'm.C');
    assert.equal((load('(cm\nC\nK\x01o.') as PickleObject).typeName, 'm.C');
    assert.deepEqual((load('\x8f(K\x01K\x02\x90.') as PickleObject).items, [1n, 2n]);
  });

  it('keeps names such as __proto__ as mere keys', () => {
    const value = load(`}(${text('__proto__')}}(${text('polluted')}\x88uu.`) as Dict;
    assert.ok(value.entries.get('__proto__') instanceof Dict);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('refuses what contradicts itself', () => {
    for (const opcodes of [
      '',
      '.',
      '0.',
      'h\x00.',
      'X\xff\xff\xff\xffa',
      't.',
      '(.',
      'K\x01K\x01a.',
      '}(K\x01u.',
      'e.',
      '\xff.',
      'cos\n',
      'N\x8d' + '\xff'.repeat(8),
    ]) {
      fails(opcodes, 'corrupt');
    }
    fails('\x80\x09N.', 'unsupported-format');
    fails(`Nr${u32(0xffffffff)}.`, 'limit-exceeded');
  });

  it('reads a value below a mark only after the mark is gone', () => {
    fails('K\x01(\x85.', 'corrupt');
    assert.equal(load('K\x01(K\x021.'), 1n);
  });

  it('survives nesting of any depth', () => {
    const depth = 200_000;
    let value = load(`${']'.repeat(depth)}${'a'.repeat(depth - 1)}.`);
    let measured = 0;
    while (Array.isArray(value)) {
      value = value[0] ?? null;
      measured++;
    }
    assert.equal(measured, depth);
  });

  it('stops at a pickle that would fill the memory', () => {
    fails(`${'}0'.repeat(6_100_000)}N.`, 'limit-exceeded');
  });
});
