// How far a task is, in per cent and in words, from what the engine tells of its steps.

import type { Progress, ProgressStep } from '../protocol/engine';

/** What a step is called, and which part of the whole bar it fills. Reading the objects takes most of the time of opening. */
const steps: Readonly<Record<ProgressStep, { readonly words: string; readonly from: number; readonly to: number }>> = {
  reading: { words: 'reading objects', from: 0, to: 60 },
  listing: { words: 'listing modules', from: 60, to: 100 },
  copying: { words: 'copying', from: 0, to: 100 },
  comparing: { words: 'comparing statistics', from: 0, to: 100 },
};

/** Turns progress into the increments that VS Code's bar takes; it never goes back. */
export class ProgressBar {
  private shown = 0;

  /** The step's own share in words, and by how much the bar grows. */
  advance({ step, done, total }: Progress): { readonly message: string; readonly increment: number } {
    const { words, from, to } = steps[step];
    const share = total > 0 ? Math.min(1, done / total) : 1;
    const percent = from + (to - from) * share;
    const increment = Math.max(0, percent - this.shown);
    this.shown += increment;
    return { message: `${words}, ${String(Math.floor(share * 100))} %`, increment };
  }
}
