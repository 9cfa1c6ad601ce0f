// Archives for the tests of the formats: committed ones, and small ones made on the spot.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync, type Zippable } from 'fflate';

import { MemorySource } from '../../../src/formats/byteSource';
import type { OpenedFile } from '../../../src/formats/format';
import { openFile } from '../../../src/formats/registry';
import type { ScriptArchive } from '../../../src/runtime/program';

export const fixtures = join(__dirname, '../../fixtures/formats');

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(fixtures, name)));
}

export function open(bytes: Uint8Array, name = 'net.pt'): Promise<OpenedFile> {
  return openFile(new MemorySource(name, bytes));
}

/** What a TorchScript file holds. */
export async function openScript(bytes: Uint8Array): Promise<OpenedFile & { readonly archive: ScriptArchive }> {
  const opened = await open(bytes);
  assert.ok(opened.contents.kind === 'script');
  return { ...opened, archive: opened.contents.archive };
}

/** Bytes from text, one character a byte: `ascii('\x80\x02.')`. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Little-endian. */
export function u32(value: number): string {
  return String.fromCharCode(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
}

export function text(value: string): string {
  return `X${u32(value.length)}${value}`;
}

/** The opcodes of a tensor over storage `key`. */
export function tensor(
  key: string,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  held = 4,
): string {
  const ints = (values: readonly number[]): string => `(${values.map((value) => `J${u32(value)}`).join('')}t`;
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text(key)}${text('cpu')}J${u32(held)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}J${u32(offset)}${ints(shape)}${ints(strides)}\x89)tR`;
}

/** The opcodes of an object of class `__torch__.NAME`. */
export function object(name: string, attributes: string): string {
  return `c__torch__\n${name}\n)\x81}(${attributes}ub`;
}

/** A TorchScript archive around the opcodes of one root object; `extra` adds or replaces entries. */
export function archive(opcodes: string, extra: Zippable = {}): Uint8Array {
  const files: Zippable = {
    'net/data.pkl': ascii(`\x80\x02${opcodes}.`),
    'net/data/0': new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
    'net/constants.pkl': ascii('\x80\x02).'),
    'net/version': ascii('3\n'),
    'net/byteorder': ascii('little'),
    'net/code/__torch__.py': [ascii('class Net(Module):\n  pass\n'), { level: 9 }],
    ...extra,
  };
  return zipSync(files, { level: 0 });
}
