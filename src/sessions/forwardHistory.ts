// What the last forward of each session was and gave, so that views can show it and it can be run again.

import { createHash } from 'node:crypto';
import type { ForwardResult, OutputArray } from '../protocol/engine';
import type { ModelSession } from './modelSession';

export interface ForwardRecord {
  readonly result: Omit<ForwardResult, 'arrays' | 'digest'>;
  /** Forwards in the session so far, this one included. */
  readonly count: number;
  /** Whether the outputs are, byte for byte, those of the forward before; undefined where that had other inputs. */
  readonly repeated?: boolean;
  /** The modes it ran in, in words: `train`, `mixed 3/14`. */
  readonly mode: string;
  /** The inputs as the person wrote them; the same text makes the same values. */
  readonly inputText: string;
  /** Path of the model that ran, where the file holds several. */
  readonly model?: string | undefined;
}

/** Keeps a digest of the outputs and not the outputs: these may be large. */
export class ForwardHistory {
  private readonly records = new Map<string, { readonly record: ForwardRecord; readonly digest: string }>();

  constructor(private readonly onChange: (session: ModelSession) => void) {}

  last(session: ModelSession): ForwardRecord | undefined {
    return this.records.get(session.id)?.record;
  }

  /** Keeps a forward that ended well; `result` has `arrays`, that is, it ran with `keepOutputs`, or a digest. */
  add(
    session: ModelSession,
    run: Pick<ForwardRecord, 'inputText' | 'mode' | 'model'>,
    result: ForwardResult,
  ): ForwardRecord {
    const before = this.records.get(session.id);
    const { arrays = [], digest = digestOf(arrays), ...summary } = result;
    const comparable = before?.record.inputText === run.inputText && before.record.model === run.model;
    const record: ForwardRecord = {
      ...run,
      result: summary,
      count: (before?.record.count ?? 0) + 1,
      ...(comparable ? { repeated: before.digest === digest } : {}),
    };
    this.records.set(session.id, { record, digest });
    this.onChange(session);
    return record;
  }

  forget(session: ModelSession): void {
    if (this.records.delete(session.id)) this.onChange(session);
  }
}

function digestOf(arrays: readonly OutputArray[]): string {
  const hash = createHash('sha256');
  for (const { shape, dtype, bytes } of arrays) hash.update(`${dtype}[${shape.join(',')}]`).update(bytes);
  return hash.digest('hex');
}
