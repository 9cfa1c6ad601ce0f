// Compare Train and Eval: the same inputs through a program in both modes, and how far apart each module's outputs are.

import {
  batchShift,
  DistanceSum,
  startOfGap,
  unlikeProblems,
  type BatchShift,
  type LayerGap,
  type ModeComparison,
  type NormalisedBatch,
} from '../model/comparison';
import type { Problem } from '../model/description';
import type { ForwardObserver } from '../runtime/observer';
import type { Program } from '../runtime/program';
import type { Storage } from '../runtime/storage';
import { sameShape, type Tensor } from '../runtime/tensor';
import type { Value } from '../runtime/values';
import { tensorsIn } from './outputs';

/**
 * Runs the program in eval and then in train, and puts back whatever that changed, also where a forward fails.
 * @param forward runs the program once: on the same inputs and with the same random numbers each time.
 * @throws AppError as the forwards do.
 */
export async function compareModes(
  program: Program,
  forward: (observer: ForwardObserver) => Promise<unknown>,
): Promise<Pick<ModeComparison, 'layers' | 'start' | 'problems'>> {
  const putBack = program.remember();
  try {
    program.setTraining('', false, true);
    const inEval = new Outputs();
    await forward(inEval);
    await putBack();
    program.setTraining('', true, true);
    const gaps = new Gaps(inEval, await layersByMean(program));
    await forward(gaps);
    const layers = gaps.layers();
    return { layers, start: startOfGap(layers), problems: gaps.problems() };
  } finally {
    await putBack();
  }
}

/** Elements of one returned tensor, row-major. */
interface Output {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** What the modules returned in eval. */
class Outputs implements ForwardObserver {
  private readonly byPath = new Map<string, Output[]>();
  /** What a module returns, its parent often returns too. */
  private readonly copies = new WeakMap<Storage, { readonly version: number; readonly outputs: Output[] }>();

  moduleReturned(path: string, output: Value): void {
    const copies = tensorsIn([output]).map((tensor) => this.copy(tensor));
    const known = this.byPath.get(path);
    if (known === undefined) this.byPath.set(path, copies);
    else known.push(...copies);
  }

  normalisedByBatch(): void {
    // A layer that does so in eval has nothing to be compared with.
  }

  /** The next tensor that the module returned; it is given away. */
  take(path: string): Output | undefined {
    return this.byPath.get(path)?.shift();
  }

  /** Modules of which something was not taken. */
  rest(): string[] {
    return [...this.byPath].filter(([, outputs]) => outputs.length > 0).map(([path]) => path);
  }

  private copy(tensor: Tensor): Output {
    const { storage, shape, isWhole } = tensor;
    const known = this.copies.get(storage);
    const isKnown = known?.version === storage.version && isWhole;
    const same = isKnown ? known.outputs.find((output) => sameShape(output.shape, shape)) : undefined;
    if (same !== undefined) return same;
    const output = { shape: [...shape], values: ownNumbers(tensor) };
    if (isKnown) known.outputs.push(output);
    else if (isWhole) this.copies.set(storage, { version: storage.version, outputs: [output] });
    return output;
  }
}

/** Figures of one module while train runs. */
interface Sum {
  readonly distance: DistanceSum;
  outputs: number;
}

/** What the modules return in train, beside what they returned in eval. */
class Gaps implements ForwardObserver {
  private readonly sums = new Map<string, Sum>();
  private readonly shifts = new Map<string, BatchShift>();
  /** Modules whose outputs have no counterpart of the same shape. */
  private readonly unlike = new Set<string>();

  constructor(
    private readonly inEval: Outputs,
    private readonly pathOfMean: ReadonlyMap<Storage, string>,
  ) {}

  moduleReturned(path: string, output: Value): void {
    for (const tensor of tensorsIn([output])) {
      const other = this.inEval.take(path);
      if (other === undefined || !sameShape(other.shape, tensor.shape)) this.unlike.add(path);
      else this.add(path, other.values, tensor.toNumbers());
    }
  }

  normalisedByBatch(runningMean: Tensor, batch: NormalisedBatch): void {
    const path = this.pathOfMean.get(runningMean.storage);
    if (path !== undefined && !this.shifts.has(path)) this.shifts.set(path, batchShift(batch));
  }

  layers(): LayerGap[] {
    return [...this.sums].map(([path, { distance, outputs }]): LayerGap => {
      const shift = this.shifts.get(path);
      return { path, outputs, ...distance.distance, ...(shift === undefined ? {} : { batchShift: shift }) };
    });
  }

  problems(): readonly Problem[] {
    return unlikeProblems([...new Set([...this.unlike, ...this.inEval.rest()])]);
  }

  private add(path: string, inEval: ArrayLike<number>, inTrain: ArrayLike<number>): void {
    const sum = this.sums.get(path) ?? { distance: new DistanceSum(), outputs: 0 };
    this.sums.set(path, sum);
    sum.outputs++;
    sum.distance.add(inEval, inTrain);
  }
}

/** Elements that nobody overwrites. */
function ownNumbers(tensor: Tensor): ArrayLike<number> {
  return tensor.dtype === 'float32' ? Float32Array.from(tensor.toNumbers()) : Float64Array.from(tensor.toNumbers());
}

/** The layers that keep running statistics, by the storage of their mean. */
async function layersByMean(program: Program): Promise<Map<Storage, string>> {
  const layers = new Map<Storage, string>();
  for (const { path, batchNorm } of await program.describe()) {
    const mean = batchNorm === undefined ? undefined : program.normTensors(path).get('running_mean');
    if (mean !== undefined && !layers.has(mean.storage)) layers.set(mean.storage, path);
  }
  return layers;
}
