// Mutations of a JSON document that keep it a document: types, numbers, keys, depth.

import type { Draw } from '../draw';
import type { Mutated } from '../mutant';
import { mutateBytes } from './bytes';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** Stands for text that JSON.stringify can't write: numbers beyond float64, and depth beyond the call stack. */
const RAW = 'RAW\u0001';
const MAX_STEPS = 4;

/** Changes a few places of the document; now and then its bytes instead. */
export function mutateJson(bytes: Uint8Array, draw: Draw): Mutated {
  if (draw.oneIn(8)) return mutateBytes(bytes, draw);
  const holder = { root: JSON.parse(new TextDecoder().decode(bytes)) as Json };
  const script: string[] = [];
  const raw: string[] = [];
  for (let left = draw.few(MAX_STEPS); left > 0; left--) {
    const all = places(holder);
    if (all.length === 0) break;
    const place = draw.pick(all);
    const step = draw.pick(steps);
    script.push(`${step.name} at ${place.path}`);
    step(place, draw, all, raw);
  }
  const text = JSON.stringify(holder.root) as string | undefined;
  const whole = (text ?? '').replace(/"RAW\\u0001(\d+)"/g, (_, i: string) => raw[Number(i)] ?? '');
  return { bytes: new TextEncoder().encode(whole), script };
}

interface Place {
  readonly parent: Record<string, Json>;
  readonly key: string;
  readonly path: string;
}

type Step = (place: Place, draw: Draw, all: readonly Place[], raw: string[]) => void;

const valueOf = ({ parent, key }: Place): Json => parent[key] ?? null;

function put({ parent }: Place, key: string, value: Json): void {
  // An assignment to `__proto__` would set the prototype instead.
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

const otherType: Step = (place, draw) => {
  put(place, place.key, draw.pick<Json>([null, true, -1, 0, 1.5, 1e308, '', [], {}, [null], { as_int: 1 }, [[]]]));
};

const hugeNumber: Step = (place, draw, _all, raw) => {
  const text = draw.oneIn(4) ? draw.pick(['1e999', '-1e999', '-0', '1e-400']) : String(draw.edge());
  put(place, place.key, `${RAW}${raw.push(text) - 1}`);
};

const deepNesting: Step = (place, draw, _all, raw) => {
  const depth = draw.pick([50, 600, 20_000]);
  const [open, close] = draw.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  put(place, place.key, `${RAW}${raw.push(`${open.repeat(depth)}1${close.repeat(depth)}`) - 1}`);
};

const removeKey: Step = ({ parent, key }) => {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
};

const renameKey: Step = (place, draw, all) => {
  const value = valueOf(place);
  removeKey(place, draw, all, []);
  const key = draw.oneIn(2) ? draw.name() : draw.pick(all).key;
  // A list with a `constructor` of its own could not be changed any more.
  if (!Array.isArray(place.parent)) put(place, key, value);
};

const otherValue: Step = (place, draw, all) => {
  put(place, place.key, structuredClone(valueOf(draw.pick(all))));
};

const otherString: Step = (place, draw, all) => {
  const strings = all.map(valueOf).filter((value) => typeof value === 'string');
  put(place, place.key, draw.oneIn(3) || strings.length === 0 ? draw.name() : draw.pick(strings));
};

const repeatItem: Step = ({ parent, key }, draw) => {
  if (!Array.isArray(parent)) return;
  const count = draw.pick([1, 2, 300]);
  parent.splice(Number(key), 0, ...Array.from({ length: count }, () => structuredClone(parent[Number(key)] as Json)));
};

const nudge: Step = (place, draw) => {
  const value = valueOf(place);
  if (typeof value === 'number') put(place, place.key, value + draw.below(5) - 2);
  else if (typeof value === 'boolean') put(place, place.key, !value);
  else if (typeof value === 'string') put(place, place.key, value.slice(0, draw.below(value.length + 1)));
};

const reorder: Step = ({ parent, key }, draw) => {
  if (!Array.isArray(parent)) return;
  const other = draw.below(parent.length);
  [parent[Number(key)], parent[other]] = [parent[other] as Json, parent[Number(key)] as Json];
};

const steps: readonly Step[] = [
  ...[otherType, otherType, hugeNumber, hugeNumber, removeKey, renameKey, otherValue, otherValue],
  ...[otherString, otherString, nudge, nudge, repeatItem, reorder, deepNesting],
];

/** Every value below the holder. The documents are ours, so that recursion is no danger here. */
function places(holder: Record<string, Json>): Place[] {
  const found: Place[] = [];
  const visit = (parent: Record<string, Json>, path: string): void => {
    for (const [key, value] of Object.entries(parent)) {
      found.push({ parent, key, path: `${path}.${key}` });
      if (typeof value === 'object' && value !== null) visit(value as Record<string, Json>, `${path}.${key}`);
    }
  };
  visit(holder, '');
  return found;
}
