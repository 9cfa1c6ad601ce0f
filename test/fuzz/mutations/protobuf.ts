// Mutations of protobuf messages by field, without a schema: lengths, wire types, nesting. Parents keep right lengths.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { join, mutateBytes } from './bytes';

const MAX_STEPS = 4;
const MAX_DEPTH = 12;

/** Changes a few fields at any depth; now and then bytes instead. */
export function mutateProtobuf(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(6)) return mutateBytes(bytes, draw);
  const root = split(bytes, 0);
  if (root === undefined) return mutateBytes(bytes, draw);
  const script: string[] = [];
  for (let left = draw.few(MAX_STEPS); left > 0; left--) {
    const all = places(root);
    if (all.length === 0) break;
    const place = draw.pick(all);
    const step = draw.pick(steps);
    script.push(`${step.name} of field ${place.path}`);
    step(place, draw, all);
  }
  return { bytes: encode(root), script };
}

interface Field {
  number: bigint;
  wire: number;
  /** Of a varint. */
  value: bigint;
  /** Of everything else; `children` where it reads as a message. */
  content: Uint8Array;
  children: Field[] | undefined;
  /** Declared instead of the real length. */
  length?: bigint;
}

interface Place {
  readonly list: Field[];
  readonly index: number;
  readonly field: Field;
  readonly path: string;
}

/** The fields, or undefined where the bytes are no message. */
function split(bytes: Uint8Array, depth: number): Field[] | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag < 8n) return undefined;
    const wire = Number(tag & 7n);
    const value = wire === 0 || wire === 2 ? varint() : 0n;
    if (value === undefined) return undefined;
    const size = wire === 2 ? Number(value) : ({ 0: 0, 1: 8, 5: 4 }[wire] ?? Infinity);
    if (at + size > bytes.length) return undefined;
    const content = bytes.slice(at, at + size);
    at += size;
    const children = wire === 2 && size > 1 ? split(content, depth + 1) : undefined;
    fields.push({ number: tag >> 3n, wire, value, content, children });
  }
  return fields;
}

function encode(fields: readonly Field[]): Uint8Array {
  return join(
    ...fields.flatMap(({ number, wire, value, content, children, length }) => {
      const tag = varintBytes((number << 3n) | BigInt(wire));
      if (wire === 0) return [tag, varintBytes(value)];
      const inner = children === undefined ? content : encode(children);
      return wire === 2 ? [tag, varintBytes(length ?? BigInt(inner.length)), inner] : [tag, inner];
    }),
  );
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

function places(root: Field[]): Place[] {
  const found: Place[] = [];
  const visit = (list: Field[], path: string): void => {
    list.forEach((field, index) => {
      const here = `${path}${path === '' ? '' : '.'}${field.number}`;
      found.push({ list, index, field, path: here });
      if (field.children !== undefined) visit(field.children, here);
    });
  };
  visit(root, '');
  return found;
}

type Step = (place: Place, draw: Draw, all: readonly Place[]) => void;

const removeField: Step = ({ list, index }) => {
  list.splice(index, 1);
};

const repeatField: Step = ({ list, index, field }, draw) => {
  list.splice(index, 0, ...Array.from({ length: draw.pick([1, 1, 3, 200]) }, () => structuredClone(field)));
};

const moveField: Step = ({ list, field }, draw, all) => {
  const target = draw.pick(all).list;
  target.splice(draw.below(target.length + 1), 0, structuredClone(field));
  if (draw.oneIn(2)) list.splice(list.indexOf(field), 1);
};

const swapFields: Step = ({ list, index, field }, draw) => {
  if (list.length === 0) return;
  const other = draw.below(list.length);
  [list[index], list[other]] = [list[other]!, field];
};

const wireType: Step = ({ field }, draw) => {
  field.wire = draw.below(8);
};

const fieldNumber: Step = ({ field }, draw) => {
  field.number = draw.oneIn(4) ? BigInt.asUintN(32, draw.edge()) : BigInt(1 + draw.below(30));
};

const value: Step = ({ field }, draw) => {
  if (field.wire === 0) field.value = draw.numberNear(field.value);
  else if (field.children === undefined) field.content = mutateBytes(field.content, draw).bytes;
};

const declaredLength: Step = ({ field }, draw) => {
  if (field.wire === 2) field.length = draw.numberNear(BigInt(field.content.length));
};

const otherContent: Step = ({ field }, draw, all) => {
  const { children, content } = draw.pick(all).field;
  field.children = structuredClone(children);
  field.content = content;
};

const text: Step = ({ field }, draw) => {
  if (field.wire !== 2) return;
  field.children = undefined;
  field.content = new TextEncoder().encode(draw.name());
};

const nest: Step = ({ field }, draw) => {
  if (field.wire !== 2) return;
  for (let left = draw.pick([1, 70, 500]); left > 0; left--) field.children = [{ ...field, children: field.children }];
};

const steps: readonly Step[] = [
  ...[removeField, removeField, repeatField, moveField, moveField, swapFields, wireType, fieldNumber],
  ...[value, value, value, declaredLength, otherContent, otherContent, text, nest],
];
