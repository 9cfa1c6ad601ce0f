// How the running statistics of a model's layers moved: a bounded number of moments for each layer, the whole time long.

import type { NormStatistics, TensorSummary } from '../model/statistics';
import type { MovementFigures, MovementPoint } from '../protocol/statisticsPanel';

/** time, batches, and minimum, mean, maximum of running mean and of running variance. */
const numbersOfPoint = 8;
const pointsOfAll = 200_000;
const fewestOfLayer = 64;
const mostOfLayer = 512;

/**
 * Keeps moments of each layer. A layer that is full loses every second moment, and from then on takes only every second one: so the
 * history goes back to the beginning, and gets coarser instead of shorter.
 */
export class StatisticsHistory {
  private readonly series = new Map<string, Series>();
  private readonly capacity: number;

  /** @param layers how many there are: the more, the fewer moments each has. */
  constructor(layers: number) {
    this.capacity = Math.min(mostOfLayer, Math.max(fewestOfLayer, Math.floor(pointsOfAll / Math.max(1, layers))));
  }

  /** Notes the figures of a layer at `time`, in seconds since the epoch. */
  add(path: string, time: number, figures: NormStatistics): void {
    let series = this.series.get(path);
    if (series === undefined) this.series.set(path, (series = new Series(this.capacity)));
    series.add([
      time,
      figures.numBatchesTracked ?? NaN,
      ...numbersOf(figures.runningMean),
      ...numbersOf(figures.runningVar),
    ]);
  }

  /** The moments of a layer, the oldest first; the last is always the latest that was added. */
  points(path: string): readonly MovementPoint[] {
    return this.series.get(path)?.points() ?? [];
  }
}

class Series {
  private numbers = new Float64Array(16 * numbersOfPoint);
  private length = 0;
  /** Of so many moments one is kept. */
  private stride = 1;
  private sinceKept = 0;

  constructor(private readonly capacity: number) {}

  add(point: readonly number[]): void {
    // What stands still is no movement, however often it is told.
    const last = this.numbers.subarray((this.length - 1) * numbersOfPoint, this.length * numbersOfPoint);
    if (this.length > 0 && point.every((value, index) => index === 0 || Object.is(value, last[index]))) return;
    // The latest is always there; unless its turn has come, the next one takes its place.
    const takesPlace = this.sinceKept > 0 && this.sinceKept < this.stride;
    if (!takesPlace) {
      if (this.length === this.capacity) this.thin();
      this.length++;
      this.sinceKept = 0;
    }
    this.sinceKept++;
    this.grow();
    this.numbers.set(point, (this.length - 1) * numbersOfPoint);
  }

  points(): MovementPoint[] {
    return Array.from({ length: this.length }, (_, index) => {
      const [time = 0, batches = NaN, ...figures] = this.numbers.subarray(
        index * numbersOfPoint,
        (index + 1) * numbersOfPoint,
      );
      return {
        time,
        batches: Number.isNaN(batches) ? null : batches,
        mean: figuresOf(figures.slice(0, 3)),
        variance: figuresOf(figures.slice(3)),
      };
    });
  }

  private thin(): void {
    const kept = Math.ceil(this.length / 2);
    for (let index = 1; index < kept; index++) {
      const from = index * 2 * numbersOfPoint;
      this.numbers.copyWithin(index * numbersOfPoint, from, from + numbersOfPoint);
    }
    this.length = kept;
    this.stride *= 2;
  }

  private grow(): void {
    if (this.length * numbersOfPoint <= this.numbers.length) return;
    const larger = new Float64Array(Math.min(this.numbers.length * 2, this.capacity * numbersOfPoint));
    larger.set(this.numbers);
    this.numbers = larger;
  }
}

function numbersOf(summary: TensorSummary | null): readonly number[] {
  return [summary?.min ?? NaN, summary?.mean ?? NaN, summary?.max ?? NaN];
}

function figuresOf([min = NaN, mean = NaN, max = NaN]: readonly number[]): MovementFigures | null {
  return Number.isNaN(mean) ? null : [min, mean, max];
}
