// Damaged and hostile files: one clear AppError each, no hang, no effect beyond it.

import assert from 'node:assert/strict';
import { zipSync } from 'fflate';

import { ScriptObject } from '../../../src/runtime/program';
import { AppError, type AppErrorCode } from '../../../src/util/errors';
import { archive, ascii, fixture, object, open, openScript, tensor, text, u32 } from './archives';

async function rejects(bytes: Uint8Array, code: AppErrorCode, message: RegExp, name = 'net.pt'): Promise<void> {
  await assert.rejects(open(bytes, name), (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.oneLine, message);
    assert.ok(error.message.includes(name), error.message);
    return true;
  });
}

/** Sets the little-endian field `at` bytes behind the start of the n-th directory record. */
function patchDirectory(bytes: Uint8Array, record: string, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  const name = ascii(record);
  for (let i = 0; i < copy.length - 46; i++) {
    const isRecord = copy[i] === 0x50 && copy[i + 1] === 0x4b && copy[i + 2] === 1 && copy[i + 3] === 2;
    if (!isRecord || !name.every((byte, k) => copy[i + 46 + k] === byte)) continue;
    new DataView(copy.buffer).setUint32(i + at, value, true);
    return copy;
  }
  throw new Error(`no directory record for ${record}`);
}

const SIZE = 24;
const COMPRESSED = 20;
const OFFSET = 42;

describe('files that can’t be opened', () => {
  it('names other formats by their first bytes', async () => {
    const known: readonly (readonly [bytes: Uint8Array, message: RegExp])[] = [
      [ascii('\x89HDF\r\n\x1a\n....'), /HDF5/],
      [ascii('\x1f\x8b\x08....'), /gzip/],
      [ascii('\x80\x04N.'), /pickle/],
      [zipSync({ 'a.npy': ascii('x') }), /NumPy/],
      [zipSync({ 'net/.data/extern_modules': ascii('io\n') }), /torch\.package/],
    ];
    for (const [bytes, message] of known) await rejects(bytes, 'unsupported-format', message);
    const none: readonly (readonly [bytes: Uint8Array, message: RegExp])[] = [
      [ascii('version https://git-lfs.github.com/spec/v1\noid x\n'), /git lfs pull/],
      [ascii('<!DOCTYPE html><html></html>'), /web page/],
      [ascii('{"a": 1}'), /JSON/],
      [ascii('import torch\n'), /text file/],
      [ascii(''), /is empty/],
      [ascii('\x01\x02\x03'), /no model file that we know/],
      [zipSync({ 'readme.txt': ascii('x') }), /zip archive without a model/],
    ];
    for (const [bytes, message] of none) await rejects(bytes, 'not-a-model', message);
  });
});

describe('damaged archives', () => {
  it('truncated anywhere are corrupt, or too short to be told', async () => {
    const whole = fixture('scripted.pt');
    for (let i = 0; i < 60; i++) {
      const length = Math.floor((i * whole.length) / 60);
      await assert.rejects(open(whole.slice(0, length)), (error) => {
        assert.ok(error instanceof AppError && error.message.includes('net.pt'), String(error));
        return error.code === (length < 3 ? 'not-a-model' : 'corrupt');
      });
    }
  });

  it('with lies in their directory are refused', async () => {
    const good = archive(object('Net', text('w') + tensor('0', 0, [4], [1])));
    const code = 'net/code/__torch__.py';
    const twice = patchDirectory(good, 'net/data/0', 46, 0x2f74656e);
    await open(twice);
    await rejects(patchDirectory(good, 'net/data/0', OFFSET, 0x7fffffff), 'corrupt', /./);
    await rejects(patchDirectory(good, 'net/data/0', OFFSET, 0), 'corrupt', /overlaps/);
    await rejects(patchDirectory(good, code, SIZE, 0x7fffffff), 'corrupt', /states 2147483647 bytes/);
    await rejects(patchDirectory(good, 'net/data/0', COMPRESSED, 12), 'corrupt', /states 16 bytes/);
    const { archive: net } = await openScript(patchDirectory(good, code, SIZE, 5));
    await assert.rejects(net.readCode('__torch__'), { code: 'corrupt' });
  });

  it('with one name twice are refused', async () => {
    const file = archive(object('Net', ''), { 'net/data/1': ascii('abcd') });
    const bytes = patchDirectory(file, 'net/data/1', 52, 0x302f6174);
    await rejects(bytes, 'corrupt', /two entries named net\/data\/0/);
  });

  it('do not unpack a bomb beyond its stated size', async () => {
    const bomb = archive(object('Net', ''), { 'net/code/__torch__/b.py': [new Uint8Array(2 ** 24), { level: 9 }] });
    const { archive: net } = await openScript(patchDirectory(bomb, 'net/code/__torch__/b.py', SIZE, 1000));
    await assert.rejects(net.readCode('__torch__.b'), { code: 'corrupt' });
  });

  it('with a broken pickle or missing parts are corrupt', async () => {
    await rejects(archive('N'), 'corrupt', /holds no module/);
    await rejects(archive(']'), 'corrupt', /holds no module/);
    await rejects(archive('h\x05'), 'corrupt', /data\.pkl of net\.pt/);
    await rejects(archive(object('Net', ''), { 'net/constants.pkl': ascii('N.') }), 'corrupt', /no constants/);
    const broken = archive(object('Net', ''), {
      'net/traced_inputs.pkl': ascii('h'),
      'net/code/__torch__.py.debug_pkl': ascii('h'),
    });
    const { archive: net, problems } = await openScript(broken);
    assert.match(problems[0]?.message ?? '', /sample inputs of the trace are unreadable/);
    assert.equal(await net.readSourceMap('__torch__'), undefined);
  });
});

