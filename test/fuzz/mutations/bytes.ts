// Blind mutations: they know nothing of what the bytes mean.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';

const MAX_STEPS = 8;

/** Up to a few changes anywhere; `other` is what a splice takes its end from. */
export function mutateBytes(bytes: Uint8Array, draw: Draw, other: Uint8Array = bytes): Mutated {
  const script: string[] = [];
  let mutant: Uint8Array = bytes.slice();
  for (let left = draw.few(MAX_STEPS); left > 0 && mutant.length > 0; left--) {
    const step = draw.pick(steps);
    const at = draw.below(mutant.length);
    script.push(`${step.name} at ${at} of ${mutant.length}`);
    mutant = step(mutant, at, draw, other);
  }
  return { bytes: mutant, script };
}

type Step = (bytes: Uint8Array, at: number, draw: Draw, other: Uint8Array) => Uint8Array;

const flipBit: Step = (bytes, at, draw) => {
  bytes[at]! ^= 1 << draw.below(8);
  return bytes;
};

const setByte: Step = (bytes, at, draw) => {
  bytes[at] = draw.below(256);
  return bytes;
};

const setInteger: Step = (bytes, at, draw) => {
  writeInteger(bytes, at, draw.pick([1, 2, 4, 8]), draw.oneIn(6) ? BigInt(bytes.length) : draw.edge(), !draw.oneIn(4));
  return bytes;
};

const truncate: Step = (bytes, at) => bytes.slice(0, at);

const remove: Step = (bytes, at, draw) => join(bytes.subarray(0, at), bytes.subarray(at + draw.few(64)));

const duplicate: Step = (bytes, at, draw) => {
  const block = bytes.subarray(at, at + draw.few(64));
  return join(bytes.subarray(0, at), block, block, bytes.subarray(at + block.length));
};

const copyOver: Step = (bytes, at, draw) => {
  const from = draw.below(bytes.length);
  bytes.copyWithin(at, from, from + draw.few(256));
  return bytes;
};

const splice: Step = (bytes, at, draw, other) => join(bytes.subarray(0, at), other.subarray(draw.below(other.length)));

const steps: readonly Step[] = [
  ...[flipBit, flipBit, setByte, setByte, setByte, setInteger, setInteger, setInteger],
  ...[truncate, remove, duplicate, copyOver, splice],
];

/** Writes as much of the integer as fits behind `at`. */
export function writeInteger(bytes: Uint8Array, at: number, width: number, value: bigint, littleEndian = true): void {
  for (let i = 0; i < width; i++) {
    const place = at + (littleEndian ? i : width - 1 - i);
    if (place < bytes.length) bytes[place] = Number((value >> BigInt(8 * i)) & 255n);
  }
}

/** One after the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
