// JSON from a file, read step by step into what it should be; what it is not is an error that says where.

import type { AppError } from '../util/errors';
import { beyondLimit, damaged, isCount } from './byteSource';
import { checkMemory } from './jsonMemory';

const MAX_DEPTH = 200;
const decoder = new TextDecoder('utf-8');
const encoder = new TextEncoder();

/** One value of a JSON document, and where it stands in it. Every method throws `corrupt` where the value is something else. */
export class JsonValue {
  private constructor(
    private readonly value: unknown,
    private readonly key: string | number,
    private readonly parent: JsonValue | undefined,
    private readonly depth: number,
  ) {}

  /**
   * @param what names the document in messages. @param mostWords as {@link checkMemory} takes it.
   * @throws AppError `corrupt` where it is no JSON, `limit-exceeded`.
   */
  static parse(bytes: Uint8Array, what: string, mostWords?: number): JsonValue {
    checkMemory(bytes, what, mostWords);
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(bytes));
    } catch (error) {
      throw damaged(what, 'its JSON can’t be read', error);
    }
    return new JsonValue(value, what, undefined, 0);
  }

  /**
   * A JSON document that stands as text in a string of this one; undefined where the text is something else.
   * @throws AppError `limit-exceeded`.
   */
  document(): JsonValue | undefined {
    const text = this.string();
    checkMemory(encoder.encode(text), this.place().root);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    return this.child(value, 'content');
  }

  get isNull(): boolean {
    return this.value === null || this.value === undefined;
  }

  get isString(): boolean {
    return typeof this.value === 'string';
  }

  get isList(): boolean {
    return Array.isArray(this.value);
  }

  string(): string {
    if (typeof this.value !== 'string') throw this.error('no text');
    return this.value;
  }

  bool(): boolean {
    if (typeof this.value !== 'boolean') throw this.error('neither true nor false');
    return this.value;
  }

  /** A number; `NaN` and the infinities are texts in torch's JSON. */
  number(): number {
    if (typeof this.value === 'number') return this.value;
    const named = { NaN, Infinity, '-Infinity': -Infinity }[String(this.value)];
    if (named === undefined || typeof this.value !== 'string') throw this.error('no number');
    return named;
  }

  /** An int of 64 bits. JSON.parse rounds beyond 2^53; what it rounds past the largest int is that int (`x[1:]` ends there). */
  int(): bigint {
    if (typeof this.value !== 'number' || !Number.isInteger(this.value)) throw this.error('no whole number');
    const clamped = BigInt.asIntN(64, BigInt(this.value));
    if (this.value >= 2 ** 63) return 2n ** 63n - 1n;
    return this.value < -(2 ** 63) ? -(2n ** 63n) : clamped;
  }

  /** A whole number from 0. */
  count(): number {
    if (typeof this.value !== 'number' || !isCount(this.value)) throw this.error('no count');
    return this.value;
  }

  items(): JsonValue[] {
    if (!Array.isArray(this.value)) throw this.error('no list');
    return (this.value as unknown[]).map((item, i) => this.child(item, i));
  }

  /** The fields of an object, in the order of the file; one after the other, since a header has a hundred thousand. */
  *entries(): Generator<readonly [string, JsonValue]> {
    const object = this.object();
    for (const key of Object.keys(object)) yield [key, this.child(object[key], key)];
  }

  field(name: string): JsonValue {
    const found = this.optional(name);
    if (found === undefined) throw this.error(`without ${name}`);
    return found;
  }

  /** undefined where the field is missing or null. */
  optional(name: string): JsonValue | undefined {
    const object = this.object();
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    return value === undefined || value === null ? undefined : this.child(value, name);
  }

  /** The one field of a tagged union `{"as_int": 3}`. */
  union(): [tag: string, value: JsonValue] {
    const entries = Object.entries(this.object());
    const [entry] = entries;
    if (entry === undefined || entries.length > 1) throw this.error('not one of the known kinds');
    return [entry[0], this.child(entry[1], entry[0])];
  }

  /** The error that this value is `what`. */
  error(what: string, cause?: unknown): AppError {
    const { root, path } = this.place();
    return damaged(root, `${path === '' ? 'it' : path} is ${what}`, cause);
  }

  private object(): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      throw this.error('no object');
    return this.value as Record<string, unknown>;
  }

  private child(value: unknown, key: string | number): JsonValue {
    if (this.depth >= MAX_DEPTH) throw beyondLimit(this.place().root, `it is nested more than ${MAX_DEPTH} deep`);
    return new JsonValue(value, key, this, this.depth + 1);
  }

  private place(): { root: string; path: string } {
    const keys: string[] = [];
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    let at: JsonValue = this;
    for (; at.parent !== undefined; at = at.parent)
      keys.push(typeof at.key === 'number' ? `[${at.key}]` : `.${at.key.slice(0, 60)}`);
    return { root: String(at.key), path: keys.reverse().join('').replace(/^\./, '') };
  }
}
