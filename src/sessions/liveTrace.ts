// What traces of a live model's forwards tell the rules, and when one is traced unasked.

import type { Caller, LiveEvent } from '../insight/observations';
import type { AgentTrace } from '../protocol/agent';

/** Dropout that dropped while the module around it was in eval, and the layer that could not normalise. */
export function traceEvents({ calls, singleValue }: AgentTrace): readonly LiveEvent[] {
  const events: LiveEvent[] = calls
    .filter(({ random, flag, function: name }) => random && flag === false && name !== 'rrelu')
    .map(({ path, function: name, p, ...place }) => ({
      kind: 'dropout',
      path,
      function: name,
      p,
      caller: callerOf(place),
    }));
  if (singleValue !== null) events.push({ kind: 'singleValue', ...singleValue });
  return events;
}

function callerOf({
  file,
  line,
  in: name,
}: Pick<AgentTrace['calls'][number], 'file' | 'line' | 'in'>): Caller | undefined {
  return file === null ? undefined : { file, line: line ?? 1, function: name };
}

const mostLooks = 5;

/**
 * Traces one forward in eval of each model, so that dropout that no `eval()` reaches is found though nobody asked. What is refused,
 * since no forward came in time, is tried again a few times.
 */
export class EvalLooks {
  private left = mostLooks;
  private isLooking = false;

  constructor(private readonly trace: () => Promise<unknown>) {}

  /** A forward ran in eval: the next one may too. */
  look(): void {
    if (this.isLooking || this.left === 0) return;
    this.isLooking = true;
    this.left--;
    this.trace()
      .then(() => {
        this.left = 0;
      })
      .catch(() => undefined)
      .finally(() => {
        this.isLooking = false;
      });
  }
}
