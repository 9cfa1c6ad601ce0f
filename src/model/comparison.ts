// How far apart train and eval are, layer by layer: figures over the outputs of two forwards on the same input.

import type { Problem } from './description';
import type { DType } from './dtype';

/** How far two arrays lie apart, over the elements that are finite in both. */
export interface Distance {
  /** Norm of the difference over the norm of the eval output; null where that one is zero and the other is not. */
  readonly relativeL2: number | null;
  /** Cosine of the angle between both; null where one of them is zero. */
  readonly cosine: number | null;
  /** Largest absolute difference. */
  readonly maxAbs: number;
  /** Elements that are NaN or infinite in one of the two. */
  readonly nonFinite: number;
}

/** How far the statistics of a batch lie from the running ones by which eval would have normalised. */
export interface BatchShift {
  /** Root mean square over channels of (batch mean - running mean) / sqrt(running variance + eps); null where none is finite. */
  readonly meanShift: number | null;
  /** Geometric mean over channels of (batch variance + eps) / (running variance + eps); null where none is finite. */
  readonly varianceRatio: number | null;
}

/** One module, over all the tensors that it returns in a forward. */
export interface LayerGap extends Distance {
  readonly path: string;
  /** Number of those tensors; a module may be called several times. */
  readonly outputs: number;
  /** For a BatchNorm with running statistics that normalised by the batch; of its first call. */
  readonly batchShift?: BatchShift;
}

/** *Compare Train and Eval*: the same input through the whole model in eval, then in train. */
export interface ModeComparison {
  /** In the order in which the modules returned: inner ones before those that call them, the root last. */
  readonly layers: readonly LayerGap[];
  /** The first of them whose outputs differ; null where none does. */
  readonly start: string | null;
  /** The shapes that ran. */
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: DType }[];
  readonly milliseconds: number;
  readonly problems: readonly Problem[];
}

/** Below it two outputs count as the same: kernels add up in another order when a graph is cut elsewhere. */
export const sameWithin = 1e-5;

/** The first of the layers whose outputs differ. */
export function startOfGap(layers: readonly LayerGap[]): string | null {
  return layers.find(isApart)?.path ?? null;
}

/** Says that modules had outputs that can't be compared. */
export function unlikeProblems([first, ...others]: readonly string[]): readonly Problem[] {
  if (first === undefined) return [];
  const name = first === '' ? 'The model' : `“${first}”`;
  const also = others.length === 0 ? '' : ` So do ${String(others.length)} other modules.`;
  return [
    { message: `${name} returns something of another shape or number in train than in eval.${also}`, path: first },
  ];
}

/** Whether train and eval differ by more than rounding. */
export function isApart({ relativeL2, nonFinite }: LayerGap): boolean {
  return relativeL2 === null || relativeL2 > sameWithin || nonFinite > 0;
}

/** Adds up what {@link Distance} is made of, over one pair of arrays after the other. */
export class DistanceSum {
  private difference = 0;
  private reference = 0;
  private other = 0;
  private dot = 0;
  private maxAbs = 0;
  private nonFinite = 0;

  /** @param reference what eval gave. @param other what train gave, in the same order and number. */
  add(reference: ArrayLike<number>, other: ArrayLike<number>): void {
    for (let i = 0; i < reference.length; i++) {
      const [a, b] = [reference[i] as number, other[i] as number];
      const apart = b - a;
      if (!Number.isFinite(a) || !Number.isFinite(b)) {
        // Both infinite, or both NaN, is no difference.
        if (!Object.is(a, b)) this.nonFinite++;
        continue;
      }
      this.difference += apart * apart;
      this.reference += a * a;
      this.other += b * b;
      this.dot += a * b;
      this.maxAbs = Math.max(this.maxAbs, Math.abs(apart));
    }
  }

  get distance(): Distance {
    const { difference, reference, other, dot, maxAbs, nonFinite } = this;
    const isZero = reference === 0 || other === 0;
    return {
      relativeL2: difference === 0 ? 0 : reference === 0 ? null : Math.sqrt(difference / reference),
      cosine: isZero ? null : Math.max(-1, Math.min(1, dot / Math.sqrt(reference * other))),
      maxAbs,
      nonFinite,
    };
  }
}

/** What a batch is compared by: one value a channel each; variances are biased ones. */
export interface NormalisedBatch {
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
  readonly runningMean: ArrayLike<number>;
  readonly runningVar: ArrayLike<number>;
  readonly eps: number;
}

export function batchShift({ mean, variance, runningMean, runningVar, eps }: NormalisedBatch): BatchShift {
  let [squares, logs, shifted, scaled] = [0, 0, 0, 0];
  for (let c = 0; c < mean.length; c++) {
    const spread = (runningVar[c] as number) + eps;
    const shift = ((mean[c] as number) - (runningMean[c] as number)) / Math.sqrt(spread);
    if (Number.isFinite(shift)) {
      squares += shift * shift;
      shifted++;
    }
    const log = Math.log(((variance[c] as number) + eps) / spread);
    if (Number.isFinite(log)) {
      logs += log;
      scaled++;
    }
  }
  return {
    meanShift: shifted === 0 ? null : Math.sqrt(squares / shifted),
    varianceRatio: scaled === 0 ? null : Math.exp(logs / scaled),
  };
}
