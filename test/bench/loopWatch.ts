// The longest turn of this thread's event loop: by the clock, and by the processor time in it, which no other program lengthens.

import fs from 'node:fs';

export interface LongestTurn {
  /** Milliseconds by the clock. */
  readonly turn: number;
  /** Milliseconds of processor time, to some 4 ms; undefined where the system does not tell. */
  readonly turnProcessor: number | undefined;
}

/** Watches from its making to its end, with a timer that is due each millisecond. */
export class LoopWatch {
  private clock = performance.now();
  private processor = processorTime();
  private turn = 0;
  private turnProcessor = 0;
  private readonly timer = setInterval(() => {
    this.look();
  }, 1);

  end(): LongestTurn {
    this.look();
    clearInterval(this.timer);
    return { turn: this.turn, turnProcessor: this.processor === undefined ? undefined : this.turnProcessor };
  }

  private look(): void {
    const [clock, processor] = [performance.now(), processorTime()];
    this.turn = Math.max(this.turn, clock - this.clock);
    if (processor !== undefined && this.processor !== undefined)
      this.turnProcessor = Math.max(this.turnProcessor, processor - this.processor);
    [this.clock, this.processor] = [clock, processor];
  }
}

/** Of this thread so far, in milliseconds. */
function processorTime(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return Number(fs.readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}
