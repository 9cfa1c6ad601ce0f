// The debug records of a TorchScript code file (`*.py.debug_pkl`): which of the user's lines each piece of code came from.

import { isTorchFile, type SourceLocation } from '../model/module';
import { Tuple, type SourceMap, type Value } from '../runtime/program';
import { argument } from './pickleValues';

const STRING_TABLE = 'FORMAT_WITH_STRING_TABLE';
const MAX_TEXT = 2 ** 22;
/** A frame of a trace's Python stack: `/home/me/net.py(12): forward`. */
const FRAME = /^(.+)\((\d+)\): /;

/** Where one stretch of code begins, in bytes of the code's text, and its source in the words of the file. */
interface DebugRecord {
  readonly offset: number;
  readonly range: Value;
}

/**
 * Reads the records, in torch's present format (a table of lines) or the older one (whole texts).
 * Undefined where the value is neither: a missing source line is no reason to refuse a model.
 * @param code the code file, whose lines bound the search for a record.
 */
export function readDebugRecords(value: Value, code: Uint8Array): SourceMap | undefined {
  if (!(value instanceof Tuple)) return undefined;
  const isTable = value.items[0] === STRING_TABLE;
  const table = isTable ? argument(value, 1) : undefined;
  const list = isTable ? argument(value, 2) : value;
  if (!(list instanceof Tuple) || (isTable && !(table instanceof Tuple))) return undefined;
  const records: DebugRecord[] = [];
  for (const item of list.items) {
    const offset = argument(item, 0);
    const range = argument(item, 1);
    if (typeof offset === 'bigint' && range !== undefined) records.push({ offset: Number(offset), range });
  }
  records.sort((a, b) => a.offset - b.offset);
  return new RecordMap(records, table instanceof Tuple ? table.items : undefined, code);
}

class RecordMap implements SourceMap {
  private readonly located = new Map<Value, SourceLocation | undefined>();

  constructor(
    private readonly records: readonly DebugRecord[],
    private readonly table: readonly Value[] | undefined,
    private readonly code: Uint8Array,
  ) {}

  locate(offset: number): SourceLocation | undefined {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.records[middle]!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    const found = this.at(low - 1);
    if (found !== undefined) return found;
    // Punctuation such as `_1 = ` has an empty record: the statement's own follows in the same line.
    const newline = this.code.indexOf(0x0a, offset);
    const end = newline < 0 ? this.code.length : newline;
    for (let i = low; i < this.records.length && this.records[i]!.offset < end; i++) {
      const next = this.at(i);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  private at(index: number): SourceLocation | undefined {
    const range = this.records[index]?.range;
    if (range === undefined) return undefined;
    // The pickle shares equal ranges, and a model's operators ask again and again.
    if (!this.located.has(range)) this.located.set(range, this.decode(range));
    return this.located.get(range);
  }

  /** A range is `((text, file, first line), start, end)`, the text as it stands or as indices into the table. */
  private decode(range: Value): SourceLocation | undefined {
    const source = argument(range, 0);
    const start = argument(range, 1);
    if (source === undefined || typeof start !== 'bigint') return undefined;
    const firstLine = argument(source, 2);
    const file = this.lookUp(argument(source, 1));
    if (typeof file !== 'string' || file === '' || typeof firstLine !== 'bigint') return undefined;
    const text = this.text(argument(source, 0));
    const frame = userFrame(text);
    if (frame !== undefined) return frame;
    let line = Number(firstLine);
    // Offsets count bytes; a line break is one byte, whatever stands before it.
    let position = 0;
    for (const piece of text.split('\n')) {
      position += utf8Length(piece) + 1;
      if (position > Number(start)) break;
      line++;
    }
    return line > 0 ? { file, line } : undefined;
  }

  private lookUp(value: Value | undefined): Value | undefined {
    return this.table !== undefined && typeof value === 'bigint' ? this.table[Number(value)] : value;
  }

  private text(value: Value | undefined): string {
    if (typeof value === 'string') return value;
    let text = '';
    for (const index of Array.isArray(value) ? value : []) {
      const piece = this.lookUp(index);
      if (typeof piece === 'string') text += piece;
      // A hostile record may name one long line a million times.
      if (text.length > MAX_TEXT) break;
    }
    return text;
  }
}

/** A trace records the Python stack, innermost frame first: the first one outside torch is the user's own line. */
function userFrame(stack: string): SourceLocation | undefined {
  let innermost: SourceLocation | undefined;
  for (const line of stack.split('\n')) {
    const match = FRAME.exec(line);
    if (match === null) {
      if (line === '') continue;
      return undefined;
    }
    const location = { file: match[1]!, line: Number(match[2]) };
    if (!isTorchFile(location.file)) return location;
    innermost ??= location;
  }
  return innermost;
}

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}