describe('hostile pickles', () => {
  it('are listed by what they would import, and not obeyed', async () => {
    const { archive: net, problems } = await openScript(
      archive(object('Net', `${text('x')}cos\nsystem\n${text('id')}\x85R`)),
    );
    assert.match(problems.map(({ message }) => message).join('\n'), /would import os\.system/);
    assert.equal(net.root.attributes.has('x'), true);
  });

  it('that hold no module are refused with what they would import', async () => {
    await rejects(archive(`cposix\nsystem\n${text('id')}\x85R`), 'corrupt', /would import posix\.system/);
  });

  it('can give an attribute any name', async () => {
    const { archive: net } = await openScript(
      archive(object('Net', text('__proto__') + object('Evil', `${text('x')}\x88`))),
    );
    assert.ok(net.root.attributes.get('__proto__') instanceof ScriptObject);
    assert.equal((net.root as unknown as Record<string, unknown>)['x'], undefined);
  });

  it('with impossible tensors show the rest of the model', async () => {
    const bad: readonly (readonly [opcodes: string, message: RegExp])[] = [
      [tensor('0', 0, [5], [1]), /reaches to element 4 of a storage of 4/],
      [tensor('0', 3, [2], [1]), /reaches to element 4/],
      [tensor('0', 0, [2, 2], [1]), /shape is impossible/],
      [tensor('0', -1, [2], [1]), /shape is impossible/],
      [tensor('0', 0, [2], [-1]), /shape is impossible/],
      [tensor('0', 0, [2 ** 31 - 1, 2 ** 31 - 1], [0, 0]), /elements/],
      [tensor('0', 0, [4], [1], 5), /should hold 5 elements/],
      [tensor('9', 0, [4], [1]), /storage 9 is missing/],
      [tensor('../data.pkl', 0, [4], [1]), /missing/],
    ];
    for (const [opcodes, message] of bad) {
      const { archive: net, problems } = await openScript(
        archive(object('Net', `${text('w')}${opcodes}${text('training')}\x88`)),
      );
      assert.match(problems[0]?.message ?? '', message);
      assert.equal(problems[0]?.path, 'w');
      assert.equal(net.root.attributes.get('training'), true);
    }
  });

  it('with modules that contain themselves are refused', async () => {
    const cycle = `c__torch__\nNet\n)\x81q\x00}(${text('me')}h\x00ub`;
    await rejects(archive(cycle), 'corrupt', /contains itself/);
  });

  it('with modules nested or shared beyond reason are refused', async () => {
    const open = `c__torch__\nN\n)\x81}(${text('a')}`;
    await rejects(archive(`${open.repeat(600)}N${'ub'.repeat(600)}`), 'limit-exceeded', /500 deep/);
    // Each level refers twice to the one before: forty levels have a million million paths.
    let opcodes = `${object('N', '')}q\x00`;
    for (let i = 1; i < 40; i++) {
      const before = `h${String.fromCharCode(i - 1)}`;
      opcodes += `${object('N', `${text('a')}${before}${text('b')}${before}`)}q${String.fromCharCode(i)}`;
    }
    await rejects(archive(opcodes), 'limit-exceeded', /shared under more than/);
  });

  it('that set the same state again and again are stopped', async () => {
    const state = Array.from({ length: 2000 }, (_, i) => `${text(`a${i}`)}N`).join('');
    const opcodes = `}(${state}uq\x00c__torch__\nN\n)\x81${'h\x00b'.repeat(30_000)}`;
    await rejects(archive(opcodes), 'limit-exceeded', /attributes/);
  });

  it('keep one opcode from allocating what it claims', async () => {
    await rejects(archive(`B${u32(0xffffffff)}abc`), 'corrupt', /ends in the middle/);
  });
});
